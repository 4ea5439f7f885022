#pragma once

#include "drivers/llm/http_exchange.hpp"
#include "support/source_root.hpp"

#include <array>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

/// The streams of tests/fixtures/llm, and what comes of them.

namespace tinkerbell {

inline constexpr std::array kServices = {ProviderType::openai_chat, ProviderType::openai_responses,
                                         ProviderType::anthropic, ProviderType::ollama};

constexpr SteadyTime kStart{std::chrono::seconds{1'000}};

[[nodiscard]] inline std::string recorded(ProviderType type, std::string_view name) {
  const std::string file = std::string(name_of(type)) + "-" + std::string(name) + ".txt";
  std::ifstream stream(source_root() / "tests/fixtures/llm" / file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Those that end as they should.
[[nodiscard]] inline std::vector<std::string_view> whole_recordings(ProviderType type) {
  std::vector<std::string_view> names{"calls", "length", "odd"};
  if (type != ProviderType::ollama) names.emplace_back("refusal");
  if (type == ProviderType::anthropic) names.emplace_back("pause");
  return names;
}

[[nodiscard]] inline std::string with_line_ends(std::string_view stream, std::string_view end) {
  std::string with;
  for (const char c : stream)
    with += c == '\n' ? std::string(end) : std::string(1, c);
  return with;
}

/// An attempt whose body comes in these pieces, and then ends as HTTP has it.
[[nodiscard]] inline Attempt attempt(ProviderType type, const HttpHead& head,
                                     const std::vector<std::string_view>& pieces,
                                     const ModelQuestion& question = {},
                                     Provider::TextHandler text = {}) {
  const WireFormat& format = wire_format(type);
  HttpExchange exchange(format.stream(question, std::move(text)), format.framing, HttpTimeouts{},
                        kStart);
  exchange.take_head(head);
  for (const std::string_view piece : pieces)
    exchange.take_body(piece, kStart);
  return exchange.finish(head, kStart);
}

[[nodiscard]] inline Attempt streamed(ProviderType type,
                                      const std::vector<std::string_view>& pieces,
                                      const ModelQuestion& question = {},
                                      Provider::TextHandler text = {}) {
  const std::string media(stream_type(wire_format(type).framing));
  return attempt(type, {.status = 200, .headers = {{"Content-Type", media}}}, pieces, question,
                 std::move(text));
}

}  // namespace tinkerbell

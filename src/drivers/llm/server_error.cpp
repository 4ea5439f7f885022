#include "drivers/llm/server_error.hpp"

#include "drivers/llm/server_json.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>

namespace tinkerbell {

namespace {

constexpr std::size_t kReasonBytesMax = 300;

/// What the body of a failure says, from any of the shapes that servers use.
struct ServerError {
  std::string reason;
  std::string detail;   ///< Anthropic's details.error_code, which says more than the type.
  std::string code;     ///< Text: "insufficient_quota".
  std::string type;     ///< The same where there is no code: "rate_limit_error".
  int code_number = 0;  ///< llama.cpp and OpenRouter: an HTTP status.
};

int status_at(const Json& object, const char* key) {
  const Json& status = member(object, key);
  if (!status.is_number_unsigned()) return 0;
  const auto number = status.get<std::uint64_t>();
  return number < 600 ? static_cast<int>(number) : 0;
}

ServerError read_error(const Json& error) {
  if (error.is_string()) return {.reason = error.get<std::string>()};
  if (!error.is_object()) return {.reason = dump_json(error)};
  std::string reason = text_at(error, "message");
  return {.reason = reason.empty() ? dump_json(error) : reason,
          .detail = text_at(member(error, "details"), "error_code"),
          .code = text_at(error, "code"),
          .type = text_at(error, "type"),
          .code_number = status_at(error, "code")};
}

/// OpenAI, Anthropic and Ollama wrap their error in {"error": …}; FastAPI servers say {"detail":
/// …}; proxies send HTML.
ServerError read_body(std::string_view body) {
  const std::string text = valid_utf8(body);
  const Result<Json> json = parse_json(text);
  if (!json || !json->is_object()) return {.reason = text};
  for (const char* key : {"error", "detail"}) {
    if (const auto found = json->find(key); found != json->end()) return read_error(*found);
  }
  return read_error(*json);
}

Errc meaning_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
      return Errc::unauthorized;
    case 402:
      return Errc::exhausted;
    case 404:
      return Errc::not_found;
    case 408:
    case 409:
      return Errc::unavailable;
    case 413:
      return Errc::too_large;
    case 429:
      return Errc::rate_limited;
    default:
      return status >= 500 ? Errc::unavailable : Errc::invalid;
  }
}

struct Meaning {
  std::string_view word;
  Errc code;
};

/// The codes and types that say more than the status does.
constexpr std::array kMeanings = {
    Meaning{"insufficient_quota", Errc::exhausted},
    Meaning{"billing_error", Errc::exhausted},
    Meaning{"context_length_exceeded", Errc::too_large},
    Meaning{"exceed_context_size_error", Errc::too_large},
    Meaning{"rate_limit_exceeded", Errc::rate_limited},
    Meaning{"rate_limit_error", Errc::rate_limited},
    Meaning{"authentication_error", Errc::unauthorized},
    Meaning{"permission_error", Errc::unauthorized},
    Meaning{"not_found_error", Errc::not_found},
    Meaning{"request_too_large", Errc::too_large},
    Meaning{"invalid_request_error", Errc::invalid},
    Meaning{"invalid_prompt", Errc::invalid},
};

std::optional<Errc> meaning_of_words(const ServerError& error) {
  for (const std::string& word : {error.detail, error.code, error.type}) {
    for (const Meaning& meaning : kMeanings) {
      if (word == meaning.word) return meaning.code;
    }
  }
  return std::nullopt;
}

/// Services that have no code for a conversation that is too long say so in the message: Anthropic
/// ("prompt is too long: 210000 tokens > 200000 maximum"), vLLM and many that speak OpenAI's
/// protocol ("This model's maximum context length is 8192 tokens"). Of all that could be read in a
/// message this alone is: who is wrong shortens a conversation, and is refused again.
bool says_too_long(const std::string& reason) {
  constexpr std::array<std::string_view, 4> kWords = {
      "prompt is too long", "maximum context length", "context window", "context length exceeded"};
  std::string text = reason;
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::any_of(kWords, [&](std::string_view words) { return text.contains(words); });
}

Errc meaning_of_request(const ServerError& error, Errc otherwise) {
  const Errc code = meaning_of_words(error).value_or(otherwise);
  return code == Errc::invalid && says_too_long(error.reason) ? Errc::too_large : code;
}

std::string shown(const std::string& reason) {
  return shortened(valid_utf8(reason), kReasonBytesMax);
}

}  // namespace

Error http_error(int status, std::string_view body) {
  const ServerError error = read_body(body);
  Errc code = meaning_of_status(status);
  const bool says_little = code == Errc::invalid || code == Errc::rate_limited;
  if (says_little) code = meaning_of_request(error, code);
  return {code, "HTTP " + std::to_string(status) + ": " +
                    (error.reason.empty() ? "no reason given" : shown(error.reason))};
}

Error stream_error(const Json& error) {
  const ServerError read = read_error(error);
  const Errc by_number =
      read.code_number >= 400 ? meaning_of_status(read.code_number) : Errc::unavailable;
  return {meaning_of_request(read, by_number), "the server broke off: " + shown(read.reason)};
}

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/log.hpp"
#include "tinkerbell/base/money.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/io/http_client.hpp"
#include "tinkerbell/syscall/driver.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

class BlockingPool;

/// The names stand in journals, beside what such a service must get back (KeptPiece).
enum class ProviderType : std::uint8_t {
  openai_chat,       ///< OpenAI Chat Completions and everything compatible with it.
  openai_responses,  ///< OpenAI Responses.
  anthropic,         ///< Anthropic Messages.
  ollama,            ///< Ollama's own protocol.
  offline,           ///< A playbook instead of a model: deterministic, without key and network.
};

template <>
inline constexpr std::array<std::string_view, 5> kNames<ProviderType> = {
    "openai_chat", "openai_responses", "anthropic", "ollama", "offline"};

/// Which header has the key.
enum class KeyHeader : std::uint8_t {
  authorization,  ///< "Authorization: Bearer KEY".
  x_api_key,      ///< "x-api-key: KEY".
};

/// How much a model is to think before it answers.
enum class Thinking : std::uint8_t {
  off,
  on,  ///< As much as it finds right.
  low,
  medium,
  high,
};

template <>
inline constexpr std::array<std::string_view, 5> kNames<Thinking> = {"off", "on", "low", "medium",
                                                                     "high"};

/// How much a service may be asked in a minute. 0: as much as one likes.
struct RateLimits {
  std::uint32_t requests = 0;
  std::uint32_t tokens = 0;  ///< Of questions and answers; until one is there, what it may use.
};

/// A service that answers for models. Its key goes to the origin (scheme, host, port) of `base_url`
/// and nowhere else. What is of one type is unused for the others; all but `offline` are spoken
/// over HTTP.
struct ProviderSettings {
  std::string name;
  ProviderType type = ProviderType::openai_chat;
  std::string base_url;  ///< "https://api.openai.com/v1".
  std::string api_key;   ///< Empty: none is sent.
  HttpTimeouts timeouts;
  std::uint32_t at_once = 64;                   ///< Calls; more wait in line.
  RateLimits per_minute;                        ///< Likewise.
  std::string playbook;                         ///< offline: path of the JSON file.
  std::string api_version = "2026-10-21";       ///< anthropic.
  KeyHeader key_header = KeyHeader::x_api_key;  ///< anthropic.
};

/// What a token costs.
struct Price {
  Money input;
  Money input_cached;       ///< Read from the service's cache.
  Money input_cache_write;  ///< Put into it.
  Money output;             ///< With what the model thinks.
};

/// What tasks call a model.
struct ModelSettings {
  std::string alias;
  std::string provider;              ///< The name of a ProviderSettings.
  std::string model;                 ///< As the provider names it.
  std::uint32_t tokens_max = 8'192;  ///< Of one answer: a command's own bound is cut to it, and 0
                                     ///< in a command stands for it.
  std::uint32_t context_tokens = 32'768;   ///< ollama: what the server makes room for, question and
                                           ///< answer together.
  std::optional<Price> price = {};         ///< Nothing: nobody knows; not "free".
  std::vector<std::string> fallback = {};  ///< Aliases that answer in its place, one after the
                                           ///< other, while it cannot; theirs do not count.
  std::optional<Thinking> thinking = {};   ///< Nothing: as the service does by itself. `on` is not
                                           ///< for OpenAI's protocols.
};

/// When a failed attempt is repeated. The pause is base · 2ⁿ up to its cap, less up to a quarter;
/// or what the server asks for, up to a cap of its own.
struct RetrySettings {
  std::uint32_t attempts_max = 5;     ///< Where the service failed at this very request.
  Milliseconds patience{86'400'000};  ///< From when the task asked: where the service cannot be
                                      ///< reached, is overloaded or asks for a pause, there are
                                      ///< attempts so long.
  Milliseconds pause_base{500};
  Milliseconds pause_max{60'000};
  Milliseconds retry_after_max{3'600'000};
};

struct LlmSettings {
  std::vector<ProviderSettings> providers;
  std::vector<ModelSettings> models;
  RetrySettings retry;
};

/// Whether the files that providers need can be read: the playbooks that are named. Blocks. Errors:
/// invalid, too_large, not_found, denied, io; names the provider.
[[nodiscard]] Result<void> check_files(const LlmSettings& settings);

/// Performs AwaitLLMResponse: one attempt a call; an error says when the next one may be made.
/// Loop thread only; owned by the daemon, outlives every task; the client, the pool, the clock, the
/// sink and the logger outlive it. Destroyed, it answers what is under way with
/// Errc::abandoned.
class LlmDriver final : public Driver {
 public:
  LlmDriver(boost::asio::any_io_executor loop, HttpClient& http, BlockingPool& pool,
            const Clock& clock, ProgressSink& progress, Logger& logger, LlmSettings settings);
  LlmDriver(const LlmDriver&) = delete;
  LlmDriver& operator=(const LlmDriver&) = delete;
  ~LlmDriver() override;

  /// facts.object says who may read the conversation: "openai/gpt-5 @ https://api.openai.com", with
  /// those that it falls back to behind it: "…, else local/llama @ http://127.0.0.1:8080". What is
  /// reserved is enough for each of them. Errors: not_found (no such alias; names those there are),
  /// invalid (a provider is not configured).
  void prepare(Call call, Completion<Prepared> prepared) override;

  /// Asks the first of them that can answer, as far as is known. Sends the pieces of the text to
  /// the sink as they come. Errors: those of prepare; conflict (the alias means another model or
  /// place than was judged); unauthorized, not_found, rate_limited, exhausted (the account's
  /// quota), unavailable, too_large (also: the conversation for the model), protocol, invalid,
  /// timed_out, cancelled.
  void perform(Call call, Completion<Reply> done) override;

  void cancel(CommandId id) override;

  [[nodiscard]] std::string waits_for(CommandId id) const override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tinkerbell

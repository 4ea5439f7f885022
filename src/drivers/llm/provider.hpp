#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// What a model is asked.
struct ModelQuestion {
  CommandId id;
  std::string key;    ///< Idempotency key: the same for every attempt.
  std::string model;  ///< As the provider names it.
  std::uint32_t tokens_max = 0;
  std::uint32_t context_tokens = 0;  ///< Question and answer together, for those who are told it.
  Conversation messages;
  ToolList tools;
  Json output_schema;  ///< Null: a text like any other.
  std::optional<Thinking> thinking;
};

using ModelReply = AwaitLLMResponse::Reply;

/// Whether another attempt may go better.
enum class Repeat : std::uint8_t {
  never,    ///< The request is at fault, or what it asks for has its price and would fail again.
  at_most,  ///< The service failed at this request: a few times.
  until_it_passes,  ///< The service cannot be reached, is overloaded or asks for a pause.
};

/// How one attempt to get an answer ended.
struct Attempt {
  Result<ModelReply> reply;
  Repeat repeat = Repeat::never;
  std::optional<Milliseconds> retry_after;  ///< The server's own wish.
  bool may_have_cost = false;     ///< It failed when the service was at work, or had been asked to.
  std::uint32_t passed_over = 0;  ///< Events and fields of the answer that we do not know.
};

/// One service that answers for models. Loop thread only. Attempts are independent of each other;
/// the driver repeats them.
class Provider {
 public:
  using TextHandler = std::move_only_function<void(std::string_view)>;
  using AttemptHandler = std::move_only_function<void(Attempt)>;

  Provider() = default;
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  /// Ends what is under way; its handlers are not called any more.
  virtual ~Provider() = default;

  /// Where the conversation goes: an origin or a file.
  [[nodiscard]] virtual std::string place() const = 0;

  /// The server that is talked to, without scheme and port; empty: none.
  [[nodiscard]] virtual std::string host() const = 0;

  /// Starts an attempt. `text` takes the pieces of the answer as they come; `done` is called once,
  /// never before ask() has returned.
  virtual void ask(ModelQuestion question, TextHandler text, AttemptHandler done) = 0;

  /// Ends the attempt of a command with Errc::cancelled (or its reply, if that was faster). Unknown
  /// ids are ignored.
  virtual void cancel(CommandId id) = 0;
};

}  // namespace tinkerbell

#pragma once

#include "support/llm_wire.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tinkerbell {

/// A request to the model, as the server's ledger keeps it.
struct LlmRequest {
  Wire wire = Wire::openai_chat;
  std::string key;        ///< Idempotency-Key.
  std::size_t asked = 1;  ///< How often a request with this key has come, this one included.
  Json body;

  /// Answers of the model that the conversation holds so far.
  [[nodiscard]] std::size_t turn() const;

  /// The first message of the user.
  [[nodiscard]] std::string goal() const;

  /// The last message: mostly what the model is told of its call's outcome.
  [[nodiscard]] std::string last() const;
};

struct LlmReply {
  int status = 200;
  std::string content_type = "text/event-stream";
  std::vector<std::string> pieces;    ///< Of the body, each in a write of its own.
  std::optional<std::size_t> hold{};  ///< Stalls before this piece until the gate is open.
  bool cut = false;                   ///< The connection ends in the middle of the body.
  std::string headers{};              ///< More of them, each with its CRLF.
};

/// An answer in words, which ends an agent.
[[nodiscard]] LlmReply says(std::string_view text, Wire wire = Wire::openai_chat);

/// One tool call, with a few words before it; the words and each call are pieces of their own.
[[nodiscard]] LlmReply calls(std::string_view tool, const Json& arguments,
                             Wire wire = Wire::openai_chat);

/// The same with arguments as they are, JSON or not.
[[nodiscard]] LlmReply calls_raw(std::string_view tool, std::string_view arguments);

/// Several calls in one answer.
[[nodiscard]] LlmReply calls_at_once(std::vector<LlmCall> calls, Wire wire = Wire::openai_chat);

/// Any answer.
[[nodiscard]] LlmReply answers(const LlmWords& words, Wire wire);

/// The same answer (of a chat) with other figures than 10 tokens in and 5 out, in the server's own
/// form.
[[nodiscard]] LlmReply with_usage(LlmReply reply, const Json& usage);

/// An answer that is no stream of events.
[[nodiscard]] LlmReply responds(int status, std::string content_type, std::string body);

/// A server on loopback, of all wire formats at once, that answers each request by a function of
/// it, and keeps a ledger of all that it was asked. A thread per connection; connections are kept
/// alive.
class ScriptedLlm {
 public:
  /// Called by one thread at a time.
  using Script = std::function<LlmReply(const LlmRequest&)>;

  explicit ScriptedLlm(Script script);
  ScriptedLlm(const ScriptedLlm&) = delete;
  ScriptedLlm& operator=(const ScriptedLlm&) = delete;
  ~ScriptedLlm();

  /// The script that gives the n-th answer in the n-th turn, whoever asks.
  static Script in_turn(std::vector<LlmReply> replies);

  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// For those who speak to it like this.
  [[nodiscard]] std::string base_url(Wire wire = Wire::openai_chat) const {
    const bool below_v1 = wire == Wire::openai_chat || wire == Wire::openai_responses;
    return "http://127.0.0.1:" + std::to_string(port_) + (below_v1 ? "/v1" : "");
  }

  /// Lets all answers go on that are held, now and later.
  void open_gate();

  /// Cuts all connections, stalled answers too; whoever comes is refused until it comes back.
  void go_away();
  void come_back();

  /// Answers that stall at the gate.
  [[nodiscard]] std::size_t held() const { return held_; }

  [[nodiscard]] std::size_t connections() const { return connections_; }

  /// All requests so far, in the order in which they came.
  [[nodiscard]] std::vector<LlmRequest> ledger() const;

 private:
  void accept_connections();
  void serve(int connection);
  LlmReply answer_to(std::string_view head, std::string_view body);
  bool send_reply(int connection, const LlmReply& reply);
  void wait_at_gate();

  Script script_;
  std::uint16_t port_ = 0;
  UniqueFd place_;     ///< Keeps the port when nobody listens there.
  UniqueFd listener_;  ///< None: it is away.
  std::atomic<std::size_t> held_ = 0;
  std::atomic<std::size_t> connections_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable gate_;
  bool gate_open_ = false;
  bool is_away_ = false;  ///< Or about to end.
  std::vector<LlmRequest> ledger_;
  std::list<UniqueFd> open_;  ///< Every connection that there was; closed at the end.
  std::vector<std::thread> servers_;
  std::thread acceptor_;
};

}  // namespace tinkerbell

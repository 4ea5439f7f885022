#pragma once

#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/mcp/call_result.hpp"
#include "tinkerbell/mcp/tool.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::mcp {

/// How a server is spoken to.
enum class Era : std::uint8_t {
  unknown,  ///< Nobody has found out yet.
  modern,   ///< 2026-07-28: no handshake.
  legacy,   ///< 2025-11-25 and before: initialize.
};

/// Our side of one connection with a server of the Model Context Protocol. Pure: lines and time
/// come from outside. Source: modelcontextprotocol.io/specification/2026-07-28 and 2025-11-25.
class Client {
 public:
  using RequestId = std::uint64_t;

  struct Parts {
    std::function<void(std::string line)> send;       ///< Without its end.
    std::function<void(std::string_view what)> tell;  ///< What the server does wrong, in words.
    std::function<void()> settled;  ///< The era is known, or that there is none (failure()).
    std::string nonce;              ///< Of this connection and no other.
  };

  struct Call {
    std::string tool;
    Json arguments;
    Json input_responses;                                 ///< Null: none.
    std::string request_state;                            ///< As in the result that asked for them.
    std::function<void(std::string_view text)> progress;  ///< May be empty.
  };

  explicit Client(Parts parts) : parts_(std::move(parts)) {}

  /// Asks the server which era is its: server/discover first, unless it is known to be of old.
  void begin(Era known = Era::unknown);

  /// It said nothing to that for a while: it is of old.
  void discovery_timed_out();

  /// Requests that are made before the era is known wait for it.
  void list_tools(Completion<ToolList> done);
  RequestId call(Call call, Completion<CallResult> done);

  /// Tells the server that nobody waits for this call any more, and answers Errc::cancelled.
  void cancel(RequestId id);

  /// Gives up a call whose time is up: the same with another answer, the one if the server may have
  /// begun it, else the other.
  void give_up(RequestId id, const Error& begun, const Error& other);

  /// Takes a line of the server. What is no message, or nobody's, is told and passed over. Errors:
  /// protocol, too_large: it is of no use any more.
  [[nodiscard]] Result<void> take(std::string_view line);

  /// The connection has ended: calls that the server may have begun get the one, all others the
  /// other error.
  void lost(const Error& begun, const Error& other);

  [[nodiscard]] Era era() const { return era_; }

  /// Why it cannot be spoken to.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  /// It has said that its tools are others now; asked again since then: no.
  [[nodiscard]] bool tools_changed() const { return tools_changed_; }

  /// Whether a call of an old server waits for the answer to the question with this request_state.
  [[nodiscard]] bool is_parked(const std::string& request_state) const {
    return parked_.contains(request_state);
  }

  /// Requests that the server owes an answer, and calls that wait for ours.
  [[nodiscard]] std::size_t open() const { return pending_.size() + parked_.size(); }

 private:
  /// An answer as it came, or why none does.
  struct Answer {
    std::optional<Json> result;
    std::int64_t code = 0;
    std::string message;
    Json data;
    std::optional<Error> none;

    [[nodiscard]] Error error(std::string_view method) const;
  };

  using Handler = std::move_only_function<void(Answer)>;

  struct Pending {
    Handler handler;
    bool is_call = false;
    std::function<void(std::string_view)> progress;
  };

  /// A call that an old server has interrupted with a question of its own.
  struct Parked {
    RequestId call = 0;
    Json question;                 ///< The id of its request.
    std::optional<Answer> answer;  ///< It went on without ours.
  };

  RequestId request(std::string_view method, Json params, Handler handler);
  void notify(std::string_view method, Json params);
  void reply(const Json& id, std::string_view key, Json value);
  void discovered(const Answer& answer);
  void initialize();
  void initialized(const Answer& answer);
  void settle(Era era);
  void fail(Error why);
  void next_page(ToolList list, std::set<std::string> cursors, std::string cursor,
                 Completion<ToolList> done);
  void send_call(RequestId id, Call call, Completion<CallResult> done);
  void resume(RequestId id, Call call, Completion<CallResult> done);
  void finish_call(const Answer& answer, Completion<CallResult> done);
  void end_call(RequestId id, const Error& why);
  Result<void> take_answer(const Json& message);
  Result<void> take_request(const Json& message);
  Result<void> take_notification(const Json& message);
  void elicit(const Json& message);
  Result<void> stray(std::string_view what);
  [[nodiscard]] Json with_meta(Json params) const;

  Parts parts_;
  Era era_ = Era::unknown;
  std::optional<Error> failure_;
  RequestId last_id_ = 0;
  RequestId discovery_ = 0;
  std::map<RequestId, Pending> pending_;
  std::map<std::string, Parked> parked_;    ///< By the request_state that stands for them.
  std::map<RequestId, RequestId> aliases_;  ///< The id by which the server knows a call → ours.
  std::set<RequestId> given_up_;            ///< An answer may still come, and means nothing.
  std::vector<std::move_only_function<void()>> waiting_;  ///< For the era.
  std::map<RequestId, Completion<CallResult>> not_sent_;  ///< Calls among those.
  bool tools_changed_ = false;
  std::size_t strays_ = 0;
  std::size_t unasked_ = 0;  ///< Messages since the newest answer that nobody asked for.
};

}  // namespace tinkerbell::mcp

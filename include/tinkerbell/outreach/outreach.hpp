#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/base/log.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/protocol/approval.hpp"
#include "tinkerbell/protocol/event.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

class ProgramLine;

/// What a person is told of.
enum class Occasion : std::uint8_t {
  question,  ///< One was opened.
  failed,    ///< A task has failed.
  budget,    ///< A task is held at the end of its budget.
};

template <>
inline constexpr std::array<std::string_view, 3> kNames<Occasion> = {"question", "failed",
                                                                     "budget"};

/// Programs that reach a person who is not at the terminal.
struct OutreachSettings {
  std::vector<std::string> notify;  ///< Is told; empty: there is none.
  std::vector<Occasion> on;         ///< Of what.
  Milliseconds notify_timeout{30'000};
  std::vector<std::string> ask;  ///< May answer questions; empty: there is none.
  Milliseconds ask_timeout{600'000};
};

/// Tells a program what happened, and lets another one answer questions. Whatever they do or fail
/// to do is in the log, and nothing else waits for them. Loop thread.
class Outreach {
 public:
  /// Answers a question as a person does at the control socket.
  using Decide = std::function<void(ApprovalId, const protocol::DecisionRequest&, std::string via,
                                    Completion<void> done)>;

  Outreach(const boost::asio::any_io_executor& loop, OutreachSettings settings, Logger& logger,
           Decide decide);
  Outreach(const Outreach&) = delete;
  Outreach& operator=(const Outreach&) = delete;
  ~Outreach();

  /// Something happened, for the first time.
  void tell(const protocol::EventView& event);

  /// Whether there is a program that answers.
  [[nodiscard]] bool asks() const { return ask_ != nullptr; }

  /// Asks it about an open question.
  void ask(const protocol::ApprovalView& approval);

 private:
  void notify(Occasion occasion, const Json& view);
  void answered(const protocol::ApprovalView& approval, Result<std::string> said);
  void decided(const Json& decision);

  OutreachSettings settings_;
  Logger& logger_;
  Decide decide_;
  std::map<ApprovalId, std::uint64_t> asked_;  ///< The runs about them.
  std::unique_ptr<ProgramLine> notify_;
  std::unique_ptr<ProgramLine> ask_;
};

/// What a program wrote as its answer to a question: a DecisionRequest as JSON, bound to the hash
/// of that question. Errors: invalid, too_large, conflict (another hash), not_found (it says
/// nothing).
[[nodiscard]] Result<protocol::DecisionRequest> decision_in(std::string_view output,
                                                            const protocol::ApprovalView& approval);

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/kernel/task.hpp"

#include <string>
#include <vector>

namespace tinkerbell {

/// What speaks for a draft: the newest programs that ran in it, and how they ended.
class WorkReport {
 public:
  WorkReport() = default;

  explicit WorkReport(std::vector<std::string> programs) : programs_(std::move(programs)) {}

  /// Whatever is no program is passed over.
  void add(const TaskCommand& command, const Result<Reply>& outcome);

  [[nodiscard]] std::string text() const;

  [[nodiscard]] const std::vector<std::string>& programs() const { return programs_; }

 private:
  std::vector<std::string> programs_;  ///< The newest last.
};

/// Takes over what is in the task's draft, or what of it is at or below `paths`, once a person has
/// said yes. Asks git before what it ignores. Errors: those of AwaitDraftAccept.
[[nodiscard]] Task<Result<AwaitDraftAccept::Reply>> accept_draft(std::vector<std::string> paths,
                                                                 std::string report);

/// "3 paths taken over, 1 left in the draft: .envrc".
[[nodiscard]] std::string summary_of(const AwaitDraftAccept::Reply& reply);

/// What came of offering a draft to a person.
struct HandOver {
  std::string note;       ///< For those who look at the task.
  std::string objection;  ///< Why not, in the person's words, for more work. Empty: it is over.
};

/// Offers the calling task's draft, and waits for what a person says. Errors: cancelled.
[[nodiscard]] Task<Result<HandOver>> hand_over(std::string report);

}  // namespace tinkerbell

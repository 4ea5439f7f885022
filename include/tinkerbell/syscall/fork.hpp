#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/journal/store.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <vector>

namespace tinkerbell {

/// What a fork begins with. Pure values; any thread.
struct ForkPlan {
  TaskPayload task;          ///< Nobody approves all for it, whoever did for the other one.
  Lsn end{0};                ///< Of the other task: the result of the step after which this one
                             ///< begins.
  std::vector<Record> past;  ///< Copies of what the other one recorded up to there.
  std::vector<Record> to_replay;  ///< What of them the task is brought back from.
  WallTime created{};
};

/// What a fork of the task with these records, all that it has, would begin with after `step` (0:
/// before its first). Left out of its past are: what people said about when it stops, grants for
/// the whole task, and states that it noted before the newest. Errors: not_found (it has no such
/// step), conflict (the step is still under way, or it was told to end before that), invalid.
[[nodiscard]] Result<ForkPlan> plan_fork(const TaskHead& head, const std::vector<Record>& records,
                                         Seq step);

/// Makes it the plan of this task and no other, which begins now: gives the records their owner,
/// and it a draft of its own. Once, before it is handed to SystemCalls.
void become(TaskId task, WallTime now, ForkPlan& plan);

}  // namespace tinkerbell

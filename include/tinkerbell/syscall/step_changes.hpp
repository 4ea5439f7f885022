#pragma once

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/step_changes.hpp"
#include "tinkerbell/journal/record.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What the records of a task say of the files that it changed.

namespace tinkerbell {

/// Something that a step may have changed, and its records do not say how.
struct UnknownChange {
  CommandId step;
  Lsn ended{0};
  std::string path;  ///< Empty: nobody knows where.
  std::string why;   ///< For people: "nobody knows what became of it".

  bool operator==(const UnknownChange&) const = default;
};

struct TaskChanges {
  std::vector<StepChanges> workspace;  ///< In the order of their results.
  std::vector<StepChanges> draft;      ///< In the draft in which it works; likewise.
  std::vector<UnknownChange> unknown;
};

/// Of a task that is a fork without what its first steps changed: those were another one's. A
/// record that cannot be read says nothing.
[[nodiscard]] TaskChanges changes_of_task(std::span<const Record> records);

/// The newest result of a task's steps up to `step`; 0: there is none.
[[nodiscard]] Lsn end_of_step(std::span<const Record> records, Seq step);

/// Shows the contents of files that stand in the records of a task and perhaps nowhere else: what a
/// file was before it was written or edited, and what that made of it. Stops at the first error.
[[nodiscard]] Result<void> for_each_content(
    std::span<const Record> records,
    const std::function<Result<void>(const Sha256& hash, std::string_view content)>& visit);

}  // namespace tinkerbell

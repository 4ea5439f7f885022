#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/command/file_change.hpp"
#include "tinkerbell/command/step_changes.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tinkerbell {

/// A path to which, or to a directory above which, somebody else wrote after one step and before
/// another.
struct WrittenBetween {
  std::string path;
  CommandId earlier;  ///< Left it otherwise than the later one found it.
  CommandId later;

  bool operator==(const WrittenBetween&) const = default;
};

struct WayBack {
  std::vector<FileChange> changes;     ///< To make, in byte order of the paths.
  std::vector<WrittenBetween> others;  ///< In byte order: those that do not go all the way.
};

/// What takes back all that these steps, in any order, changed after the record `after`: back to
/// how each path was then, or to the newest version of it that was somebody else's.
///
/// For each path what one step left must be what the next one found; else somebody else wrote
/// between them, and what that one wrote stays (or comes back). Steps that overlap in time, such as
/// the programs of two tasks, may tell the same change twice and may each tell a part of it: what
/// the path was before the first and after the last is what counts. A path that ends as it began
/// is no change.
///
/// `before` is how the steps left the path. Whether it is still so, nobody knows here.
[[nodiscard]] WayBack way_back(std::span<const StepChanges> steps, Lsn after);

/// How each path that these steps ever changed was at the record `at`, as far as they tell: as the
/// newest of them up to there left it, or as the first of them after it found it.
[[nodiscard]] std::map<std::string, std::optional<FileState>> states_at(
    std::span<const StepChanges> steps, Lsn at);

}  // namespace tinkerbell

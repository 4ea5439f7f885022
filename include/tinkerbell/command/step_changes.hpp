#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <vector>

namespace tinkerbell {

/// What a step changed in a directory, be that a workspace or a draft of it.
struct StepChanges {
  CommandId step;
  Lsn started{0};                   ///< Before this record it had changed nothing.
  Lsn ended{0};                     ///< After this one, its result, neither.
  std::vector<FileChange> changes;  ///< Each path once.
};

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/task.hpp"
#include "tinkerbell/syscall/await.hpp"

#include <string>

namespace tinkerbell {

/// Takes back what another task changed (kUndoKind): a task, so that it is asked, journalled,
/// survives a crash, and can be taken back itself.

/// `arguments`: {"restore": an AwaitFileRestore, "unknown": [what that task may have changed
/// besides, in words]}. Errors: invalid.
[[nodiscard]] Result<Json> freeze_undo(const Json& arguments);

/// Returns {"summary": …, "changed": [the first thousand paths], "left": […]}. Errors: those of
/// AwaitFileRestore.
[[nodiscard]] Task<Result<Json>> run_undo(TaskStart start);

[[nodiscard]] std::string undo_title(const Json& arguments);

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/task.hpp"
#include "tinkerbell/syscall/await.hpp"

#include <string>

namespace tinkerbell {

/// What people do with the draft that a task left behind (kAcceptKind, kDropKind): tasks that work
/// in that draft, so that what they do is asked, journalled and survives a crash like all else.

/// `arguments` may have "paths": what of it to accept. Errors: invalid.
[[nodiscard]] Result<Json> freeze_accept(const Json& arguments);

/// Without arguments. Errors: invalid.
[[nodiscard]] Result<Json> freeze_drop(const Json& arguments);

/// Returns {"summary": …, "changed": [the first thousand paths], "left": […]}. Errors: those of
/// AwaitDraftAccept.
[[nodiscard]] Task<Result<Json>> run_accept(TaskStart start);

/// Returns {"summary": …}. Errors: those of AwaitDraftDrop.
[[nodiscard]] Task<Result<Json>> run_drop(TaskStart start);

[[nodiscard]] std::string accept_title(const Json& arguments);
[[nodiscard]] std::string drop_title(const Json& arguments);

}  // namespace tinkerbell

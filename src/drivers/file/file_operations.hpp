#pragma once

#include "tinkerbell/drivers/file/file_driver.hpp"
#include "tinkerbell/syscall/driver.hpp"
#include "tinkerbell/workspace/workspace.hpp"

namespace tinkerbell {

/// The stations of a file command as plain blocking functions. Errors as FileDriver says.
[[nodiscard]] Result<Prepared> prepare_file(const Workspace& workspace, const Call& call,
                                            const FileLimits& limits);
[[nodiscard]] Result<Reply> perform_file(const Workspace& workspace, const Call& call,
                                         const FileLimits& limits);
[[nodiscard]] Result<Reply> recover_file(const Workspace& workspace, const Call& call);

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/drivers/file/file_driver.hpp"
#include "tinkerbell/syscall/driver.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <stop_token>
#include <string>

namespace tinkerbell {

/// Where a file command takes place, and within which limits.
struct FileScene {
  const Workspace& workspace;  ///< Or a draft of it.
  ContentStore& contents;
  const FileLimits& limits;
  std::stop_token stop;
};

/// The stations of a file command as plain blocking functions. Errors as FileDriver says.
[[nodiscard]] Result<Prepared> prepare_file(const FileScene& scene, const Call& call);
[[nodiscard]] Result<Reply> perform_file(const FileScene& scene, const Call& call);
[[nodiscard]] Result<Reply> recover_file(const FileScene& scene, const Call& call);

/// Whether a place within the workspace is the daemon's own.
[[nodiscard]] bool is_own(const std::string& place, const FileScene& scene);

[[nodiscard]] Error not_for_tasks(const std::string& place);

}  // namespace tinkerbell

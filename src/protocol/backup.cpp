#include "tinkerbell/protocol/backup.hpp"

#include <climits>

namespace tinkerbell::protocol {

Result<void> check(const BackupRequest& request) {
  if (request.directory.size() >= PATH_MAX) {
    return Error{Errc::too_large,
                 "the directory's name is longer than " + std::to_string(PATH_MAX - 1) + " bytes"};
  }
  if (!request.directory.starts_with('/') || request.directory.contains('\0')) {
    return Error{Errc::invalid, "the directory is no absolute path"};
  }
  return {};
}

}  // namespace tinkerbell::protocol

#include "journal/blob_file.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

Error failed(std::string_view operation, const fs::path& path) {
  return os_error(std::string(operation) + " " + path.string(), errno);
}

/// False: there is no room for it.
Result<bool> make_directory(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0) {
    if (errno == ENOSPC || errno == EDQUOT) return false;
    return errno == EEXIST ? Result<bool>(true) : failed("create", directory);
  }
  if (Result<void> synced = sync_directory(directory.parent_path()); !synced) {
    return synced.error();
  }
  return true;
}

/// Opens and keeps room for `bytes`. errno, or 0.
int begin_file(const fs::path& file, std::size_t bytes, UniqueFd& made) {
  made.reset(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return errno;
  return ::posix_fallocate(made.get(), 0, static_cast<off_t>(bytes));
}

}  // namespace

Result<bool> make_blob_file(const fs::path& file, std::string_view bytes) {
  const fs::path directory = file.parent_path();
  const fs::path partial = file.string() + std::string(kPartialSuffix);
  const Result<bool> there = make_directory(directory);
  if (!there || !*there) return there;
  UniqueFd made;
  if (const int failure = begin_file(partial, bytes.size(), made); failure != 0) {
    (void)::unlink(partial.c_str());
    if (failure == ENOSPC || failure == EDQUOT) return false;
    return os_error("create " + partial.string(), failure);
  }
  if (Result<void> written = write_all(made.get(), bytes, partial.string()); !written) {
    return written.error();
  }
  if (::fdatasync(made.get()) != 0) return failed("sync", partial);
  if (::rename(partial.c_str(), file.c_str()) != 0) return failed("name", file);
  if (Result<void> synced = sync_directory(directory); !synced) return synced.error();
  return true;
}

}  // namespace tinkerbell

#include "journal/kept_version.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr int kAllPages = -1;

/// By a connection of its own, whose end closes the file.
Result<void> copy_into(SqliteConnection& database, const fs::path& file) {
  Result<SqliteConnection> copy = SqliteConnection::open(file);
  if (!copy) return copy.error();
  // It is synced when it is whole; what a sudden end leaves of it is of no use.
  if (Result<void> set = copy->execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF");
      !set) {
    return set;
  }
  const Result<SqliteBackup> backup = database.begin_backup_to(*copy);
  if (!backup) return backup.error();
  const Result<bool> all = SqliteConnection::copy_pages(*backup, *copy, kAllPages);
  return all ? Result<void>{} : Result<void>(all.error());
}

}  // namespace

Result<void> keep_version(SqliteConnection& database, const fs::path& file, std::int64_t version) {
  const fs::path kept =
      file.parent_path() / (file.stem().string() + "-" + std::to_string(version) + ".db");
  const fs::path partial = kept.string() + ".partial";
  const UniqueFd made(
      ::open(partial.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return os_error("create " + partial.string(), errno);
  if (Result<void> copied = copy_into(database, partial); !copied) {
    return copied.error().with("copy to " + partial.string());
  }
  if (::fsync(made.get()) != 0) return os_error("sync " + partial.string(), errno);
  if (::rename(partial.c_str(), kept.c_str()) != 0) {
    return os_error("name " + kept.string(), errno);
  }
  return sync_directory(kept.parent_path());
}

}  // namespace tinkerbell

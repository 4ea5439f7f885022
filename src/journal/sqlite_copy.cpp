#include "journal/sqlite_copy.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr int kSlicePages = 256;  // 1 MiB

constexpr std::string_view kCopiedText =
    "A copy of the journal of another state directory, made while its daemon ran. The runs of\n"
    "programs were not copied. tinkerbelld removes this file when it has taken the copy over.\n";

Result<void> make_file(const fs::path& file, std::string_view content) {
  const UniqueFd made(
      ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return os_error("create " + file.string(), errno);
  if (Result<void> written = write_all(made.get(), content, file.string()); !written) {
    return written;
  }
  if (::fsync(made.get()) != 0) return os_error("sync " + file.string(), errno);
  return {};
}

class SqliteCopy final : public StoreCopy {
 public:
  SqliteCopy(fs::path partial, fs::path directory)
      : partial_(std::move(partial)), directory_(std::move(directory)) {}

  ~SqliteCopy() override {
    if (backup_ == nullptr) return;
    backup_.reset();
    target_.reset();
    std::error_code ignored;
    fs::remove_all(partial_, ignored);
  }

  [[nodiscard]] Result<void> begin(SqliteConnection& database);
  [[nodiscard]] Result<bool> copy_more() override;

 private:
  [[nodiscard]] fs::path file() const { return partial_ / "journal.db"; }

  [[nodiscard]] Result<void> put_in_place();

  fs::path partial_;
  fs::path directory_;
  std::optional<SqliteConnection> target_;
  SqliteBackup backup_;  ///< Null: not begun, or all is in place.
};

Result<void> SqliteCopy::begin(SqliteConnection& database) {
  if (Result<void> made = make_file(partial_ / kCopiedFile, kCopiedText); !made) return made;
  if (Result<void> made = make_file(file(), ""); !made) return made;
  Result<SqliteConnection> target = SqliteConnection::open(file());
  if (!target) return target.error().with(file().string());
  target_.emplace(*std::move(target));
  // It is synced when it is whole; what is left of a copy that was broken off is of no use.
  if (Result<void> set = target_->execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF");
      !set) {
    return set;
  }
  Result<SqliteBackup> backup = database.begin_backup_to(*target_);
  if (!backup) return backup.error().with(file().string());
  backup_ = *std::move(backup);
  return {};
}

Result<bool> SqliteCopy::copy_more() {
  const Result<bool> all = SqliteConnection::copy_pages(backup_, *target_, kSlicePages);
  if (!all) return all.error().with(file().string());
  if (!*all) return false;
  if (Result<void> placed = put_in_place(); !placed) return placed.error();
  return true;
}

Result<void> SqliteCopy::put_in_place() {
  const UniqueFd whole(::open(file().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!whole || ::fsync(whole.get()) != 0) return os_error("sync " + file().string(), errno);
  if (Result<void> synced = sync_directory(partial_); !synced) return synced;
  if (::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, directory_.c_str(), RENAME_NOREPLACE) !=
      0) {
    return os_error("name " + directory_.string(), errno);
  }
  backup_.reset();
  target_.reset();
  return sync_directory(directory_.parent_path());
}

/// Errors: invalid, conflict.
Result<void> check_free(const fs::path& directory, const fs::path& partial) {
  if (!directory.is_absolute() || !directory.has_filename()) {
    return Error{Errc::invalid,
                 "\"" + directory.string() + "\" is no absolute path of a directory"};
  }
  std::error_code failed;
  if (fs::exists(fs::symlink_status(directory, failed))) {
    return Error{Errc::conflict, directory.string() + " is there already: nothing is overwritten"};
  }
  if (fs::exists(fs::symlink_status(partial, failed))) {
    return Error{Errc::conflict, partial.string() +
                                     " is there: another copy is under way, or was broken off and "
                                     "may be removed"};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<StoreCopy>> copy_to(const fs::path& given, SqliteConnection& database) {
  const fs::path directory = given.lexically_normal();
  const fs::path partial = directory.string() + ".partial";
  if (Result<void> free = check_free(directory, partial); !free) return free.error();
  std::error_code failed;
  fs::create_directories(directory.parent_path(), failed);
  if (failed) return os_error("create " + directory.parent_path().string(), failed.value());
  if (::mkdir(partial.c_str(), 0700) != 0) return os_error("create " + partial.string(), errno);
  auto copy = std::make_unique<SqliteCopy>(partial, directory);
  if (Result<void> begun = copy->begin(database); !begun) {
    copy.reset();
    fs::remove_all(partial, failed);
    return begun.error();
  }
  return std::unique_ptr<StoreCopy>(std::move(copy));
}

}  // namespace tinkerbell

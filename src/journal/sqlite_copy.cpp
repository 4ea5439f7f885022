#include "journal/sqlite_copy.hpp"

#include "journal/blob_file.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <string>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr int kSlicePages = 256;  // 1 MiB
constexpr std::size_t kSliceBytes = 1 << 20;

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

/// The names of the files in which blobs are.
Result<std::vector<std::string>> blob_files_of(SqliteConnection& database) {
  const auto statement = database.prepare("SELECT lower(hex(hash)) FROM blobs WHERE body IS NULL");
  if (!statement) return statement.error();
  SqliteQuery query(*statement);
  std::vector<std::string> names;
  for (;;) {
    const Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row) return names;
    names.push_back(query.text(0));
  }
}

/// How many bytes that were. A file that is missing is missing in the copy too: it is the error of
/// the one task that needs it.
Result<std::size_t> copy_blob(const fs::path& from, const fs::path& to) {
  const UniqueFd opened(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!opened && errno == ENOENT) return std::size_t{0};
  if (!opened) return os_error("open " + from.string(), errno);
  const Result<std::string> bytes = read_all(opened.get(), kRecordBytesMax, from.string());
  if (!bytes) return bytes.error();
  const Result<bool> made = make_blob_file(to, *bytes);
  if (!made) return made.error();
  if (!*made) return Error{Errc::storage_full, "there is no room for " + to.string()};
  return bytes->size();
}

class SqliteCopy final : public StoreCopy {
 public:
  SqliteCopy(fs::path partial, fs::path directory, fs::path blobs, std::shared_ptr<void> in_use,
             std::function<std::string()> mark_now)
      : partial_(std::move(partial)),
        directory_(std::move(directory)),
        blobs_(std::move(blobs)),
        in_use_(std::move(in_use)),
        mark_now_(std::move(mark_now)) {}

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

  [[nodiscard]] Result<void> copy_blobs(std::size_t bytes_max);
  [[nodiscard]] Result<void> copy_newer_blobs();
  [[nodiscard]] Result<void> put_in_place();

  fs::path partial_;
  fs::path directory_;
  fs::path blobs_;
  std::shared_ptr<void> in_use_;
  std::function<std::string()> mark_now_;
  std::vector<std::string> blobs_left_;  ///< Not copied yet.
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
  Result<std::vector<std::string>> blobs = blob_files_of(database);
  if (!blobs) return blobs.error();
  blobs_left_ = *std::move(blobs);
  return {};
}

/// Blobs first: what is appended meanwhile is copied with the pages, up to the end.
Result<bool> SqliteCopy::copy_more() {
  if (!blobs_left_.empty()) {
    if (Result<void> copied = copy_blobs(kSliceBytes); !copied) return copied.error();
    return false;
  }
  const Result<bool> all = SqliteConnection::copy_pages(backup_, *target_, kSlicePages);
  if (!all) return all.error().with(file().string());
  if (!*all) return false;
  if (Result<void> copied = copy_newer_blobs(); !copied) return copied.error();
  if (Result<void> placed = put_in_place(); !placed) return placed.error();
  return true;
}

Result<void> SqliteCopy::copy_blobs(std::size_t bytes_max) {
  for (std::size_t bytes = 0; !blobs_left_.empty() && bytes < bytes_max;) {
    const std::string& name = blobs_left_.back();
    const Result<std::size_t> copied = copy_blob(blobs_ / name, partial_ / "blobs" / name);
    if (!copied) return copied.error();
    bytes += *copied;
    blobs_left_.pop_back();
  }
  return {};
}

/// Those of the pages that are there now and were not when the copy began.
Result<void> SqliteCopy::copy_newer_blobs() {
  Result<std::vector<std::string>> names = blob_files_of(*target_);
  if (!names) return names.error();
  std::error_code unknown;
  std::erase_if(*names, [&](const std::string& name) {
    return fs::exists(partial_ / "blobs" / name, unknown);
  });
  blobs_left_ = *std::move(names);
  return copy_blobs(std::numeric_limits<std::size_t>::max());
}

Result<void> SqliteCopy::put_in_place() {
  const UniqueFd whole(::open(file().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!whole || ::fsync(whole.get()) != 0) return os_error("sync " + file().string(), errno);
  if (Result<void> made = make_file(partial_ / "journal.mark", mark_now_()); !made) return made;
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

Result<std::unique_ptr<StoreCopy>> copy_to(const fs::path& given, SqliteConnection& database,
                                           const fs::path& blobs, std::shared_ptr<void> in_use,
                                           std::function<std::string()> mark_now) {
  const fs::path directory = given.lexically_normal();
  const fs::path partial = directory.string() + ".partial";
  if (Result<void> free = check_free(directory, partial); !free) return free.error();
  std::error_code failed;
  fs::create_directories(directory.parent_path(), failed);
  if (failed) return os_error("create " + directory.parent_path().string(), failed.value());
  if (::mkdir(partial.c_str(), 0700) != 0) return os_error("create " + partial.string(), errno);
  auto copy = std::make_unique<SqliteCopy>(partial, directory, blobs, std::move(in_use),
                                           std::move(mark_now));
  if (Result<void> begun = copy->begin(database); !begun) {
    copy.reset();
    fs::remove_all(partial, failed);
    return begun.error();
  }
  return std::unique_ptr<StoreCopy>(std::move(copy));
}

}  // namespace tinkerbell

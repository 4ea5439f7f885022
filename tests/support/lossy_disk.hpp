#pragma once

#include "support/dice.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/base/assert.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// A state directory for stores on a LossyDisk, where nothing of an earlier journal is left. The
/// store's other files are real ones, in memory too where there is such a place: no disk has the
/// time for thousands of new journals.
inline const std::filesystem::path& new_lossy_home() {
  static const TempDir dir(std::filesystem::is_directory("/dev/shm")
                               ? std::filesystem::path("/dev/shm")
                               : std::filesystem::temp_directory_path());
  static const std::filesystem::path path = [] {
    dir.write("state/journal.db-wal", "");  // that it is there is looked at
    std::filesystem::permissions(dir / "state", std::filesystem::perms::owner_all);
    return dir / "state";
  }();
  std::filesystem::remove(path / "journal.mark");
  return path;
}

/// How a machine or a process ends.
enum class SuddenEnd : std::uint8_t {
  power_loss,  ///< What was not synced is lost, kept or torn, sector by sector.
  kill,        ///< What was written is there, and the call under way may be half done.
};

/// While it lives, SQLite's files are in memory, and the disk below them loses what it may lose.
///
/// A write is in the "page cache" until a sync; of what was not synced, a loss of power keeps any
/// sectors of 512 bytes and drops the others, so that writes are lost, torn and overtake each
/// other. So it is with sizes (an extension may be lost), and with names: that a file was made or
/// removed is certain only once its directory was synced, which SQLite does with the first sync of
/// a new log or journal. All by the dice of the seed. One at a time.
///
/// Model: what Linux promises a program (fsync(2)); a sector is written whole or not at all.
/// Source: SQLite "Atomic Commit In SQLite", §2, with SQLITE_IOCAP_POWERSAFE_OVERWRITE.
class LossyDisk {
 public:
  explicit LossyDisk(Dice& dice) : dice_(dice), real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
    TINKERBELL_ASSERT(current_ == nullptr);
    current_ = this;
    vfs_.zName = "lossy";
    vfs_.szOsFile = static_cast<int>(sizeof(Handle));
    vfs_.xOpen = &open;
    vfs_.xDelete = &remove;
    vfs_.xAccess = &access;
    vfs_.xRandomness = &randomness;
    sqlite3_vfs_register(&vfs_, 1);
    sqlite3_randomness(0, nullptr);  // SQLite's own generator begins anew, from our dice
  }

  LossyDisk(const LossyDisk&) = delete;
  LossyDisk& operator=(const LossyDisk&) = delete;

  ~LossyDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
    sqlite3_randomness(0, nullptr);
    current_ = nullptr;
  }

  /// The n-th call from now that would change the disk or sync it (from 1) is the last: it is done
  /// in part or not at all, and every call after it fails, as if the process were gone.
  void end_at(std::uint64_t call) { calls_left_ = call; }

  /// From now on there is room for so many bytes; then writes find the disk full, some of them in
  /// the middle.
  void leave_room(std::size_t bytes) { room_ = bytes; }

  void make_room() { room_.reset(); }

  /// Whether the planned end has come.
  [[nodiscard]] bool ended() const { return ended_; }

  /// The next run: nothing is planned any more, and the files are as `how` left them. Every
  /// connection must be closed.
  void start_again(SuddenEnd how) {
    if (how == SuddenEnd::power_loss) lose_power();
    synced_names_ = names_;
    for (const auto& [name, file] : names_) {
      file->synced = file->now;
      file->unsynced.clear();
    }
    calls_left_ = 0;
    ended_ = false;
    make_room();
  }

  /// A file that was emptied without SQLite: what it is there is not known here.
  void forget(const std::string& name) {
    names_.erase(name);
    synced_names_.erase(name);
  }

  /// Sectors that a loss of power dropped so far although others of the same file were kept.
  [[nodiscard]] std::uint64_t sectors_torn() const { return sectors_torn_; }

  /// Times that the database file was synced (a checkpoint, mostly).
  [[nodiscard]] std::uint64_t database_syncs() const { return database_syncs_; }

 private:
  static constexpr std::size_t kSector = 512;

  /// Bytes written somewhere, or a new size.
  struct Change {
    std::size_t offset = 0;
    std::string bytes;
    bool truncates = false;  ///< To `offset`.
  };

  struct File {
    std::string now;
    std::string synced;
    std::vector<Change> unsynced;  ///< In the order in which they were made.
  };

  using Names = std::map<std::string, std::shared_ptr<File>>;

  struct Handle {
    sqlite3_file base;
    std::shared_ptr<File>* file;  ///< Owned; SQLite copies no handle.
    bool database;
    bool new_name;  ///< Its first sync syncs the directory.
  };

  static void apply(const Change& change, std::string& content) {
    if (change.truncates) {
      content.resize(change.offset);
      return;
    }
    content.resize(std::max(content.size(), change.offset + change.bytes.size()));
    std::memcpy(content.data() + change.offset, change.bytes.data(), change.bytes.size());
  }

  /// The parts of a write that lie in one sector each.
  static std::vector<Change> sectors_of(const Change& change) {
    std::vector<Change> sectors;
    for (std::size_t done = 0; done < change.bytes.size();) {
      const std::size_t at = change.offset + done;
      const std::size_t size = std::min(kSector - at % kSector, change.bytes.size() - done);
      sectors.push_back({.offset = at, .bytes = change.bytes.substr(done, size)});
      done += size;
    }
    return sectors;
  }

  // ---- the end ----

  void lose_power() {
    const std::uint64_t eighths_kept = dice_.pick(9);  // 0: all is lost; 8: all is kept
    const auto kept = [&] { return dice_.pick(8) < eighths_kept; };
    for (const auto& names : {names_, synced_names_}) {
      for (const auto& [name, file] : names)
        lose_unsynced(*file, kept);
    }
    Names survivors;
    for (const auto& [name, file] : names_) {
      if (synced_names_.contains(name) || kept()) survivors.emplace(name, file);
    }
    for (const auto& [name, file] : synced_names_) {
      const bool replaced = names_.contains(name) && names_.at(name) != file;
      const bool removed = !names_.contains(name);
      if ((replaced || removed) && !kept()) survivors.insert_or_assign(name, file);
    }
    names_ = std::move(survivors);
  }

  void lose_unsynced(File& file, const auto& kept) {
    std::uint64_t dropped = 0;
    std::uint64_t written = 0;
    std::string left = file.synced;
    for (const Change& change : std::exchange(file.unsynced, {})) {
      if (change.truncates) {
        if (kept()) apply(change, left);
        continue;
      }
      for (const Change& sector : sectors_of(change)) {
        const bool survives = kept();
        ++(survives ? written : dropped);
        if (survives) apply(sector, left);
      }
    }
    if (left.size() > file.synced.size() && dice_.chance(4)) {
      left.resize(file.synced.size() + dice_.pick(left.size() - file.synced.size()));
    }
    if (written > 0) sectors_torn_ += dropped;
    file.now = left;
    file.synced = std::move(left);
  }

  /// Counts a call. False: it is the last or later; the last is done in part by its caller.
  [[nodiscard]] bool goes_on() {
    if (ended_) return false;
    if (calls_left_ == 0 || --calls_left_ > 0) return true;
    ended_ = true;
    return false;
  }

  void change(File& file, Change change) {
    apply(change, file.now);
    file.unsynced.push_back(std::move(change));
  }

  // ---- SQLite's calls ----

  static Handle& handle(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }

  static File& content(sqlite3_file* file) { return **handle(file).file; }

  static int open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags,
                  int* out_flags) {
    Handle& ours = handle(file);
    ours.base.pMethods = nullptr;
    if (current_->ended_ || name == nullptr) return SQLITE_CANTOPEN;
    auto found = current_->names_.find(name);
    const bool database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    if (found == current_->names_.end()) {
      if (!database && (flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
      found = current_->names_.emplace(name, std::make_shared<File>()).first;
      if (database) current_->synced_names_.insert(*found);  // whoever opens it has made it
    }
    ours.file = new std::shared_ptr<File>(found->second);
    ours.database = database;
    ours.new_name = !database;
    ours.base.pMethods = &kMethods;
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
  }

  static int close(sqlite3_file* file) {
    delete handle(file).file;
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* /*vfs*/, const char* name, int sync_directory) {
    if (!current_->goes_on()) {
      return SQLITE_IOERR_DELETE;
    }
    if (current_->names_.erase(name) == 0) return SQLITE_IOERR_DELETE_NOENT;
    if (sync_directory != 0) current_->synced_names_ = current_->names_;
    return SQLITE_OK;
  }

  static int access(sqlite3_vfs* /*vfs*/, const char* name, int /*flags*/, int* found) {
    const auto at = current_->names_.find(name);
    *found = at != current_->names_.end() && !at->second->now.empty() ? 1 : 0;
    return SQLITE_OK;
  }

  static int randomness(sqlite3_vfs* /*vfs*/, int size, char* bytes) {
    std::generate_n(bytes, size, [] { return static_cast<char>(current_->dice_.next()); });
    return size;
  }

  static int read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
    if (current_->ended_) return SQLITE_IOERR_READ;
    const std::string& from = content(file).now;
    const auto wanted = static_cast<std::size_t>(size);
    const std::size_t at = std::min(static_cast<std::size_t>(offset), from.size());
    const std::size_t there = std::min(wanted, from.size() - at);
    std::memcpy(bytes, from.data() + at, there);
    std::memset(static_cast<char*>(bytes) + there, 0, wanted - there);
    return there == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }

  static int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    LossyDisk& disk = *current_;
    const bool before = !disk.ended_;
    Change change{.offset = static_cast<std::size_t>(offset),
                  .bytes = {static_cast<const char*>(bytes), static_cast<std::size_t>(size)}};
    if (!disk.goes_on()) {
      change.bytes.resize(disk.dice_.pick(change.bytes.size() + 1));
      if (before && !change.bytes.empty()) disk.change(content(file), std::move(change));
      return SQLITE_IOERR_WRITE;
    }
    const std::size_t wanted = change.bytes.size();
    const std::size_t fits = disk.room_ ? std::min(*disk.room_, wanted) : wanted;
    if (disk.room_) *disk.room_ -= fits;
    change.bytes.resize(fits);
    if (fits > 0) disk.change(content(file), std::move(change));
    return fits == wanted ? SQLITE_OK : SQLITE_FULL;
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    if (!current_->goes_on()) return SQLITE_IOERR_TRUNCATE;
    current_->change(content(file),
                     {.offset = static_cast<std::size_t>(size), .bytes = {}, .truncates = true});
    return SQLITE_OK;
  }

  static int sync(sqlite3_file* file, int /*flags*/) {
    LossyDisk& disk = *current_;
    const bool before = !disk.ended_;
    const bool last = !disk.goes_on();
    if (last && (!before || disk.dice_.chance(2))) return SQLITE_IOERR_FSYNC;
    File& synced = content(file);
    for (const Change& change : std::exchange(synced.unsynced, {}))
      apply(change, synced.synced);
    if (std::exchange(handle(file).new_name, false)) disk.synced_names_ = disk.names_;
    if (handle(file).database) ++disk.database_syncs_;
    return last ? SQLITE_IOERR_FSYNC : SQLITE_OK;
  }

  static int size(sqlite3_file* file, sqlite3_int64* bytes) {
    *bytes = static_cast<sqlite3_int64>(content(file).now.size());
    return SQLITE_OK;
  }

  static constexpr sqlite3_io_methods kMethods = {
      .iVersion = 1,
      .xClose = &close,
      .xRead = &read,
      .xWrite = &write,
      .xTruncate = &truncate,
      .xSync = &sync,
      .xFileSize = &size,
      .xLock = [](sqlite3_file* /*file*/, int /*level*/) { return SQLITE_OK; },
      .xUnlock = [](sqlite3_file* /*file*/, int /*level*/) { return SQLITE_OK; },
      .xCheckReservedLock =
          [](sqlite3_file* /*file*/, int* held) {
            *held = 0;
            return SQLITE_OK;
          },
      .xFileControl = [](sqlite3_file* /*file*/, int /*operation*/,
                         void* /*argument*/) { return SQLITE_NOTFOUND; },
      .xSectorSize = [](sqlite3_file* /*file*/) { return static_cast<int>(kSector); },
      .xDeviceCharacteristics =
          [](sqlite3_file* /*file*/) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; },
      .xShmMap = nullptr,
      .xShmLock = nullptr,
      .xShmBarrier = nullptr,
      .xShmUnmap = nullptr,
      .xFetch = nullptr,
      .xUnfetch = nullptr,
  };

  static inline LossyDisk* current_ = nullptr;

  Dice& dice_;
  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  Names names_;
  Names synced_names_;            ///< As they are if power is lost now.
  std::uint64_t calls_left_ = 0;  ///< 0: no end is planned.
  bool ended_ = false;
  std::optional<std::size_t> room_;
  std::uint64_t sectors_torn_ = 0;
  std::uint64_t database_syncs_ = 0;
};

}  // namespace tinkerbell

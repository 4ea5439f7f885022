#pragma once

#include "tinkerbell/base/assert.hpp"

#include <sqlite3.h>

#include <array>
#include <cstddef>
#include <utility>

namespace tinkerbell {

/// While it lives, SQLite opens files through it, and it lets chosen calls fail. One at a time.
class FaultyVfs {
 public:
  enum class File { database, log };

  FaultyVfs() : real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
    TINKERBELL_ASSERT(current_ == nullptr);
    current_ = this;
    vfs_.zName = "faulty";
    vfs_.szOsFile = static_cast<int>(sizeof(Wrapped)) + real_->szOsFile;
    vfs_.xOpen = &open;
    sqlite3_vfs_register(&vfs_, 1);
  }

  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  ~FaultyVfs() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
    current_ = nullptr;
  }

  /// The next sync of `file` answers an error, once: the one after it "succeeds", as a kernel's
  /// does.
  void fail_next_sync(File file) { sync_fault_[index(file)] = true; }

  /// From now on every write to `file` answers `code` (SQLITE_FULL, SQLITE_IOERR_WRITE).
  void fail_writes(File file, int code) { write_fault_[index(file)] = code; }

  /// Syncs asked for since the last call.
  [[nodiscard]] int take_syncs(File file) { return std::exchange(syncs_[index(file)], 0); }

 private:
  /// Ours in front, SQLite's own file right behind it.
  struct Wrapped {
    sqlite3_file base;
    File file;

    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };

  static constexpr std::size_t index(File file) { return static_cast<std::size_t>(file); }

  static Wrapped& wrapped(sqlite3_file* file) { return *reinterpret_cast<Wrapped*>(file); }

  static sqlite3_file* real(sqlite3_file* file) { return wrapped(file).real(); }

  static int open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags,
                  int* out_flags) {
    auto& ours = wrapped(file);
    ours.base.pMethods = nullptr;
    ours.file = (flags & SQLITE_OPEN_WAL) != 0 ? File::log : File::database;
    const int code = current_->real_->xOpen(current_->real_, name, ours.real(), flags, out_flags);
    if (ours.real()->pMethods != nullptr) ours.base.pMethods = &kMethods;
    return code;
  }

  static int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    const int fault = current_->write_fault_[index(wrapped(file).file)];
    return fault != SQLITE_OK ? fault
                              : real(file)->pMethods->xWrite(real(file), bytes, size, offset);
  }

  static int sync(sqlite3_file* file, int flags) {
    const std::size_t at = index(wrapped(file).file);
    ++current_->syncs_[at];
    if (std::exchange(current_->sync_fault_[at], false)) return SQLITE_IOERR_FSYNC;
    return real(file)->pMethods->xSync(real(file), flags);
  }

  static constexpr sqlite3_io_methods kMethods = {
      .iVersion = 1,
      .xClose = [](sqlite3_file* file) { return real(file)->pMethods->xClose(real(file)); },
      .xRead =
          [](sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
            return real(file)->pMethods->xRead(real(file), bytes, size, offset);
          },
      .xWrite = &write,
      .xTruncate =
          [](sqlite3_file* file, sqlite3_int64 size) {
            return real(file)->pMethods->xTruncate(real(file), size);
          },
      .xSync = &sync,
      .xFileSize =
          [](sqlite3_file* file, sqlite3_int64* size) {
            return real(file)->pMethods->xFileSize(real(file), size);
          },
      .xLock = [](sqlite3_file* file,
                  int level) { return real(file)->pMethods->xLock(real(file), level); },
      .xUnlock = [](sqlite3_file* file,
                    int level) { return real(file)->pMethods->xUnlock(real(file), level); },
      .xCheckReservedLock =
          [](sqlite3_file* file, int* held) {
            return real(file)->pMethods->xCheckReservedLock(real(file), held);
          },
      .xFileControl =
          [](sqlite3_file* file, int operation, void* argument) {
            return real(file)->pMethods->xFileControl(real(file), operation, argument);
          },
      .xSectorSize =
          [](sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); },
      .xDeviceCharacteristics =
          [](sqlite3_file* file) {
            return real(file)->pMethods->xDeviceCharacteristics(real(file));
          },
      .xShmMap = nullptr,
      .xShmLock = nullptr,
      .xShmBarrier = nullptr,
      .xShmUnmap = nullptr,
      .xFetch = nullptr,
      .xUnfetch = nullptr,
  };

  static inline FaultyVfs* current_ = nullptr;

  sqlite3_vfs* real_;
  sqlite3_vfs vfs_;
  std::array<bool, 2> sync_fault_{};
  std::array<int, 2> write_fault_{};
  std::array<int, 2> syncs_{};
};

}  // namespace tinkerbell

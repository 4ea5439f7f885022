// In which order a blob's file and the commit that names it reach the disk. The calls that make
// something durable are looked at on their way to the kernel: ours, and those of SQLite.

#include "sample_records.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace {

/// What was called since the list was last emptied; null: nobody listens.
std::vector<std::string>* calls = nullptr;

void note(const char* call, const std::filesystem::path& path) {
  if (calls == nullptr) return;
  std::string name = path.filename().string();
  if (name.size() >= 64) name.replace(0, 64, "HASH");
  calls->push_back(std::string(call) + " " + name);
}

std::filesystem::path path_of(int fd) {
  std::error_code unknown;
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), unknown);
}

}  // namespace

// The program's own come before those of the C library, for SQLite too.

extern "C" int fsync(int fd) {
  note("sync", path_of(fd));
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int fdatasync(int fd) {
  note("sync", path_of(fd));
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

extern "C" int rename(const char* from, const char* to) noexcept {
  note("name", to);
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

namespace tinkerbell {
namespace {

using testing::ElementsAre;

TEST(BlobOrder, AFileIsSyncedThenNamedThenItsNameIsSyncedThenTheCommit) {
  const TempDir dir;
  auto store = *open_sqlite_store(dir / "state", Durability::power);
  Batch batch;
  batch.records.push_back(
      {.lsn = Lsn{1}, .task = TaskId{1}, .epoch = Epoch{1}, .payload = noise(100'000)});
  batch.heads.push_back({.task = TaskId{1}, .head = Lsn{1}});
  ASSERT_TRUE(store->append(batch));  // makes the directory

  batch.records.front() = {
      .lsn = Lsn{2}, .task = TaskId{2}, .epoch = Epoch{1}, .payload = noise(100'000, 2)};
  batch.heads.front() = {.task = TaskId{2}, .head = Lsn{2}};
  std::vector<std::string> seen;
  calls = &seen;
  const Result<void> appended = store->append(batch);
  calls = nullptr;
  ASSERT_TRUE(appended);
  EXPECT_THAT(seen,
              ElementsAre("sync HASH.partial", "name HASH", "sync blobs", "sync journal.db-wal"));
}

TEST(BlobOrder, TheNameOfANewDirectoryIsSyncedToo) {
  const TempDir dir;
  auto store = *open_sqlite_store(dir / "state", Durability::power);
  Batch batch;
  batch.records.push_back(
      {.lsn = Lsn{1}, .task = TaskId{1}, .epoch = Epoch{1}, .payload = noise(100'000)});
  batch.heads.push_back({.task = TaskId{1}, .head = Lsn{1}});
  std::vector<std::string> seen;
  calls = &seen;
  const Result<void> appended = store->append(batch);
  calls = nullptr;
  ASSERT_TRUE(appended);
  EXPECT_THAT(seen, ElementsAre("sync state", "sync HASH.partial", "name HASH", "sync blobs",
                                "sync journal.db-wal"));
}

}  // namespace
}  // namespace tinkerbell

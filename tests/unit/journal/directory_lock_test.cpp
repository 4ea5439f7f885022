#include "journal/directory_lock.hpp"

#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <thread>

namespace tinkerbell {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

TEST(DirectoryLockTest, OneThatLivesIsNamedAtOnce) {
  const TempDir directory;
  const auto first = DirectoryLock::take(directory.path(), seconds{60});
  ASSERT_TRUE(first) << first.error().message;
  const auto second = DirectoryLock::take(directory.path(), seconds{60});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::conflict);
  EXPECT_THAT(second.error().message, HasSubstr("in use by process " + std::to_string(::getpid())));
}

/// A killed daemon leaves its lock to a program that it was about to start, for a moment.
TEST(DirectoryLockTest, F3_WaitsForWhatAKilledHolderWasAboutToStart) {
  const TempDir directory;
  const std::string gate = directory / "gate";
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  const std::string lock = directory / "lock";
  const std::string holder =
      "exec 9<>" + lock + "; flock 9; echo $$ >" + lock + "; cat <" + gate + " >/dev/null 2>&1 &";
  ASSERT_EQ(std::system(holder.c_str()), 0);
  const auto at_once = DirectoryLock::take(directory.path(), Milliseconds{0});
  ASSERT_FALSE(at_once) << "the holder is gone, and the lock is held";
  EXPECT_EQ(at_once.error().code, Errc::conflict);

  const std::jthread lets_go([&gate] { UniqueFd(::open(gate.c_str(), O_WRONLY | O_CLOEXEC)); });
  const auto taken = DirectoryLock::take(directory.path(), seconds{60});
  EXPECT_TRUE(taken) << taken.error().message;
}

}  // namespace
}  // namespace tinkerbell

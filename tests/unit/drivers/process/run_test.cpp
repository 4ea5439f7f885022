#include "drivers/process/run.hpp"

#include "support/temp_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65'534;

/// A run whose program has taken its own rights away, and whether it could be removed.
bool removes_a_closed_run(const TempDir& state) {
  const fs::path run = state / "run";
  const fs::path closed = run / "home/closed";
  fs::create_directories(closed / "unreadable");
  state.write("run/home/closed/unreadable/file", "x");
  fs::permissions(closed / "unreadable", fs::perms::none);
  fs::permissions(closed, fs::perms::owner_read | fs::perms::owner_exec);
  return remove_run(run) && !fs::exists(run);
}

TEST(Run, IsRemovedThoughItsProgramClosedDirectories) {
  const TempDir state;
  const bool is_root = ::geteuid() == 0;  // to whom nothing is closed
  if (is_root) ASSERT_EQ(::chown(state.path().c_str(), kNobody, kNobody), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool is_nobody = !is_root || ::setuid(kNobody) == 0;
    ::_exit(is_nobody && removes_a_closed_run(state) ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace tinkerbell

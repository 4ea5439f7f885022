#include "tinkerbell/base/file.hpp"

#include "support/temp_dir.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace tinkerbell {
namespace {

Result<std::string> read_path(const std::filesystem::path& path, std::uint64_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return read_all(fd.get(), bytes_max, path.string());
}

TEST(File, IsReadWholeUpToItsBound) {
  const TempDir dir;
  dir.write("empty", "");
  dir.write("ten", "0123456789");
  const std::string large(1 << 20, 'x');
  dir.write("large", large);
  EXPECT_EQ(*read_path(dir / "empty", 0), "");
  EXPECT_EQ(*read_path(dir / "ten", 10), "0123456789");
  EXPECT_EQ(*read_path(dir / "large", 1 << 20), large);
  const Error error = read_path(dir / "ten", 9).error();
  EXPECT_EQ(error, (Error{Errc::too_large, (dir / "ten").string() + " is larger than 9 bytes"}));
}

TEST(File, IsReadWholeThoughItSaysThatItIsEmpty) {
  EXPECT_TRUE(read_path("/proc/self/status", 1 << 16)->contains("VmRSS"));
  EXPECT_EQ(read_path("/proc/self/status", 10).error().code, Errc::too_large);
}

TEST(File, APipeIsReadToItsEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd out(ends[0]);
  const std::string text(300'000, 'y');
  const std::jthread writer([&] {
    const UniqueFd in(ends[1]);
    EXPECT_TRUE(write_all(in.get(), text, "pipe"));
  });
  EXPECT_EQ(*read_all(out.get(), 1 << 20, "pipe"), text);
}

TEST(File, ErrorsNameIt) {
  EXPECT_EQ(read_all(-1, 10, "thing").error().message, "read thing: Bad file descriptor");
  EXPECT_EQ(write_all(-1, "x", "thing").error().message, "write thing: Bad file descriptor");
}

TEST(File, OnlyDirectoriesThatAreThereAreSynced) {
  const TempDir dir;
  EXPECT_TRUE(sync_directory(dir.path()));
  EXPECT_EQ(sync_directory(dir / "missing").error().code, Errc::not_found);
}

}  // namespace
}  // namespace tinkerbell

#include "cli/cassette.hpp"

#include "cli/new_file.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <iterator>
#include <string>

namespace tinkerbell::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Json kCassette{
    {"schema", "tinkerbell.cassette/1"}, {"exchanges", 0}, {"task", Json::object()}};

class CassetteFile : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return directory_ / "a.json"; }

  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory_.path()), {}));
  }

  [[nodiscard]] Json content() const {
    const Result<Json> read = read_cassette(path());
    EXPECT_TRUE(read) << read.error().message;
    return read ? *read : Json();
  }

  /// Why a file with this content is refused.
  [[nodiscard]] Error refusal(std::string_view content) const {
    directory_.write("a.json", content);
    const Result<Json> read = read_cassette(path());
    EXPECT_FALSE(read);
    EXPECT_THAT(read.error().message, StartsWith(path()));
    return read.error();
  }

  TempDir directory_;
};

TEST_F(CassetteFile, IsForItsOwnerOnlyAndReadBackAsItWas) {
  ASSERT_TRUE(check_new_file(path(), false));
  ASSERT_TRUE(write_cassette(path(), kCassette, false));
  struct stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_EQ(status.st_nlink, 1U);
  EXPECT_EQ(content(), kCassette);
  EXPECT_EQ(files(), 1U);
}

TEST_F(CassetteFile, ReplacesNothingUnlessTold) {
  directory_.write("a.json", "mine");
  EXPECT_EQ(check_new_file(path(), false).error().code, Errc::conflict);
  EXPECT_EQ(write_cassette(path(), kCassette, false).error().code, Errc::conflict);
  EXPECT_EQ(directory_.read("a.json"), "mine");
  EXPECT_EQ(files(), 1U);
  EXPECT_TRUE(check_new_file(path(), true));
  EXPECT_TRUE(write_cassette(path(), kCassette, true));
  EXPECT_EQ(content(), kCassette);
  EXPECT_EQ(files(), 1U);
}

TEST_F(CassetteFile, IsRefusedBeforehandWhereItCannotBeWritten) {
  EXPECT_EQ(check_new_file(directory_ / "no/such/place", false).error().code, Errc::io);
  EXPECT_EQ(check_new_file(directory_.path(), true).error().code, Errc::io);
}

TEST_F(CassetteFile, WhatCouldNotBeReadBackIsNotWritten) {
  Json huge = kCassette;
  huge["task"]["title"] = std::string(std::size_t{5} << 20, 'x');
  const Result<void> written = write_cassette(path(), huge, false);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::too_large);
  EXPECT_THAT(written.error().message, HasSubstr("could not be replayed, and is not written"));
  EXPECT_EQ(files(), 0U);
}

TEST_F(CassetteFile, ThatIsNoneIsRefusedWithItsName) {
  EXPECT_EQ(read_cassette(directory_ / "gone").error().code, Errc::invalid);
  EXPECT_EQ(refusal("garbage").code, Errc::invalid);
  EXPECT_EQ(refusal("").code, Errc::invalid);
  EXPECT_EQ(refusal("[]").code, Errc::invalid);
  EXPECT_EQ(refusal(R"({"schema": "tinkerbell.steps/1"})").code, Errc::invalid);
  const std::string whole = dump_json(kCassette);
  EXPECT_EQ(refusal(whole.substr(0, whole.size() - 1)).code, Errc::invalid);
  EXPECT_EQ(refusal(std::string(100, '[') + std::string(100, ']')).code, Errc::too_large);
  EXPECT_EQ(refusal(std::string((std::size_t{4} << 20) + 1, ' ')).code, Errc::too_large);
}

TEST_F(CassetteFile, OfAnotherVersionIsRefusedWithBothVersions) {
  const Error error = refusal(R"({"schema": "tinkerbell.cassette/2"})");
  EXPECT_EQ(error.code, Errc::unsupported);
  EXPECT_THAT(error.message, HasSubstr("of version 2, and this program reads version 1"));
}

}  // namespace
}  // namespace tinkerbell::cli

#include "tinkerbell/settings/key.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace tinkerbell::settings {
namespace {

const char* no_variables(const char* /*name*/) {
  return nullptr;
}

class Key : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/key.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }

  void TearDown() override { std::filesystem::remove_all(directory_); }

  Result<std::string> from_file(const std::string& content, mode_t mode) {
    return load_key({KeyKind::file, written(content, mode)}, no_variables);
  }

  Result<std::string> from_credential(const std::string& id) {
    return load_key({KeyKind::credential, id}, [this](const char* name) -> const char* {
      return std::string_view(name) == "CREDENTIALS_DIRECTORY" ? directory_.c_str() : nullptr;
    });
  }

  std::string written(const std::string& content, mode_t mode) {
    const std::string path = directory_ + "/key";
    std::ofstream(path, std::ios::binary) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }

  std::string directory_;
};

TEST_F(Key, IsEmptyWhereNoneIsWanted) {
  EXPECT_EQ(*load_key({}, no_variables), "");
}

TEST_F(Key, ComesFromAClosedFileWithoutItsLineBreak) {
  EXPECT_EQ(*from_file("sk-0123456789\n", 0600), "sk-0123456789");
  EXPECT_EQ(*from_file("sk-0123456789\r\n", 0400), "sk-0123456789");
}

TEST_F(Key, S9_IsRefusedFromAFileThatOthersCanOpen) {
  for (const mode_t mode : {0640U, 0604U, 0644U, 0620U, 0666U}) {
    const Result<std::string> key = from_file("sk-0123456789", mode);
    ASSERT_FALSE(key) << mode;
    EXPECT_EQ(key.error().code, Errc::denied);
    EXPECT_TRUE(key.error().message.contains(directory_)) << key.error().message;
    EXPECT_FALSE(key.error().message.contains("0123456789")) << key.error().message;
  }
}

TEST_F(Key, ComesFromACredentialOfTheUnit) {
  written("sk-0123456789\n", 0440);  // the mode that an ACL of systemd shows
  EXPECT_EQ(*from_credential("key"), "sk-0123456789");
  EXPECT_EQ(from_credential("absent").error().code, Errc::not_found);
  EXPECT_EQ(from_credential("../key").error().code, Errc::invalid);
  EXPECT_EQ(load_key({KeyKind::credential, "key"}, no_variables).error().code, Errc::not_found);
}

TEST_F(Key, ComesFromAVariable) {
  EXPECT_EQ(*load_key({KeyKind::env, "K"}, [](const char*) { return "sk-0123456789"; }),
            "sk-0123456789");
  EXPECT_EQ(load_key({KeyKind::env, "K"}, no_variables).error().code, Errc::not_found);
}

TEST_F(Key, S6_IsRefusedWithoutBeingShownWhenItIsNoKey) {
  for (const std::string& content :
       {std::string(), std::string("\n\n"), std::string("sk-012\n3456789"),
        std::string("sk-012\x1b[2J"), std::string("sk-012\0x", 8), std::string(100'000, 'k')}) {
    const Result<std::string> key = from_file(content, 0600);
    ASSERT_FALSE(key);
    EXPECT_FALSE(key.error().message.contains("012")) << key.error().message;
    EXPECT_FALSE(key.error().message.contains("kkk")) << key.error().message;
  }
}

}  // namespace
}  // namespace tinkerbell::settings

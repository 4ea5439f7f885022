#include "drivers/git/git_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {
namespace {

using testing::ElementsAre;

std::vector<GitSetting> settings(std::string_view text) {
  const Result<std::vector<GitSetting>> read = git_settings_in(text);
  EXPECT_TRUE(read) << (read ? "" : read.error().message);
  return read ? *read : std::vector<GitSetting>();
}

TEST(GitConfig, SectionsHaveTheirSettings) {
  EXPECT_THAT(settings("[Core]\n\tbare = false ; no\n[remote \"Origin \\\"x\\\\\"] url=a b \n"),
              ElementsAre(GitSetting{"core", "", "", ""}, GitSetting{"core", "", "bare", "false"},
                          GitSetting{"remote", "Origin \"x\\", "", ""},
                          GitSetting{"remote", "Origin \"x\\", "url", "a b"}));
}

TEST(GitConfig, TheOldFormOfASubsectionIsOne) {
  EXPECT_THAT(settings("[filter.Evil] CLEAN=x"),
              ElementsAre(GitSetting{"filter", "evil", "", ""},
                          GitSetting{"filter", "evil", "clean", "x"}));
}

TEST(GitConfig, ValuesAreQuotedContinuedAndEscapedAsGitHasIt) {
  const auto value = [](std::string_view text) {
    return settings("[a]\nb" + std::string(text)).back().value;
  };
  EXPECT_EQ(value(""), "true");
  EXPECT_EQ(value("\r\n"), "true");
  EXPECT_EQ(value(" ="), "");
  EXPECT_EQ(value("= \" # x \" # y"), " # x ");
  EXPECT_EQ(value("=one\\\n two\r\nc=d").substr(0, 1), "d");
  EXPECT_EQ(value("=one\\\ntwo"), "onetwo");
  EXPECT_EQ(value("=\\t\\n\\b\\\\\\\""), "\t\n\b\\\"");
}

TEST(GitConfig, WhatIsNotUnderstoodIsRefusedAsAWhole) {
  for (const std::string_view text :
       {"a=b", "[a", "[a \"b\n\"]", "[]", "[a]\n=b", "[a]\nb \"c\"", "[a]\nb=\"c", "[a]\nb=\\x",
        "[a b]", "[a \"b\" c]", "[a]\n1b=c"}) {
    EXPECT_FALSE(git_settings_in(text)) << text;
  }
  EXPECT_FALSE(git_settings_in(std::string_view("[a]\nb=\0c", 8)));
  EXPECT_EQ(git_settings_in("[a]\n\n  b=\"c\"\n\n&").error().message,
            "the settings of git, line 5: not understood");
}

}  // namespace
}  // namespace tinkerbell

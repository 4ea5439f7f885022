#include "tinkerbell/settings/paths.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace tinkerbell::settings {
namespace {

GetEnv table(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

TEST(DefaultPaths, PreferOurOwnVariables) {
  const Result<Paths> paths = default_paths(table({{"TINKERBELL_CONFIG", "/a.toml"},
                                                   {"TINKERBELL_STATE_DIR", "/b"},
                                                   {"TINKERBELL_SOCKET", "/c.sock"},
                                                   {"STATE_DIRECTORY", "/x"},
                                                   {"HOME", "/home/wendy"}}),
                                            true);
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->config_file, "/a.toml");
  EXPECT_EQ(paths->state_dir, "/b");
  EXPECT_EQ(paths->socket, "/c.sock");
}

TEST(DefaultPaths, FollowTheUnit) {
  const Result<Paths> paths = default_paths(table({{"CONFIGURATION_DIRECTORY", "/etc/tinkerbell"},
                                                   {"STATE_DIRECTORY", "/var/lib/tinkerbell:/y"},
                                                   {"RUNTIME_DIRECTORY", "/run/tinkerbell"},
                                                   {"HOME", "/home/wendy"}}),
                                            false);
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->config_file, "/etc/tinkerbell/tinkerbell.toml");
  EXPECT_EQ(paths->state_dir, "/var/lib/tinkerbell");
  EXPECT_EQ(paths->socket, "/run/tinkerbell/control.sock");
}

TEST(DefaultPaths, AreTheSystemsForRoot) {
  const Result<Paths> paths = default_paths(table({{"HOME", "/root"}}), true);
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->config_file, "/etc/tinkerbell/tinkerbell.toml");
  EXPECT_EQ(paths->state_dir, "/var/lib/tinkerbell");
  EXPECT_EQ(paths->socket, "/run/tinkerbell/control.sock");
}

TEST(DefaultPaths, AreTheUsersOwnOtherwise) {
  std::map<std::string, std::string> variables{{"HOME", "/home/wendy/"},
                                               {"XDG_RUNTIME_DIR", "/run/user/7"}};
  Result<Paths> paths = default_paths(table(variables), false);
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->config_file, "/home/wendy/.config/tinkerbell/tinkerbell.toml");
  EXPECT_EQ(paths->state_dir, "/home/wendy/.local/state/tinkerbell");
  EXPECT_EQ(paths->socket, "/run/user/7/tinkerbell/control.sock");

  variables["XDG_CONFIG_HOME"] = "/c";
  variables["XDG_STATE_HOME"] = "relative/is/ignored";
  paths = default_paths(table(variables), false);
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->config_file, "/c/tinkerbell/tinkerbell.toml");
  EXPECT_EQ(paths->state_dir, "/home/wendy/.local/state/tinkerbell");
}

TEST(DefaultPaths, AreNoneWithoutAHome) {
  EXPECT_EQ(default_paths(table({}), false).error().code, Errc::not_found);
}

}  // namespace
}  // namespace tinkerbell::settings

#include "tinkerbell/base/paths.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace tinkerbell {
namespace {

GetEnv table(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

TEST(ControlSocketPath, TakesTheFirstOfItsPlaces) {
  std::map<std::string, std::string> variables{{"TINKERBELL_SOCKET", "/x/y.sock"},
                                               {"RUNTIME_DIRECTORY", "/run/tinkerbell:/run/more"},
                                               {"XDG_RUNTIME_DIR", "/run/user/7/"}};
  EXPECT_EQ(*control_socket_path(table(variables), true), "/x/y.sock");
  variables.erase("TINKERBELL_SOCKET");
  EXPECT_EQ(*control_socket_path(table(variables), true), "/run/tinkerbell/control.sock");
  variables.erase("RUNTIME_DIRECTORY");
  EXPECT_EQ(*control_socket_path(table(variables), false), "/run/user/7/tinkerbell/control.sock");
  variables.erase("XDG_RUNTIME_DIR");
  EXPECT_EQ(*control_socket_path(table(variables), true), "/run/tinkerbell/control.sock");
  const Result<std::string> nowhere = control_socket_path(table(variables), false);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Errc::not_found);
}

TEST(ControlSocketPath, IgnoresEmptyAndRelativeDirectories) {
  EXPECT_FALSE(control_socket_path(
      table({{"TINKERBELL_SOCKET", ""}, {"RUNTIME_DIRECTORY", ""}, {"XDG_RUNTIME_DIR", "run"}}),
      false));
}

}  // namespace
}  // namespace tinkerbell

#include "tinkerbell/base/source_path.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

TEST(ShortFunction, IsTheNameWithoutTypesNamespacesAndArguments) {
  EXPECT_EQ(short_function("Task<Result<int>> tinkerbell::(anonymous namespace)::Agent::ask(int)"),
            "Agent::ask");
  EXPECT_EQ(short_function("int main()"), "main");
  EXPECT_EQ(short_function("run"), "run");
}

}  // namespace
}  // namespace tinkerbell

#include "shim/process_tree.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

namespace tinkerbell {
namespace {

TEST(ProcessTree, FindsDescendantsInAnyOrderOfTheTable) {
  const std::vector<ProcessEntry> table = {{30, 20}, {20, 10}, {21, 10},
                                           {99, 1},  {10, 1},  {40, 30}};
  EXPECT_EQ(descendants_of(10, table), (std::vector<pid_t>{20, 21, 30, 40}));
  EXPECT_TRUE(descendants_of(99, table).empty());
}

TEST(ProcessTree, SeesThisProcessAndItsParent) {
  const std::vector<ProcessEntry> table = process_table();
  const auto self = std::ranges::find(table, ::getpid(), &ProcessEntry::pid);
  ASSERT_NE(self, table.end());
  EXPECT_EQ(self->parent, ::getppid());
}

}  // namespace
}  // namespace tinkerbell

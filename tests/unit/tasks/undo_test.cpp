#include "tinkerbell/tasks/undo.hpp"

#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {
namespace {

using testing::HasSubstr;

class UndoTaskTest : public testing::Test {
 protected:
  UndoTaskTest() {
    world.registry.add(std::string(kUndoKind),
                       {.freeze = freeze_undo, .start = run_undo, .title = undo_title});
  }

  static AwaitFileRestore wanted(std::uint64_t step = 0) {
    return {.of = TaskId{12}, .step = step, .list_sha256 = sha256("the list").hex()};
  }

  static std::vector<FileChange> changes() {
    return {{.path = "odd\xFF\n", .before = FileState{}, .after = std::nullopt}};
  }

  TaskId submit(const AwaitFileRestore& restore, std::vector<std::string> unknown = {}) {
    return world.submit(std::string(kUndoKind), false,
                        {{"restore", to_json_value(restore)}, {"unknown", std::move(unknown)}});
  }

  SyscallWorld world;
};

TEST_F(UndoTaskTest, AsksForTheVeryChangesThatItWasGivenAndSaysWhatCameOfIt) {
  world.driver->facts("file.restore",
                      {.facts = {.changes = {{.change = changes()[0]}}}, .pre_image = {}});
  world.driver->reply("file.restore",
                      Reply(AwaitFileRestore::Reply{
                          .changes = changes(), .left = {{.path = "b", .why = "changed since"}}}));
  const TaskId task = submit(wanted(), {"big: not kept"});
  EXPECT_EQ(world.head(task).title, "take back what task 12 changed");
  ASSERT_EQ(world.calls->open_questions(task).size(), 1U);
  world.crash();  // its changes are read back from the journal
  world.driver->facts("file.restore",
                      {.facts = {.changes = {{.change = changes()[0]}}}, .pre_image = {}});
  world.driver->reply("file.restore",
                      Reply(AwaitFileRestore::Reply{
                          .changes = changes(), .left = {{.path = "b", .why = "changed since"}}}));
  EXPECT_TRUE(world.answer(world.calls->open_questions(task).front(), Answer::approve));
  ASSERT_EQ(world.driver->performed().size(), 1U);
  const auto& performed = std::get<AwaitFileRestore>(world.driver->performed()[0].command);
  EXPECT_EQ(performed.list_sha256, wanted().list_sha256);
  const DonePayload done = world.end_of(task);
  EXPECT_EQ(done.state, "completed") << done.error;
  EXPECT_EQ(done.value.at("summary"),
            "1 path is as before task 12, 1 left: b; not known, and as it is: big: not kept");
  EXPECT_EQ(done.value.at("changed").size(), 1U);
}

TEST_F(UndoTaskTest, NamesTheStepToWhichItGoesBack) {
  world.driver->reply("file.restore", Reply(AwaitFileRestore::Reply{}));
  const TaskId task = submit(wanted(4));
  EXPECT_EQ(world.head(task).title, "take back what task 12 changed after step 4");
  EXPECT_EQ(world.end_of(task).value.at("summary"), "0 paths are as after step 4 of task 12");
}

TEST_F(UndoTaskTest, NamesTheFirstThousandOfManyPaths) {
  std::vector<FileChange> many;
  for (int i = 0; i < 1'500; ++i)
    many.push_back({.path = "f" + std::to_string(i), .before = FileState{}, .after = {}});
  world.driver->reply("file.restore", Reply(AwaitFileRestore::Reply{.changes = many, .left = {}}));
  const Json value = world.end_of(submit(wanted())).value;
  EXPECT_EQ(value.at("summary"), "1500 paths are as before task 12");
  ASSERT_EQ(value.at("changed").size(), 1'000U);
  EXPECT_EQ(value.at("changed").back(), "f999");
}

TEST_F(UndoTaskTest, FailsWithTheReasonOfItsOneStep) {
  world.driver->reply("file.restore", Error{Errc::conflict, "a: changed by somebody else since"});
  const DonePayload done = world.end_of(submit(wanted()));
  EXPECT_EQ(done.state, "failed");
  EXPECT_THAT(done.error, HasSubstr("somebody else"));
}

TEST_F(UndoTaskTest, TakesNoOtherArguments) {
  EXPECT_FALSE(freeze_undo({{"of", 12}}));
  EXPECT_FALSE(freeze_undo({{"restore", {{"of", "twelve"}}}}));
  EXPECT_TRUE(freeze_undo({{"restore", to_json_value(wanted())}}));
}

}  // namespace
}  // namespace tinkerbell

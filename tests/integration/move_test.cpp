#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

/// Files that are moved and removed.
namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class MoveTest : public testing::Test {
 protected:
  void SetUp() override {
    daemon.put("src/a.txt", "one\n");
    daemon.put("src/deep/b.txt", "two\n");
    daemon.put("old.txt", "old\n");
    fs::create_symlink("../../outside", fs::path(daemon.workspace()) / "src/link");
    daemon.start();
  }

  [[nodiscard]] bool exists(const std::string& name) const {
    return fs::exists(fs::symlink_status(fs::path(daemon.workspace()) / name));
  }

  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("move_file", {{"path", "src"}, {"to", "lib/src"}}),
       calls("remove_file", {{"path", "old.txt"}}), calls("remove_file", {{"path", "lib"}}),
       calls("move_file", {{"path", "lib/src/a.txt"}, {"to", "../a.txt"}}),
       calls("remove_file", {{"path", "lib/src/deep"}, {"recursive", true}}),
       calls("finish", {{"summary", "tidied up"}})})};
  RealDaemon daemon{config_for(model, "none")};
};

TEST_F(MoveTest, AreAskedShownDoneAndTold) {
  const std::uint64_t id = daemon.run("tidy up");
  const Json question = daemon.wait_for_question(id);
  EXPECT_EQ(question.at("command"), "file.move");
  EXPECT_THAT(question.at("card").get<std::string>(),
              HasSubstr("move src/deep/b.txt to lib/src/deep/b.txt\n"));
  EXPECT_TRUE(exists("src/a.txt"));
  daemon.kill9();
  daemon.start();
  EXPECT_EQ(daemon.wait_for_question(id).at("hash"), question.at("hash"));
  const Json ended = daemon.approve_until_end(id);
  EXPECT_EQ(ended.at("state"), "completed") << ended;
  EXPECT_EQ(ended.at("questions").at("asked"), 3);
  EXPECT_EQ(daemon.file("lib/src/a.txt"), "one\n");
  EXPECT_TRUE(exists("lib/src/link"));
  for (const char* gone : {"src", "old.txt", "lib/src/deep"})
    EXPECT_FALSE(exists(gone)) << gone;
  const std::string conversation = dump_json(model.ledger().back().body);
  EXPECT_THAT(conversation, HasSubstr("moved src to lib/src, 5 paths in all"));
  EXPECT_THAT(conversation, HasSubstr("removed old.txt"));
  EXPECT_THAT(conversation, HasSubstr("lib is a directory with something in it"));
  EXPECT_THAT(conversation, HasSubstr("outside the workspace"));
  EXPECT_THAT(conversation, HasSubstr("removed lib/src/deep, 2 paths in all"));
}

}  // namespace
}  // namespace tinkerbell

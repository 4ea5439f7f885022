#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

/// The way back, with a real daemon.
namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

/// All that stands in a directory, without `.git`: type, mode and content by path.
std::map<std::string, std::string> tree_of(const std::string& directory) {
  std::map<std::string, std::string> tree;
  for (auto each = fs::recursive_directory_iterator(directory);
       each != fs::recursive_directory_iterator(); ++each) {
    if (each->path().filename() == ".git") {
      each.disable_recursion_pending();
      continue;
    }
    const fs::file_status status = each->symlink_status();
    std::string& what = tree[fs::relative(each->path(), directory)];
    what = std::to_string(static_cast<int>(status.type())) + " " +
           std::to_string(static_cast<int>(status.permissions())) + " ";
    if (each->is_symlink()) {
      what += fs::read_symlink(each->path());
    } else if (each->is_regular_file()) {
      std::ifstream in(each->path(), std::ios::binary);
      what.append(std::istreambuf_iterator<char>(in), {});
    }
  }
  return tree;
}

std::string name(std::uint64_t id) {
  return std::to_string(id);
}

/// The task that an undo is, by what was printed of it.
std::uint64_t newest_task(const RealDaemon& daemon) {
  return daemon.cli_json({"ls", "--all"}).at("tasks").at(0).at("id");
}

// ---- a task that works on the files themselves ----

class UndoTest : public testing::Test {
 protected:
  void SetUp() override {
    daemon.put("a.txt", "one\ntwo\n");
    daemon.put("tool", "#!/bin/sh\n", true);
    fs::create_symlink("a.txt", fs::path(daemon.workspace()) / "link");
    daemon.start();
    before = tree_of(daemon.workspace());
  }

  std::uint64_t run() {
    const std::uint64_t id = daemon.run("change things");
    EXPECT_EQ(daemon.approve_until_end(id).at("state"), "completed");
    return id;
  }

  /// The number of the first step with this command.
  [[nodiscard]] std::string step(std::uint64_t id, const std::string& command) const {
    for (const Json& each : daemon.cli_json({"steps", name(id)}).at("steps")) {
      if (each.at("command") == command) return name(each.at("seq").get<std::uint64_t>());
    }
    return {};
  }

  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("write_file", {{"path", "new/deep/b.txt"}, {"content", "new\n"}}),
       calls("edit_file", {{"path", "a.txt"}, {"old_text", "two"}, {"new_text", "three"}}),
       calls("move_file", {{"path", "tool"}, {"to", "bin/tool"}}),
       calls("remove_file", {{"path", "link"}}), calls("finish", {{"summary", "all done"}})})};
  RealDaemon daemon{config_for(model, "none")};
  std::map<std::string, std::string> before;
};

TEST_F(UndoTest, AllIsTakenBackByteForByteAndThatCanBeTakenBack) {
  const std::uint64_t id = run();
  const auto after = tree_of(daemon.workspace());
  ASSERT_NE(after, before);
  EXPECT_THAT(daemon.cli({"undo", name(id), "--dry-run"}).out, HasSubstr("-three\n+two\n"));
  EXPECT_EQ(tree_of(daemon.workspace()), after);

  const Finished undone = daemon.cli({"undo", name(id), "--yes"});
  EXPECT_EQ(undone.exit, 0) << undone.err << undone.out;
  EXPECT_THAT(undone.out, HasSubstr("as before task " + name(id)));
  EXPECT_EQ(tree_of(daemon.workspace()), before);
  const std::uint64_t undo = newest_task(daemon);
  EXPECT_EQ(daemon.cli_json({"show", name(undo)}).at("kind"), "undo@1");
  EXPECT_THAT(daemon.cli({"undo", name(id), "--yes"}).err,
              HasSubstr("task " + name(undo) + " has done that already"));

  EXPECT_EQ(daemon.cli({"undo", name(undo), "--yes"}).exit, 0);
  EXPECT_EQ(tree_of(daemon.workspace()), after);
}

TEST_F(UndoTest, GoesBackToAStepAndShowsWhatEachChanged) {
  const std::uint64_t id = run();
  const std::string edit = step(id, "file.edit");
  EXPECT_THAT(daemon.cli({"diff", name(id), "--step", edit}).out, HasSubstr("-two\n+three\n"));
  EXPECT_THAT(daemon.cli({"diff", name(id)}).out, HasSubstr("removed link"));
  EXPECT_EQ(daemon.cli({"undo", name(id), "--to", edit, "--yes"}).exit, 0);
  auto then = before;
  const auto now = tree_of(daemon.workspace());
  for (const char* changed : {"new", "new/deep", "new/deep/b.txt", "a.txt"})
    then[changed] = now.at(changed);
  EXPECT_EQ(now, then);
  EXPECT_EQ(daemon.file("a.txt"), "one\nthree\n");
}

TEST_F(UndoTest, AsksOnceAndOverKill9) {
  const std::uint64_t id = run();
  EXPECT_EQ(daemon.cli({"undo", name(id)}).exit, 4);
  const std::uint64_t undo = newest_task(daemon);
  const Json question = daemon.wait_for_question(undo);
  EXPECT_EQ(question.at("command"), "file.restore");
  EXPECT_THAT(question.at("card").get<std::string>(), HasSubstr("-three\n+two\n"));
  daemon.kill9();
  daemon.start();
  EXPECT_EQ(daemon.wait_for_question(undo).at("id"), question.at("id"));
  EXPECT_EQ(daemon.approve_until_end(undo).at("state"), "completed");
  EXPECT_EQ(tree_of(daemon.workspace()), before);
}

TEST_F(UndoTest, WhatSomebodyElseWroteSinceStaysAndIsNamed) {
  const std::uint64_t id = run();
  daemon.put("a.txt", "mine\n");
  daemon.put("new/mine", "mine, too\n");
  const Finished refused = daemon.cli({"undo", name(id), "--yes"});
  EXPECT_NE(refused.exit, 0);
  EXPECT_THAT(refused.err,
              HasSubstr("a.txt: changed by somebody else since; new: also holds mine\n`--keep-"
                        "others` takes back the rest\n"));
  EXPECT_EQ(daemon.file("new/deep/b.txt"), "new\n");
  const Finished rest = daemon.cli({"undo", name(id), "--keep-others", "--yes"});
  EXPECT_EQ(rest.exit, 0) << rest.err << rest.out;
  EXPECT_EQ(daemon.file("a.txt"), "mine\n");
  EXPECT_EQ(daemon.file("new/mine"), "mine, too\n");
  EXPECT_FALSE(fs::exists(fs::path(daemon.workspace()) / "new/deep"));
  EXPECT_TRUE(fs::exists(fs::path(daemon.workspace()) / "tool"));
}

TEST_F(UndoTest, IsRefusedAsLongAsTheTaskGoesOn) {
  const std::uint64_t id = daemon.run("change things");
  (void)daemon.wait_for_question(id);
  EXPECT_THAT(daemon.cli({"undo", name(id), "--yes"}).err,
              HasSubstr("has not ended: wait for it, or `tinkerbell cancel"));
}

// ---- programs ----

class UndoOfProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    daemon.put("tool",
               "#!/bin/sh\necho four > a.txt; chmod 700 a.txt; rm link; mkdir -p d/e\n"
               "ln -s nowhere d/l; mv tool d/e/tool; head -c 3000000 /dev/zero > big\nexit 3\n",
               true);
    daemon.put("a.txt", "one\ntwo\n");
    fs::create_symlink("a.txt", fs::path(daemon.workspace()) / "link");
    daemon.start();
    before = tree_of(daemon.workspace());
  }

  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("run_program", {{"argv", {"./tool"}}}), calls("finish", {{"summary", "all done"}})})};
  RealDaemon daemon{config_for(model, usual_sandbox())};
  std::map<std::string, std::string> before;
};

TEST_F(UndoOfProgramTest, WhatAProgramChangedIsTakenBackByteForByte) {
  const std::uint64_t id = daemon.run("change things");
  EXPECT_EQ(daemon.approve_until_end(id).at("state"), "completed");
  const auto after = tree_of(daemon.workspace());
  ASSERT_NE(after, before);
  const Json steps = daemon.cli_json({"steps", name(id)}).at("steps");
  for (const Json& each : steps) {
    if (each.at("command") != "process.run") continue;
    EXPECT_THAT(
        daemon.cli({"diff", name(id), "--step", std::to_string(each.at("seq").get<int>())}).out,
        HasSubstr("-one\n-two\n+four\n"));
  }
  const Finished undone = daemon.cli({"undo", name(id), "--yes"});
  EXPECT_EQ(undone.exit, 0) << undone.err << undone.out;
  EXPECT_EQ(tree_of(daemon.workspace()), before);
  EXPECT_EQ(daemon.cli({"undo", name(newest_task(daemon)), "--yes"}).exit, 0);
  EXPECT_EQ(tree_of(daemon.workspace()), after);
}

// ---- a task that works in a draft ----

class UndoOfDraftTest : public testing::Test {
 protected:
  void SetUp() override {
    if (usual_sandbox() == "none") GTEST_SKIP() << "without a sandbox programs ask, in drafts too";
    daemon.put("a.txt", "one\n");
    daemon.put("tool", "#!/bin/sh\necho two > a.txt\necho made > made.txt\n", true);
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"add", "-A"}, {"commit", "-q", "-m", "more"}}) {
      std::vector<std::string> argv = {"git",
                                       "-C",
                                       daemon.workspace(),
                                       "-c",
                                       "user.name=T",
                                       "-c",
                                       "user.email=t@tinkerbell.invalid"};
      argv.insert(argv.end(), words.begin(), words.end());
      EXPECT_EQ(run_to_end(argv).exit, 0);
    }
    daemon.start();
  }

  [[nodiscard]] std::string head() const {
    return run_to_end({"git", "-C", daemon.workspace(), "rev-parse", "HEAD", "--symbolic-full-name",
                       "HEAD"})
        .out;
  }

  [[nodiscard]] std::string status() const {
    return run_to_end({"git", "-C", daemon.workspace(), "status", "--porcelain"}).out;
  }

  ScriptedLlm model{ScriptedLlm::in_turn(
      {calls("write_file", {{"path", "b.txt"}, {"content", "new\n"}}),
       calls("run_program", {{"argv", {"./tool"}}}),
       calls("run_program", {{"argv",
                              {"git", "-c", "user.name=A", "-c", "user.email=a@tinkerbell.invalid",
                               "commit", "-qam", "Say two"}}}),
       calls("finish", {{"summary", "all done"}})})};
  RealDaemon daemon{config_for(model, usual_sandbox()) + "[agent]\nfiles = \"draft\"\n"};
};

TEST_F(UndoOfDraftTest, OneQuestionAcceptUndoAndAllIsAsAtTheStart) {
  const auto tree = tree_of(daemon.workspace());
  const std::string commit = head();
  const std::uint64_t id = daemon.run("change things");
  (void)daemon.wait_for_question(id);
  EXPECT_EQ(daemon.cli({"accept", name(id), "--yes"}).exit, 0);
  EXPECT_EQ(daemon.wait_for_end(id).at("questions").at("asked"), 1);
  const auto accepted = tree_of(daemon.workspace());
  EXPECT_EQ(daemon.file("a.txt"), "two\n");
  EXPECT_THAT(daemon.commits(), ElementsAre("Say two", "more", "begin"));

  const Finished undone = daemon.cli({"undo", name(id), "--yes"});
  EXPECT_EQ(undone.exit, 0) << undone.err << undone.out;
  EXPECT_EQ(tree_of(daemon.workspace()), tree);
  EXPECT_EQ(head(), commit);
  EXPECT_THAT(daemon.commits(), ElementsAre("more", "begin"));
  EXPECT_EQ(status(), "");

  EXPECT_EQ(daemon.cli({"undo", name(newest_task(daemon)), "--yes"}).exit, 0);
  EXPECT_EQ(tree_of(daemon.workspace()), accepted);
  EXPECT_THAT(daemon.commits(), ElementsAre("Say two", "more", "begin"));
}

TEST_F(UndoOfDraftTest, OfADraftThatNobodyTookOverTakesPlaceInIt) {
  const auto tree = tree_of(daemon.workspace());
  const std::uint64_t id = daemon.run("change things");
  const Json question = daemon.wait_for_question(id);
  EXPECT_EQ(daemon.cli({"deny", "a" + name(question.at("id").get<std::uint64_t>())}).exit, 0);
  (void)daemon.wait_for_end(id);
  const fs::path draft = fs::path(daemon.state_dir()) / "drafts" / name(id) / "tree";
  ASSERT_TRUE(fs::exists(draft / "b.txt"));
  const Finished undone = daemon.cli({"undo", name(id), "--yes"});
  EXPECT_EQ(undone.exit, 0) << undone.err << undone.out;
  EXPECT_FALSE(fs::exists(draft / "b.txt"));
  EXPECT_EQ(tree_of(daemon.workspace()), tree);
}

}  // namespace
}  // namespace tinkerbell

#include "drivers/file/file_operations.hpp"
#include "support/temp_dir.hpp"
#include "unit/workspace/quick_directory.hpp"
#include "unit/workspace/tree_model.hpp"

#include "tinkerbell/workspace/apply.hpp"
#include "tinkerbell/workspace/carry_out.hpp"
#include "tinkerbell/workspace/change_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <atomic>
#include <thread>

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kKey = "00112233445566778899aabbccddeeff";

/// Moves, removals and restorations in a workspace "work" in memory.
class SeveralPathsTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_.write("outside/canary", "canary");
    std::filesystem::create_directories(dir_ / "work");
    workspace_ = *Workspace::open((dir_ / "work").string());
  }

  void TearDown() override {
    EXPECT_EQ(dir_.read("outside/canary"), "canary");
    remove_contents(dir_ / "work");
  }

  void begin_with(const TreeModel& model) const {
    remove_contents(dir_ / "work");
    write_model(model, dir_ / "work");
    must(::chmod((dir_ / "work").c_str(), 0755) == 0);
  }

  [[nodiscard]] std::string place(const std::string& name) const {
    return (dir_ / "work" / name).string();
  }

  [[nodiscard]] FileScene scene() const {
    return {*workspace_, *contents_, limits_, stop_.get_token()};
  }

  static Call call_of(TaskCommand command) {
    return {.id = {TaskId{1}, Seq{1}}, .command = std::move(command), .key = std::string(kKey)};
  }

  [[nodiscard]] Result<Call> prepared(TaskCommand command) const {
    Call call = call_of(std::move(command));
    Result<Prepared> found = prepare_file(scene(), call);
    if (!found) return found.error();
    call.facts = std::move(found->facts);
    return call;
  }

  template <Command C>
  Result<typename C::Reply> run(C command) const {
    const Result<Call> call = prepared(TaskCommand(std::move(command)));
    if (!call) return call.error();
    const Result<Reply> reply = perform_file(scene(), *call);
    if (!reply) return reply.error();
    return std::get<typename C::Reply>(*reply);
  }

  [[nodiscard]] std::map<std::string, FileState> states() const {
    return states_of(*look_at_tree(*workspace_));
  }

  /// Whether exactly this stands there, and nothing of ours.
  void expect_tree(const TreeModel& model) const {
    EXPECT_EQ(states(), states_of(tree_of(model)));
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "work"))
      EXPECT_FALSE(entry.path().filename().string().starts_with(".tinkerbell-"));
  }

  /// The error of prepare, before which nobody was asked; the workspace is as it was.
  Errc refused(TaskCommand command) const {
    const auto before = states();
    const Result<Call> call = prepared(std::move(command));
    EXPECT_FALSE(call);
    EXPECT_EQ(states(), before);
    return call ? Errc::internal : call.error().code;
  }

  /// What takes these changes back.
  [[nodiscard]] AwaitFileRestore undo_of(const std::vector<FileChange>& changes,
                                         bool keep_others = false) const {
    return restore_of(reversed(changes), keep_others);
  }

  [[nodiscard]] AwaitFileRestore restore_of(const std::vector<FileChange>& changes,
                                            bool keep_others = false) const {
    const Result<Sha256> list = keep_changes(changes, *contents_);
    EXPECT_TRUE(list) << list.error().message;
    return {.of = TaskId{12}, .list_sha256 = list->hex(), .keep_others = keep_others};
  }

  static Errc code(const auto& result) { return result ? Errc::internal : result.error().code; }

  TempDir dir_{quick_directory()};
  std::unique_ptr<ContentStore> contents_ = *ContentStore::open((dir_ / "contents").string());
  FileLimits limits_{.may_show = [](const auto&...) { return true; },
                     .own = {dir_ / "work/state/keys", dir_ / "work/c.toml"}};
  std::shared_ptr<Workspace> workspace_;
  std::stop_source stop_;
};

using FileMove = SeveralPathsTest;
using FileRemove = SeveralPathsTest;
using FileRestore = SeveralPathsTest;
using FilePatch = SeveralPathsTest;

const TreeModel kTree{{"d", model_directory(0750)},    {"d/deep", model_directory()},
                      {"d/deep/f", model_file("x")},   {"d/l", model_link("../outside/canary")},
                      {"d/run", model_file("", 0755)}, {"f", model_file("f\n")}};

// ---- patch ----

/// Changes f, makes new/deep/g and new/h, removes d/deep/f, renames and changes d/run.
AwaitFilePatch patch_of_all() {
  return {.files = {
              {.path = "f", .to = "f", .hunks = {{.before = "f\n", .after = "F\n"}}},
              {.to = "new/deep/g", .hunks = {{.after = "g\n"}}, .executable = true},
              {.to = "new/h", .hunks = {{.after = "h\n"}}},
              {.path = "d/deep/f", .hunks = {{.before = "x"}}},
              {.path = "d/run", .to = "run", .hunks = {{.after = "run\n"}}, .executable = false},
          }};
}

const TreeModel kPatched{{"d", model_directory(0750)},
                         {"d/deep", model_directory()},
                         {"d/l", model_link("../outside/canary")},
                         {"f", model_file("F\n")},
                         {"new", model_directory()},
                         {"new/deep", model_directory()},
                         {"new/deep/g", model_file("g\n", 0755)},
                         {"new/h", model_file("h\n")},
                         {"run", model_file("run\n")}};

TEST_F(FilePatch, ChangesMakesRemovesAndRenamesAtOnceAndShowsExactlyThat) {
  begin_with(kTree);
  const Result<Call> call = prepared(patch_of_all());
  ASSERT_TRUE(call) << call.error().message;
  std::string shown;
  for (const DraftChange& each : call->facts.changes)
    shown += each.diff;
  EXPECT_THAT(shown, HasSubstr("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-f\n+F\n"));
  EXPECT_THAT(shown,
              HasSubstr("new file new/deep/g, executable\n--- /dev/null\n+++ b/new/deep/g\n"));
  expect_tree(kTree);
  ASSERT_TRUE(run(patch_of_all()));
  expect_tree(kPatched);
}

TEST_F(FilePatch, IsTakenBackAsAnyChange) {
  begin_with(kTree);
  const auto done = run(patch_of_all());
  ASSERT_TRUE(done);
  ASSERT_TRUE(run(undo_of(done->changes)));
  expect_tree(kTree);
}

TEST_F(FilePatch, WhereOnePartDoesNotFitNothingIsChanged) {
  begin_with(kTree);
  const PatchedFile good{.path = "f", .to = "f", .hunks = {{.before = "f\n", .after = "F\n"}}};
  const auto refused_with = [&](const PatchedFile& bad) {
    return refused(AwaitFilePatch{.files = {good, bad}});
  };
  EXPECT_EQ(refused_with({.path = "d/deep/f", .to = "d/deep/f", .hunks = {{.before = "y"}}}),
            Errc::not_found);
  EXPECT_EQ(refused_with({.path = "none", .to = "none", .executable = true}), Errc::not_found);
  EXPECT_EQ(refused_with({.to = "d/run"}), Errc::conflict);
  EXPECT_EQ(refused_with({.path = "d/run", .to = "d/deep/f"}), Errc::conflict);
  EXPECT_EQ(refused_with({.path = "d/deep/f"}), Errc::conflict) << "more is left of it";
  EXPECT_EQ(refused_with(good), Errc::conflict) << "two parts about one file";
  EXPECT_EQ(refused_with({.path = "d", .to = "e"}), Errc::invalid);
  EXPECT_EQ(refused_with({.path = "d/l", .to = "d/l", .executable = true}), Errc::invalid);
  EXPECT_EQ(refused_with({.to = "f/below"}), Errc::invalid);
  EXPECT_EQ(refused_with({.to = "state/keys/x"}), Errc::denied);
  EXPECT_EQ(refused_with({}), Errc::invalid);
  EXPECT_EQ(refused(AwaitFilePatch{}), Errc::invalid);
  EXPECT_EQ(refused(AwaitFilePatch{.files = {{.path = "f", .to = "f"}}}), Errc::invalid)
      << "it changes nothing";
}

TEST_F(FilePatch, S38_APathThatLeadsOutIsAFactForTheRules) {
  begin_with(kTree);
  for (const PatchedFile& file : {PatchedFile{.to = "../outside/x"},
                                  {.path = "../outside/canary"},
                                  {.path = "f", .to = "../f"}}) {
    const Result<Call> call = prepared(AwaitFilePatch{.files = {file}});
    ASSERT_TRUE(call);
    EXPECT_TRUE(call->facts.outside);
  }
}

TEST_F(FilePatch, S32_AFileThatChangedSinceItWasJudgedIsAConflict) {
  begin_with(kTree);
  const Result<Call> call = prepared(patch_of_all());
  dir_.write("work/f", "f\nmore\n");
  const TreeModel now = [] {
    TreeModel model = kTree;
    model["f"] = model_file("f\nmore\n");
    return model;
  }();
  EXPECT_EQ(code(perform_file(scene(), *call)), Errc::conflict);
  expect_tree(now);
}

using FileSave = SeveralPathsTest;

TEST_F(FileSave, MakesAFileOfWhatWasKeptWithTheDirectoriesAboveIt) {
  begin_with({});
  const std::string content("\0 bytes", 7);
  const std::string sha256 = contents_->put_durably(content)->hex();
  const auto saved = run(AwaitFileSave{.path = "a/b/c.bin", .sha256 = sha256});
  ASSERT_TRUE(saved) << saved.error().message;
  EXPECT_EQ(saved->changes.size(), 3U);
  expect_tree({{"a", model_directory(0755)},
               {"a/b", model_directory(0755)},
               {"a/b/c.bin", model_file(content, 0644)}});
}

TEST_F(FileSave, ReplacesAllOfAFileAndLeavesItsMode) {
  begin_with({{"run.sh", model_file("old", 0755)}});
  const std::string sha256 = contents_->put_durably("new")->hex();
  const auto saved = run(AwaitFileSave{.path = "run.sh", .sha256 = sha256});
  ASSERT_TRUE(saved) << saved.error().message;
  expect_tree({{"run.sh", model_file("new", 0755)}});
  const auto again = run(AwaitFileSave{.path = "run.sh", .sha256 = sha256});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_THAT(again->changes, IsEmpty());
}

TEST_F(FileSave, IsRefusedWhereThereIsNothingToSaveOrNoPlaceForIt) {
  begin_with({{"d", model_directory(0755)}});
  const std::string kept = contents_->put_durably("kept")->hex();
  EXPECT_EQ(refused(AwaitFileSave{.path = "f", .sha256 = sha256("gone").hex()}), Errc::not_found);
  EXPECT_EQ(refused(AwaitFileSave{.path = "f", .sha256 = "abc"}), Errc::invalid);
  EXPECT_EQ(refused(AwaitFileSave{.path = "d", .sha256 = kept}), Errc::invalid);
  EXPECT_EQ(refused(AwaitFileSave{.path = ".", .sha256 = kept}), Errc::invalid);
  const Result<Call> outside = prepared(AwaitFileSave{.path = "../outside/x", .sha256 = kept});
  ASSERT_TRUE(outside) << outside.error().message;
  EXPECT_TRUE(outside->facts.outside);
}

TEST_F(FileSave, S32_AFileThatChangedSinceItWasJudgedIsAConflict) {
  begin_with({{"f", model_file("judged", 0644)}});
  const Result<Call> call =
      prepared(AwaitFileSave{.path = "f", .sha256 = contents_->put_durably("kept")->hex()});
  ASSERT_TRUE(call) << call.error().message;
  begin_with({{"f", model_file("another", 0644)}});
  const Result<Reply> reply = perform_file(scene(), *call);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::conflict);
  expect_tree({{"f", model_file("another", 0644)}});
}

TEST_F(FilePatch, AfterACrashWhatWasBegunIsFinished) {
  begin_with(kTree);
  const Result<Call> call = prepared(patch_of_all());
  EXPECT_EQ(code(recover_file(scene(), *call)), Errc::not_started);
  ASSERT_TRUE(perform_file(scene(), *call));
  const auto after = states();
  EXPECT_TRUE(recover_file(scene(), *call));
  EXPECT_EQ(states(), after);
}

// ---- move ----

TEST_F(FileMove, TakesADirectoryWithAllInItAlong) {
  begin_with(kTree);
  const Result<Call> call = prepared(AwaitFileMove{.path = "./d/", .to = "new/e"});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->facts.object, "d");
  std::string shown;
  for (const DraftChange& each : call->facts.changes)
    shown += each.diff;
  EXPECT_EQ(shown,
            "move d to new/e\nmove d/deep to new/e/deep\nmove d/deep/f to new/e/deep/f\n"
            "move d/l to new/e/l\nmove d/run to new/e/run\n"
            "new: nothing, then directory, mode 0755\n");
  expect_tree(kTree);
  const Result<Reply> reply = perform_file(scene(), *call);
  ASSERT_TRUE(reply) << reply.error().message;
  const TreeModel after{
      {"f", model_file("f\n")},           {"new", model_directory()},
      {"new/e", model_directory(0750)},   {"new/e/deep", model_directory()},
      {"new/e/deep/f", model_file("x")},  {"new/e/l", model_link("../outside/canary")},
      {"new/e/run", model_file("", 0755)}};
  expect_tree(after);
  EXPECT_EQ(std::get<AwaitFileMove::Reply>(*reply).changes,
            changes_between(tree_of(kTree), tree_of(after)));
}

TEST_F(FileMove, ALinkIsMovedItselfWhereverItLeads) {
  begin_with({{"l", model_link("../outside")}, {"dangling", model_link("nowhere")}});
  EXPECT_TRUE(run(AwaitFileMove{.path = "l", .to = "m"}));
  EXPECT_TRUE(run(AwaitFileMove{.path = "dangling", .to = "n"}));
  expect_tree({{"m", model_link("../outside")}, {"n", model_link("nowhere")}});
}

TEST_F(FileMove, RenamesByCaseOnly) {
  begin_with({{"readme", model_file("x")}});
  EXPECT_TRUE(run(AwaitFileMove{.path = "readme", .to = "README"}));
  expect_tree({{"README", model_file("x")}});
}

TEST_F(FileMove, NeverOntoWhatStandsThereNorIntoItself) {
  begin_with(kTree);
  EXPECT_EQ(refused(AwaitFileMove{.path = "f", .to = "d"}), Errc::conflict);
  EXPECT_EQ(refused(AwaitFileMove{.path = "f", .to = "d/l"}), Errc::conflict);
  EXPECT_EQ(refused(AwaitFileMove{.path = "f", .to = "f"}), Errc::conflict);
  EXPECT_EQ(refused(AwaitFileMove{.path = "d", .to = "d/deep/d"}), Errc::invalid);
  EXPECT_EQ(refused(AwaitFileMove{.path = "f", .to = "d/run/f"}), Errc::invalid);
  EXPECT_EQ(refused(AwaitFileMove{.path = ".", .to = "e"}), Errc::invalid);
  EXPECT_EQ(refused(AwaitFileMove{.path = "d", .to = "."}), Errc::invalid);
  EXPECT_EQ(refused(AwaitFileMove{.path = "d/..", .to = "e"}), Errc::invalid);
  EXPECT_EQ(refused(AwaitFileMove{.path = "none", .to = "e"}), Errc::not_found);
  EXPECT_EQ(refused(AwaitFileMove{.path = "f", .to = ".tinkerbell-x"}), Errc::invalid);
  EXPECT_EQ(refused(AwaitFileMove{.path = "f", .to = std::string(256, 'x')}), Errc::invalid);
}

TEST_F(FileMove, WhatATreeWouldTakeForAPrefixIsNone) {
  begin_with({{"a", model_directory()}, {"a/x", model_file("x")}});
  EXPECT_TRUE(run(AwaitFileMove{.path = "a", .to = "ab"}));
  EXPECT_TRUE(run(AwaitFileMove{.path = "ab", .to = "a"}));
  expect_tree({{"a", model_directory()}, {"a/x", model_file("x")}});
}

TEST_F(FileMove, SetUserIdDoesNotComeAlongAndTheReplySaysSo) {
  begin_with({{"tool", model_file("x", 04755)}});
  const auto reply = run(AwaitFileMove{.path = "tool", .to = "other"});
  ASSERT_TRUE(reply);
  expect_tree({{"other", model_file("x", 0755)}});
  EXPECT_EQ(reply->changes[0].after->mode, 0755U);
  EXPECT_EQ(reply->changes[1].before->mode, 04755U);
}

TEST_F(FileMove, S45_NamesAreBytes) {
  const std::string odd = "new\nline \x1b[31m \xff\xfe";
  begin_with({{odd, model_directory()}, {odd + "/" + odd, model_file("x")}});
  const Result<Call> call = prepared(AwaitFileMove{.path = odd, .to = "to " + odd});
  ASSERT_TRUE(call);
  for (const DraftChange& each : call->facts.changes) {
    EXPECT_FALSE(each.diff.contains('\x1b'));
    EXPECT_LE(std::ranges::count(each.diff, '\n'), 1);
  }
  ASSERT_TRUE(perform_file(scene(), *call));
  expect_tree({{"to " + odd, model_directory()}, {"to " + odd + "/" + odd, model_file("x")}});
}

TEST_F(FileMove, S38_WhatLeadsOutIsAFactAndIsNeverPerformed) {
  begin_with({{"d", model_link("../outside")}, {"f", model_file("x")}});
  for (const auto& [path, to] :
       std::vector<std::pair<std::string, std::string>>{{"../outside/canary", "g"},
                                                        {"f", "../outside/f"},
                                                        {"d/canary", "g"},
                                                        {"f", "d/f"},
                                                        {"f", "/etc/f"}}) {
    Result<Call> call = prepared(AwaitFileMove{.path = path, .to = to});
    ASSERT_TRUE(call) << path << ' ' << to;
    EXPECT_TRUE(call->facts.outside) << path << ' ' << to;
    EXPECT_TRUE(call->facts.changes.empty());
    call->facts.outside = false;
    EXPECT_FALSE(perform_file(scene(), *call)) << path << ' ' << to;
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_ / "outside"), {}), 1);
}

TEST_F(FileMove, S32_WhatChangedSinceItWasAskedIsAConflict) {
  const auto conflicts = [&](const auto& meanwhile) {
    begin_with(kTree);
    const Result<Call> call = prepared(AwaitFileMove{.path = "d", .to = "e/d"});
    EXPECT_TRUE(call);
    meanwhile();
    const auto before = states();
    const Errc found = code(perform_file(scene(), *call));
    EXPECT_EQ(states(), before);
    return found == Errc::conflict || found == Errc::not_found;
  };
  EXPECT_TRUE(conflicts([&] { dir_.write("work/d/deep/f", "y"); }));
  EXPECT_TRUE(conflicts([&] { dir_.write("work/d/new", ""); }));
  EXPECT_TRUE(conflicts([&] { std::filesystem::create_directory(place("e")); }));
  EXPECT_TRUE(conflicts([&] { std::filesystem::rename(place("d"), place("elsewhere")); }));
  EXPECT_TRUE(conflicts([&] {
    std::filesystem::rename(place("d"), place("real"));
    std::filesystem::create_symlink("real", place("d"));
  }));
}

TEST_F(FileMove, S39_ALinkThatIsSwappedInIsNeverFollowed) {
  begin_with({{"d", model_directory()}, {"d/f", model_file("x")}, {"l", model_link("../outside")}});
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    Dice dice(1);
    while (!stop) {
      ::renameat2(AT_FDCWD, place("d").c_str(), AT_FDCWD, place("l").c_str(), RENAME_EXCHANGE);
      for (std::uint64_t pause = dice.pick(20'000); pause > 0; --pause)
        (void)::getppid();
    }
  });
  int done = 0;
  for (int round = 0; round < 200 || done == 0; ++round) {
    done += run(AwaitFileMove{.path = "d/f", .to = "d/canary2"}) ? 1 : 0;
    done += run(AwaitFileMove{.path = "d/canary2", .to = "d/f"}) ? 1 : 0;
    (void)run(AwaitFileRemove{.path = "d/canary"});
  }
  stop = true;
  swapper.join();
  EXPECT_GT(done, 0);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_ / "outside"), {}), 1);
}

// ---- remove ----

TEST_F(FileRemove, TakesAFileALinkAnEmptyDirectoryOrAllOfOne) {
  begin_with({{"d", model_directory()},
              {"d/e", model_directory()},
              {"d/l", model_link("..")},
              {"d/ro", model_file("x", 0400)},
              {"f", model_file("gone\n")}});
  const Result<Call> call = prepared(AwaitFileRemove{.path = "f"});
  ASSERT_TRUE(call);
  EXPECT_EQ(call->facts.object, "f");
  ASSERT_EQ(call->facts.changes.size(), 1U);
  EXPECT_EQ(call->facts.changes[0].diff, "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n");
  EXPECT_TRUE(run(AwaitFileRemove{.path = "f"}));
  EXPECT_TRUE(run(AwaitFileRemove{.path = "d/l"}));
  EXPECT_TRUE(run(AwaitFileRemove{.path = "d/e"}));
  EXPECT_EQ(refused(AwaitFileRemove{.path = "d"}), Errc::conflict);
  const auto all = run(AwaitFileRemove{.path = "d", .recursive = true});
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->changes.size(), 2U);
  expect_tree({});
}

TEST_F(FileRemove, WhatItWasCanBeBroughtBack) {
  begin_with(kTree);
  const auto removed = run(AwaitFileRemove{.path = "d", .recursive = true});
  ASSERT_TRUE(removed);
  expect_tree({{"f", model_file("f\n")}});
  contents_ = *ContentStore::open((dir_ / "contents").string());  // only what is durable is left
  const auto back = run(undo_of(removed->changes));
  ASSERT_TRUE(back) << back.error().message;
  expect_tree(kTree);
  EXPECT_EQ(back->changes, reversed(removed->changes));
}

TEST_F(FileRemove, AlsoWhatATreeLeavesToOthers) {
  begin_with({{".git", model_directory()},
              {".git/index.lock", model_file("")},
              {".git/objects", model_directory()},
              {".git/objects/ab", model_directory()},
              {".git/objects/ab/c", model_file("x", 0444)}});
  EXPECT_TRUE(run(AwaitFileRemove{.path = ".git/index.lock"}));
  const auto all = run(AwaitFileRemove{.path = ".git", .recursive = true});
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->changes.size(), 4U);
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "work"));
}

TEST_F(FileRemove, LooksAtNothingBesides) {
  begin_with({{"d", model_directory()}, {"d/f", model_file("wanted")}, {"e", model_file("other")}});
  ASSERT_TRUE(prepared(AwaitFileRemove{.path = "d", .recursive = true}));
  EXPECT_TRUE(contents_->has(sha256("wanted")));
  EXPECT_FALSE(contents_->has(sha256("other")));
}

TEST_F(FileRemove, KeepsTheDaemonsOwnFilesAndAllAboveThem) {
  begin_with({{"c.toml", model_file("x")},
              {"g", model_file("x")},
              {"state", model_directory()},
              {"state/keys", model_directory()},
              {"state/keys/k", model_file("k")}});
  for (const char* path : {"c.toml", "state", "state/keys", "state/keys/k"}) {
    EXPECT_EQ(refused(AwaitFileRemove{.path = path, .recursive = true}), Errc::denied) << path;
    EXPECT_EQ(refused(AwaitFileMove{.path = path, .to = "x"}), Errc::denied) << path;
  }
  EXPECT_EQ(refused(AwaitFileMove{.path = "g", .to = "state/keys/g"}), Errc::denied);
  EXPECT_FALSE(contents_->has(sha256("k")));
  dir_.write("work/d/.tinkerbell-other", "");
  EXPECT_EQ(refused(AwaitFileRemove{.path = "d", .recursive = true}), Errc::denied);
}

TEST_F(FileRemove, S42_WhatCannotBeBroughtBackStays) {
  begin_with({{"d", model_directory()}});
  ASSERT_EQ(::mkfifo(place("d/fifo").c_str(), 0600), 0);
  EXPECT_EQ(refused(AwaitFileRemove{.path = "d", .recursive = true}), Errc::unsupported);
  EXPECT_EQ(refused(AwaitFileRemove{.path = "d/fifo"}), Errc::unsupported);
  EXPECT_EQ(refused(AwaitFileMove{.path = "d", .to = "e"}), Errc::unsupported);
}

TEST_F(FileRemove, S40_AnotherMountStays) {
  begin_with({{"d", model_directory()}, {"d/m", model_directory()}});
  if (::mount((dir_ / "outside").c_str(), place("d/m").c_str(), nullptr, MS_BIND, nullptr) != 0) {
    GTEST_SKIP() << "needs to mount";
  }
  const Errc whole = code(prepared(AwaitFileRemove{.path = "d", .recursive = true}));
  const Errc itself = code(prepared(AwaitFileRemove{.path = "d/m", .recursive = true}));
  const Errc inside = code(prepared(AwaitFileRemove{.path = "d/m/canary"}));
  const Errc into = code(run(AwaitFileMove{.path = "d/m/canary", .to = "d/x"}));
  ::umount2(place("d/m").c_str(), MNT_DETACH);
  EXPECT_EQ(whole, Errc::unsupported);
  EXPECT_EQ(itself, Errc::unsupported);
  EXPECT_EQ(inside, Errc::unsupported);
  EXPECT_EQ(into, Errc::unsupported);
}

TEST_F(FileRemove, S40_AnotherOwnersFileStaysWhereItHasOtherNames) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs another owner";
  begin_with({{"d", model_directory()}});
  ASSERT_EQ(::chown((dir_ / "outside/canary").c_str(), 12345, 12345), 0);
  std::filesystem::create_hard_link(dir_ / "outside/canary", place("d/linked"));
  EXPECT_EQ(refused(AwaitFileRemove{.path = "d/linked"}), Errc::denied);
  EXPECT_EQ(refused(AwaitFileMove{.path = "d", .to = "e"}), Errc::denied);
  EXPECT_FALSE(contents_->has(sha256("canary")));
}

TEST_F(FileRemove, StopsLookingWhenItIsCancelled) {
  begin_with(kTree);
  stop_.request_stop();
  EXPECT_EQ(refused(AwaitFileRemove{.path = "d", .recursive = true}), Errc::cancelled);
  EXPECT_EQ(refused(AwaitFileMove{.path = "d", .to = "e"}), Errc::cancelled);
  EXPECT_EQ(refused(restore_of({{"n", std::nullopt, FileState{}}})), Errc::cancelled);
}

// ---- restore ----

/// What a task did to kTree.
const TreeModel kDone{{"d", model_directory(0700)},      {"d/deep", model_file("now a file")},
                      {"d/l", model_link("elsewhere")},  {"d/run", model_file("", 0644)},
                      {"f", model_file("f\ng\n", 0755)}, {"n", model_directory()},
                      {"n/f", model_file("new")}};

class RestoreOfATask : public SeveralPathsTest {
 protected:
  void SetUp() override {
    SeveralPathsTest::SetUp();
    put_contents(kTree, *contents_);
    begin_with(kDone);
  }

  const std::vector<FileChange> done_ = changes_between(tree_of(kTree), tree_of(kDone));
};

TEST_F(RestoreOfATask, BringsEveryKindBackAndCanBeTakenBackItself) {
  const Result<Call> call = prepared(undo_of(done_));
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_THAT(call->facts.left, IsEmpty());
  EXPECT_EQ(changes_of(call->facts), reversed(done_));
  const auto change = std::ranges::find(call->facts.changes, "f",
                                        [](const DraftChange& each) { return each.change.path; });
  EXPECT_THAT(change->diff, HasSubstr("mode of f: 0755, then 0644\n--- a/f\n+++ b/f\n"));
  expect_tree(kDone);
  ASSERT_TRUE(perform_file(scene(), *call));
  expect_tree(kTree);
  contents_ = *ContentStore::open((dir_ / "contents").string());  // only what is durable is left
  const auto again = run(undo_of(reversed(done_)));
  ASSERT_TRUE(again) << again.error().message;
  expect_tree(kDone);
}

TEST_F(RestoreOfATask, RefusesAndListsAllThatSomebodyElseChanged) {
  dir_.write("work/f", "stranger's");
  std::filesystem::remove(place("d/l"));
  dir_.write("work/n/more", "stranger's");
  const auto before = states();
  const Result<Call> call = prepared(undo_of(done_));
  ASSERT_FALSE(call);
  EXPECT_EQ(call.error().code, Errc::conflict);
  EXPECT_EQ(call.error().message,
            "d/l: changed by somebody else since; f: changed by somebody else since; "
            "n: also holds more");
  EXPECT_EQ(states(), before);
}

TEST_F(RestoreOfATask, KeepsWhatOthersChangedAndWhatCannotBeDoneWithoutThat) {
  dir_.write("work/d/deep", "stranger's");
  dir_.write("work/n/f", "stranger's");
  const auto reply = run(undo_of(done_, true));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->left, (std::vector<LeftInDraft>{{"d/deep", "changed by somebody else since"},
                                                   {"d/deep/f", "has no directory above it"},
                                                   {"n", "also holds f"},
                                                   {"n/f", "changed by somebody else since"}}));
  expect_tree({{"d", model_directory(0750)},
               {"d/deep", model_file("stranger's")},
               {"d/l", model_link("../outside/canary")},
               {"d/run", model_file("", 0755)},
               {"f", model_file("f\n")},
               {"n", model_directory()},
               {"n/f", model_file("stranger's")}});
}

TEST_F(RestoreOfATask, WhatIsAsItWasAlreadyIsNoConflictAndNoChange) {
  std::filesystem::remove_all(place("n"));
  const auto reply = run(undo_of(done_));
  ASSERT_TRUE(reply) << reply.error().message;
  expect_tree(kTree);
  EXPECT_EQ(reply->changes.size(), done_.size() - 2);
}

TEST_F(RestoreOfATask, NamesTheContentsThatNobodyKept) {
  std::filesystem::remove_all(dir_ / "contents");
  contents_ = *ContentStore::open((dir_ / "contents").string());
  const Result<Call> call = prepared(undo_of(done_));
  EXPECT_EQ(code(call), Errc::not_found);
  EXPECT_EQ(call.error().message,
            "d/deep/f: its content was not kept; d/l: its content was not kept; "
            "f: its content was not kept");
  // Another mode needs none.
  const auto reply = run(undo_of(done_, true));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(states().at("d/run").mode, 0755U);
  EXPECT_EQ(dir_.read("work/f"), "f\ng\n");
}

TEST_F(RestoreOfATask, S32_WhatChangedSinceItWasAskedIsAConflict) {
  const Result<Call> call = prepared(undo_of(done_, true));
  ASSERT_TRUE(call);
  dir_.write("work/f", "stranger's");
  const auto before = states();
  EXPECT_EQ(code(perform_file(scene(), *call)), Errc::conflict);
  EXPECT_EQ(states(), before);
}

/// An index of version 2 with one entry.
std::string index_of(char stat, char hash) {
  std::string index("DIRC\0\0\0\2\0\0\0\1", 12);
  index += std::string(24, stat) + "mode" + std::string(12, stat) + std::string(20, hash) +
           std::string("\0\1", 2) + "f";
  return index + std::string(9, '\0');
}

TEST_F(FileRestore, AnIndexThatListsTheSameAndGitsNotesAreNoConflict) {
  const TreeModel before{{".git", model_directory()},
                         {".git/ORIG_HEAD", model_file("one")},
                         {".git/index", model_file(index_of('s', 'a'))},
                         {"f", model_file("x")}};
  TreeModel after = before;
  after[".git/ORIG_HEAD"].content = "two";
  after[".git/index"].content = index_of('s', 'b');
  after["f"].content = "y";
  put_contents(before, *contents_);
  put_contents(after, *contents_);
  TreeModel now = after;
  now[".git/ORIG_HEAD"].content = "stranger's";
  now[".git/index"].content = index_of('t', 'b');
  const std::vector<FileChange> done = changes_between(tree_of(before), tree_of(after));
  begin_with(now);
  const auto reply = run(undo_of(done));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->left,
            (std::vector<LeftInDraft>{{".git/ORIG_HEAD", "changed by somebody else since"}}));
  now[".git/index"] = before.at(".git/index");
  now["f"] = before.at("f");
  expect_tree(now);
  now[".git/index"].content = index_of('s', 'c');
  now["f"].content = "y";
  begin_with(now);
  EXPECT_EQ(refused(undo_of(done)), Errc::conflict);
}

TEST_F(FileRestore, RefusesAListThatIsNotKeptOrIsNone) {
  begin_with(kTree);
  EXPECT_EQ(refused(AwaitFileRestore{.list_sha256 = sha256("never put").hex()}), Errc::not_found);
  const Result<Sha256> other = contents_->put("no list");
  ASSERT_TRUE(other);
  EXPECT_EQ(refused(AwaitFileRestore{.list_sha256 = other->hex()}), Errc::invalid);
}

TEST_F(FileRestore, RefusesWhatNoTaskCanHaveDone) {
  begin_with(kTree);
  const auto restores = [this](const std::string& path) {
    return restore_of({{path, std::nullopt, FileState{.content = sha256("x")}}});
  };
  EXPECT_EQ(refused(restores("../outside/x")), Errc::invalid);
  EXPECT_EQ(refused(restores("d/../x")), Errc::invalid);
  EXPECT_EQ(refused(restores("/etc/x")), Errc::invalid);
  EXPECT_EQ(refused(restores("c.toml")), Errc::denied);
  EXPECT_EQ(refused(restores("state/keys/x")), Errc::denied);
  // A link on the way is not followed.
  begin_with({{"l", model_link("../outside")}});
  EXPECT_EQ(refused(restores("l/x")), Errc::conflict);
}

// ---- after a crash ----

struct Crash {};

/// At every step that a change takes the daemon may end; the next one finds out and finishes.
TEST_F(SeveralPathsTest, S46_ACrashAtAnyStepLeavesTheOldTreeOrTheNewOne) {
  put_contents(kTree, *contents_);
  put_contents(kDone, *contents_);

  struct Case {
    TreeModel before;
    TaskCommand command;
    TreeModel after;
  };

  TreeModel moved = kTree;
  for (const auto& [path, node] : kTree) {
    if (!path.starts_with("d")) continue;
    moved.erase(path);
    moved["e" + path.substr(1)] = node;
  }
  const std::vector<Case> cases{
      {kTree, AwaitFileMove{.path = "d", .to = "e"}, moved},
      {kTree, AwaitFileRemove{.path = "d", .recursive = true}, {{"f", model_file("f\n")}}},
      {kTree, patch_of_all(), kPatched},
      {kDone, undo_of(changes_between(tree_of(kTree), tree_of(kDone))), kTree}};
  for (const Case& each : cases) {
    int done = 0;
    int not_begun = 0;
    bool crashed = true;
    for (std::uint64_t n = 0; crashed; ++n) {
      begin_with(each.before);
      const Result<Call> call = prepared(each.command);
      ASSERT_TRUE(call) << call.error().message;
      ASSERT_TRUE(contents_->sync());
      std::uint64_t steps = n;
      const Applying applying{.key = kKey, .observe = [&](std::string_view, const std::string&) {
                                if (steps-- == 0) throw Crash{};
                              }};
      try {
        (void)apply_changes(*workspace_, changes_of(call->facts), *contents_, applying);
        crashed = false;
      } catch (const Crash&) {
      }
      const Result<Reply> found = recover_file(scene(), *call);
      if (found) {
        ++done;
        const auto changes = changes_in(*found);
        EXPECT_EQ(std::vector(changes.begin(), changes.end()), changes_of(call->facts));
      } else {
        ++not_begun;
        EXPECT_EQ(found.error().code, Errc::not_started) << found.error().message;
      }
      expect_tree(found ? each.after : each.before);
    }
    EXPECT_GT(done, 5) << name_of(each.command);
    EXPECT_GT(not_begun, 2) << name_of(each.command);
  }
}

TEST_F(SeveralPathsTest, ACrashAndAStrangerLeaveTheOutcomeUnknown) {
  begin_with(kTree);
  const Result<Call> call = prepared(AwaitFileMove{.path = "d", .to = "e"});
  ASSERT_TRUE(call);
  dir_.write("work/d/run", "stranger's");
  EXPECT_EQ(code(recover_file(scene(), *call)), Errc::unknown_outcome);
  EXPECT_EQ(dir_.read("work/d/run"), "stranger's");
}

}  // namespace
}  // namespace tinkerbell

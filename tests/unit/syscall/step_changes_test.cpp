#include "tinkerbell/syscall/step_changes.hpp"

#include "tinkerbell/syscall/payloads.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr TaskId kTask{7};

FileState file(const std::string& content, std::uint32_t mode = 0644) {
  return {FileType::file, mode, sha256(content), content.size()};
}

/// The records of a task, written one after the other.
class Journalled {
 public:
  explicit Journalled(const TaskPayload& task = {}) {
    add({.kind = RecordKind::task, .payload = canonical_bytes(task)});
  }

  /// A step that was allowed at once. Facts may say more than its command.
  Lsn step(const TaskCommand& command, const Result<Reply>& outcome, Facts facts = {},
           const std::optional<PreImage>& before = {}) {
    ask(command, std::move(facts), /*started=*/!before);
    if (before) {
      add({.kind = RecordKind::file, .payload = canonical_bytes(*before)});
      add({.kind = RecordKind::start, .payload = canonical_bytes(StartPayload{})});
    }
    return add({.kind = RecordKind::result, .payload = canonical_outcome(outcome)});
  }

  void ask(const TaskCommand& command, Facts facts, bool started) {
    seq_ = next(seq_);
    effect_ = effect_of(command);
    add({.kind = RecordKind::intent,
         .payload = canonical_bytes(
             IntentPayload{.command = std::string(name_of(command)),
                           .arguments = CanonicalValue{canonical_arguments(command)},
                           .line = "a step",
                           .facts = std::move(facts),
                           .started = started})});
  }

  Lsn add(Record record) {
    record.lsn = Lsn{records.size() * 10 + 10};
    record.task = kTask;
    const bool of_task = record.kind == RecordKind::task || record.kind == RecordKind::signal;
    record.seq = of_task ? Seq{0} : seq_;
    record.effect = of_task ? EffectClass::pure : effect_;
    records.push_back(std::move(record));
    return records.back().lsn;
  }

  std::vector<Record> records;

 private:
  Seq seq_{0};
  EffectClass effect_ = EffectClass::pure;
};

FileChange change(const std::string& path) {
  return {path, std::nullopt, file(path)};
}

Reply moved(const std::string& path) {
  return AwaitFileMove::Reply{.changes = {change(path)}};
}

TEST(StepChanges, AreThoseOfRepliesBetweenTheirStartAndTheirResult) {
  Journalled task;
  task.step(AwaitFileRead{.path = "r"}, Reply(AwaitFileRead::Reply{}));
  task.step(AwaitFileMove{.path = "a", .to = "b"}, moved("b"));
  task.step(AwaitFileMove{.path = "a", .to = "b"}, Error{Errc::not_found, "no a"});
  task.step(AwaitProcess{.argv = {"make"}},
            Reply(AwaitProcess::Reply{.exit_code = 1, .changes = {change("x"), change("y")}}));
  const TaskChanges changes = changes_of_task(task.records);
  ASSERT_EQ(changes.workspace.size(), 2U);
  EXPECT_EQ(changes.workspace[0].step, (CommandId{kTask, Seq{2}}));
  EXPECT_THAT(changes.workspace[0].changes, ElementsAre(change("b")));
  EXPECT_EQ(changes.workspace[1].step, (CommandId{kTask, Seq{4}}));
  EXPECT_EQ(changes.workspace[1].changes.size(), 2U);
  EXPECT_EQ(number(changes.workspace[1].ended) - number(changes.workspace[1].started), 10U);
  EXPECT_THAT(changes.draft, IsEmpty());
  EXPECT_THAT(changes.unknown, IsEmpty());
}

TEST(StepChanges, ASignalInTheMidstOfAStepDoesNotPartIt) {
  Journalled task;
  task.ask(AwaitFileMove{.path = "a", .to = "b"}, {}, /*started=*/true);
  task.add({.kind = RecordKind::signal});
  task.add({.kind = RecordKind::result, .payload = canonical_outcome(moved("b"))});
  EXPECT_EQ(changes_of_task(task.records).workspace.size(), 1U);
}

TEST(StepChanges, WhatTookPlaceInADraftIsToldApart) {
  Journalled task;
  task.step(AwaitFileMove{.path = "a", .to = "b"}, moved("b"), {.draft = kTask});
  task.step(AwaitDraftAccept{}, Reply(AwaitDraftAccept::Reply{.changes = {change("b")}}),
            {.draft = kTask});
  const TaskChanges changes = changes_of_task(task.records);
  ASSERT_EQ(changes.draft.size(), 1U);
  EXPECT_EQ(changes.draft[0].step.seq, Seq{1});
  ASSERT_EQ(changes.workspace.size(), 1U);
  EXPECT_EQ(changes.workspace[0].step.seq, Seq{2});
}

TEST(StepChanges, AForkHasNotMadeThoseOfItsFirstSteps) {
  Journalled fork({.forked_from = TaskId{3}, .forked_step = 1});
  fork.step(AwaitFileMove{.path = "a", .to = "b"}, moved("b"));
  fork.step(AwaitFileMove{.path = "b", .to = "c"}, moved("c"));
  const TaskChanges changes = changes_of_task(fork.records);
  ASSERT_EQ(changes.workspace.size(), 1U);
  EXPECT_EQ(changes.workspace[0].step.seq, Seq{2});
}

TEST(StepChanges, OfAnOlderVersionAreWorkedOutFromTheFileAsItWas) {
  Journalled task;
  task.step(AwaitFileEdit{.path = "a", .old_text = "one", .new_text = "two"},
            Reply(AwaitFileEdit::Reply{.line = 1}),
            {.object = "a", .result_sha256 = sha256("two\n").hex()},
            PreImage{.path = "a", .existed = true, .mode = 0755, .content = "one\n"});
  task.step(AwaitFileWrite{.path = "new", .content = "new"},
            Reply(AwaitFileWrite::Reply{.bytes = 3, .created = true}),
            {.object = "new", .result_sha256 = sha256("new").hex()}, PreImage{.path = "new"});
  const TaskChanges changes = changes_of_task(task.records);
  ASSERT_EQ(changes.workspace.size(), 2U);
  EXPECT_THAT(changes.workspace[0].changes,
              ElementsAre(FileChange{"a", file("one\n", 0755), file("two\n", 0755)}));
  EXPECT_THAT(changes.workspace[1].changes,
              ElementsAre(FileChange{"new", std::nullopt, file("new")}));
}

TEST(StepChanges, AWriteOfTheSameIsNone) {
  Journalled task;
  task.step(AwaitFileWrite{.path = "a", .content = "one\n"},
            Reply(AwaitFileWrite::Reply{.bytes = 4}),
            {.object = "a", .result_sha256 = sha256("one\n").hex()},
            PreImage{.path = "a", .existed = true, .mode = 0644, .content = "one\n"});
  EXPECT_THAT(changes_of_task(task.records).workspace, IsEmpty());
}

TEST(StepChanges, WhatNobodyKnowsIsToldAsUnknown) {
  Journalled task;
  task.step(AwaitFileMove{.path = "a", .to = "b"}, Error{Errc::unknown_outcome, "nobody knows"});
  task.step(AwaitProcess{.argv = {"make"}}, Reply(AwaitProcess::Reply{}),
            {.left = {{.path = "big", .why = "not kept: larger than 1 MiB"}}});
  const TaskChanges changes = changes_of_task(task.records);
  ASSERT_EQ(changes.unknown.size(), 2U);
  EXPECT_EQ(changes.unknown[0].step.seq, Seq{1});
  EXPECT_EQ(changes.unknown[0].path, "");
  EXPECT_EQ(changes.unknown[0].why, "a step: nobody knows");
  EXPECT_EQ(changes.unknown[1].path, "big");
}

TEST(StepChanges, AreKnownOfAProgramThatWasCancelled) {
  Journalled task;
  Error cancelled{Errc::cancelled, "stopped"};
  cancelled.rejected = std::make_shared<const Reply>(AwaitProcess::Reply{.changes = {change("x")}});
  task.step(AwaitProcess{.argv = {"make"}}, cancelled);
  const TaskChanges changes = changes_of_task(task.records);
  ASSERT_EQ(changes.workspace.size(), 1U);
  EXPECT_THAT(changes.workspace[0].changes, ElementsAre(change("x")));
  EXPECT_THAT(changes.unknown, IsEmpty());
}

TEST(StepChanges, WhatWasRefusedOrHasNotEndedIsNone) {
  Journalled task;
  task.ask(AwaitFileMove{.path = "a", .to = "b"}, {}, /*started=*/false);
  task.add({.kind = RecordKind::result,
            .payload = canonical_outcome(Error{Errc::unknown_outcome, "was cut off"})});
  task.ask(AwaitFileMove{.path = "a", .to = "b"}, {}, /*started=*/true);
  const TaskChanges changes = changes_of_task(task.records);
  EXPECT_THAT(changes.workspace, IsEmpty());
  EXPECT_THAT(changes.unknown, IsEmpty());
}

TEST(EndOfStep, IsItsResultOrTheNewestBeforeIt) {
  Journalled task;
  const Lsn first = task.step(AwaitFileRead{.path = "a"}, Reply(AwaitFileRead::Reply{}));
  const Lsn second = task.step(AwaitFileRead{.path = "a"}, Reply(AwaitFileRead::Reply{}));
  EXPECT_EQ(end_of_step(task.records, Seq{0}), Lsn{0});
  EXPECT_EQ(end_of_step(task.records, Seq{1}), first);
  EXPECT_EQ(end_of_step(task.records, Seq{2}), second);
  EXPECT_EQ(end_of_step(task.records, Seq{9}), second);
}

TEST(ForEachContent, ShowsFilesBeforeAndAfterAWriteAndAnEdit) {
  Journalled task;
  task.step(AwaitFileWrite{.path = "a", .content = "one\n"}, Reply(AwaitFileWrite::Reply{}), {},
            PreImage{.path = "a"});
  task.step(AwaitFileEdit{.path = "a", .old_text = "one", .new_text = "two"},
            Reply(AwaitFileEdit::Reply{}), {},
            PreImage{.path = "a", .existed = true, .content = "one\n"});
  task.step(AwaitFileEdit{.path = "a", .old_text = "o", .new_text = "oo", .replace_all = true},
            Reply(AwaitFileEdit::Reply{}), {},
            PreImage{.path = "a", .existed = true, .content = "two, one\n"});
  std::vector<std::string> shown;
  ASSERT_TRUE(for_each_content(task.records,
                               [&](const Sha256& hash, std::string_view content) -> Result<void> {
                                 EXPECT_EQ(hash, sha256(content));
                                 shown.emplace_back(content);
                                 return {};
                               }));
  EXPECT_THAT(shown, ElementsAre("one\n", "one\n", "two\n", "two, one\n", "twoo, oone\n"));
}

TEST(ForEachContent, StopsAtTheFirstError) {
  Journalled task;
  for (int i = 0; i < 2; ++i) {
    task.step(AwaitFileWrite{.path = "a", .content = "x"}, Reply(AwaitFileWrite::Reply{}), {},
              PreImage{.path = "a"});
  }
  int shown = 0;
  const Result<void> visited =
      for_each_content(task.records, [&](const Sha256&, std::string_view) -> Result<void> {
        ++shown;
        return Error{Errc::io, "no"};
      });
  EXPECT_FALSE(visited);
  EXPECT_EQ(shown, 1);
}

}  // namespace
}  // namespace tinkerbell

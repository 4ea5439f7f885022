#include "tinkerbell/syscall/contents.hpp"

#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/syscall/payloads.hpp"
#include "tinkerbell/syscall/registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

FileState file_of(std::string_view content) {
  return {.mode = 0644, .content = sha256(content), .bytes = content.size()};
}

FileChange change_of(const std::string& path, std::string_view before, std::string_view after) {
  FileChange change{.path = path};
  if (!before.empty()) change.before = file_of(before);
  if (!after.empty()) change.after = file_of(after);
  return change;
}

/// The records of one step after another.
class NeededContents : public testing::Test {
 protected:
  void intent(const TaskCommand& command, Facts facts = {}) {
    IntentPayload payload{.command = std::string(name_of(command)), .facts = std::move(facts)};
    payload.arguments.bytes = canonical_arguments(command);
    records_.push_back(
        {.seq = seq_, .kind = RecordKind::intent, .payload = canonical_bytes(payload)});
  }

  void result(const Result<Reply>& outcome) {
    records_.push_back(
        {.seq = seq_, .kind = RecordKind::result, .payload = canonical_outcome(outcome)});
    seq_ = Seq{number(seq_) + 1};
  }

  std::set<Sha256> needed() {
    std::set<Sha256> contents;
    EXPECT_TRUE(add_contents(records_, contents));
    return contents;
  }

  Seq seq_{1};
  std::vector<Record> records_;
};

TEST_F(NeededContents, AreThoseBeforeAndAfterEachChange) {
  intent(AwaitProcess{.argv = {"make"}});
  result(Reply(
      AwaitProcess::Reply{.changes = {change_of("a", "old", "new"), change_of("b", "", "made"),
                                      change_of("c", "gone", "")}}));
  EXPECT_THAT(needed(),
              UnorderedElementsAre(sha256("old"), sha256("new"), sha256("made"), sha256("gone")));
}

TEST_F(NeededContents, AreOutputsThatAReplyHasNotAllOf) {
  intent(AwaitProcess{.argv = {"make"}});
  result(Reply(AwaitProcess::Reply{.output_sha256 = sha256("long output").hex()}));
  EXPECT_THAT(needed(), UnorderedElementsAre(sha256("long output")));
}

TEST_F(NeededContents, AreBodiesThatAreKept) {
  intent(AwaitHttp{.url = "https://a.example/"});
  result(Reply(AwaitHttp::Reply{.body_sha256 = sha256("long body").hex()}));
  EXPECT_THAT(needed(), UnorderedElementsAre(sha256("long body")));
}

TEST_F(NeededContents, AreAlsoThoseOfWhatIsAskedAbout) {
  intent(AwaitFileRestore{.list_sha256 = sha256("list").hex()},
         {.changes = {{.change = change_of("b", "x", "y")}}});
  EXPECT_THAT(needed(), UnorderedElementsAre(sha256("list"), sha256("x"), sha256("y")));
}

TEST_F(NeededContents, AreAlsoTheListOfAnUndoThatIsHeldBeforeItAsks) {
  const TaskPayload undo{
      .kind = std::string(kUndoKind),
      .arguments = {
          {"restore", to_json_value(AwaitFileRestore{.list_sha256 = sha256("list").hex()})}}};
  records_.push_back({.kind = RecordKind::task, .payload = canonical_bytes(undo)});
  EXPECT_THAT(needed(), UnorderedElementsAre(sha256("list")));
}

TEST_F(NeededContents, AreNoneOfDirectoriesAndOfWhatFailed) {
  intent(AwaitProcess{.argv = {"mkdir", "d"}});
  result(Reply(AwaitProcess::Reply{
      .changes = {{.path = "d", .after = FileState{.type = FileType::directory, .mode = 0755}}}}));
  intent(AwaitProcess{.argv = {"make"}});
  result(Error{Errc::timed_out, "too long"});
  EXPECT_THAT(needed(), IsEmpty());
}

TEST_F(NeededContents, AreThoseOfWhatWasChangedBeforeAnError) {
  intent(AwaitProcess{.argv = {"make"}});
  Error error{Errc::cancelled, "cancelled"};
  error.rejected =
      std::make_shared<const Reply>(AwaitProcess::Reply{.changes = {change_of("a", "", "made")}});
  result(error);
  EXPECT_THAT(needed(), UnorderedElementsAre(sha256("made")));
}

TEST_F(NeededContents, AreAlsoThoseOfWhatNobodyKnowsTheEndOf) {
  const UnsurePayload unsure{.changes = {change_of("a", "old", "new")}};
  records_.push_back({.seq = seq_, .kind = RecordKind::unsure, .payload = canonical_bytes(unsure)});
  EXPECT_THAT(needed(), UnorderedElementsAre(sha256("old"), sha256("new")));
}

TEST_F(NeededContents, AreNotKnownIfARecordCannotBeRead) {
  intent(AwaitProcess{.argv = {"make"}});
  records_.back().payload.resize(3);
  std::set<Sha256> contents;
  EXPECT_EQ(add_contents(records_, contents).error().code, Errc::invalid);
}

}  // namespace
}  // namespace tinkerbell

#include "support/small_disk.hpp"
#include "unit/drivers/process/process_fixture.hpp"

#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/draft_base.hpp"
#include "tinkerbell/workspace/tree_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// What programs change is kept before and told after.

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TrackedPrograms : public ProcessFixture {
 protected:
  TrackedPrograms() {
    settings_.sandbox = ProcessSandbox::none;
    keep_at_most({});
  }

  ~TrackedPrograms() override { driver_.reset(); }

  /// As in a new daemon.
  void keep_at_most(WatchBounds bounds) {
    driver_.reset();
    if (!store_) {
      Result<std::unique_ptr<ContentStore>> store =
          ContentStore::open((state_ / "contents").string());
      if (!store) std::abort();
      store_ = *std::move(store);
    }
    trees_ = std::make_unique<TreeWatch>(*store_, bounds);
    driver_ = std::make_unique<ProcessDriver>(loop_.get_executor(), pool_, sink_, settings_,
                                              sandbox_works_, Tracking{*trees_, pool_});
  }

  void another_daemon() { keep_at_most(trees_->bounds()); }

  /// "+ path", "- path" or "! path" for each.
  static std::vector<std::string> in_short(std::span<const FileChange> changes) {
    std::vector<std::string> lines;
    for (const FileChange& change : changes) {
      const char* const sign = !change.before ? "+ " : !change.after ? "- " : "! ";
      lines.push_back(sign + change.path);
    }
    return lines;
  }

  std::vector<std::string> changes_of(std::string script) {
    const Outcome reply = run(call_of(std::move(script)));
    EXPECT_TRUE(reply) << reply.error().message;
    if (reply) {
      EXPECT_EQ(reply->exit_code, 0) << reply->output;
      EXPECT_EQ(reply->note, "");
    }
    return reply ? in_short(reply->changes) : std::vector<std::string>();
  }

  static std::vector<std::string> changes_of(const Error& error) {
    return in_short(changes_in(Result<Reply>(error)));
  }

  [[nodiscard]] bool is_kept(std::string_view content) const {
    return store_->has(sha256(content));
  }

  std::unique_ptr<ContentStore> store_;
  std::unique_ptr<TreeWatch> trees_;
};

TEST_F(TrackedPrograms, TellWhatTheyChangedWhateverItIs) {
  for (const char* name : {"changed", "removed", "mode", "same", "moved", "touched", "d/below"})
    workspace_.write(name, std::string("old ") + name);
  EXPECT_THAT(
      changes_of("echo new > changed; rm removed; chmod 600 mode; printf 'old same' > same.new;"
                 "mv same.new same; mv moved moved-away; touch touched; echo x > made;"
                 "mkdir new-d; ln -s made link; mv d e; printf z > 'odd\nname'"),
      ElementsAre("! changed", "- d", "- d/below", "+ e", "+ e/below", "+ link", "+ made", "! mode",
                  "- moved", "+ moved-away", "+ new-d", "+ odd\nname", "- removed"));
}

TEST_F(TrackedPrograms, HaveKeptWhatStoodThereAndWhatTheyWrote) {
  workspace_.write("a", "old");
  const Outcome reply = run(call_of("printf new > a; chmod 700 a"));
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->changes.size(), 1U);
  const FileChange& change = reply->changes[0];
  EXPECT_EQ(change.before->content, sha256("old"));
  EXPECT_EQ(change.before->mode & 0700U, 0600U);
  EXPECT_EQ(change.after->content, sha256("new"));
  EXPECT_EQ(change.after->mode, 0700U);
  EXPECT_EQ(change.after->bytes, 3U);
  // Durable: what was only put goes when the store is opened.
  store_.reset();
  another_daemon();
  EXPECT_TRUE(is_kept("old"));
  EXPECT_TRUE(is_kept("new"));
}

TEST_F(TrackedPrograms, HaveKeptWhatStoodThereBeforeTheyBegin) {
  workspace_.write("a", "old");
  const Call call = prepared_call(call_of("touch begun; exec sleep 300"));
  const Pending pending = begin(call);
  ASSERT_TRUE(turn_until([&] { return fs::exists(workspace_ / "begun"); }));
  driver_.reset();
  store_.reset();
  another_daemon();
  EXPECT_TRUE(is_kept("old"));
  EXPECT_TRUE(fs::exists(run_directory_of(call) / kTreeFile));
  std::set<Sha256> needed;
  EXPECT_TRUE(driver_->add_contents(needed));
  EXPECT_TRUE(needed.contains(sha256("old")));
}

TEST_F(TrackedPrograms, ThatChangeNothingTellNothing) {
  workspace_.write("a", "old");
  EXPECT_THAT(changes_of("cat a; sleep 0; exit 0"), IsEmpty());
}

TEST_F(TrackedPrograms, ThatFailTellToo) {
  const Outcome reply = run(call_of("echo x > made; exit 3"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->exit_code, 3);
  EXPECT_THAT(in_short(reply->changes), ElementsAre("+ made"));
}

TEST_F(TrackedPrograms, ThatAreCancelledTellToo) {
  const Call call = prepared_call(call_of("echo x > made; exec sleep 300"));
  std::optional<Result<Reply>> outcome;
  driver().perform(call, Completion<Reply>([&](Result<Reply> ended) { outcome = ended; }));
  ASSERT_TRUE(turn_until([&] { return content_of("made") == "x\n"; }));
  driver().cancel(call.id);
  ASSERT_TRUE(turn_until([&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome->error().code, Errc::cancelled);
  EXPECT_THAT(changes_of(outcome->error()), ElementsAre("+ made"));
}

TEST_F(TrackedPrograms, WhoseTimeIsUpTellToo) {
  const Outcome reply = run(call_of("echo x > made; exec sleep 300", 300ms));
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->timed_out);
  EXPECT_THAT(in_short(reply->changes), ElementsAre("+ made"));
}

TEST_F(TrackedPrograms, AreToldByTheNextDaemonWhereTheirsDied) {
  workspace_.write("a", "old");
  const Call call =
      prepared_call(call_of("printf new > a; touch begun; until [ -e go ]; do sleep 0.01; done"));
  const Pending lost = begin(call);
  ASSERT_TRUE(turn_until([&] { return fs::exists(workspace_ / "begun"); }));
  another_daemon();
  const Pending pending = begin_recovery(call);
  workspace_.write("go", "");
  const Outcome reply = end(pending);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(in_short(reply->changes), ElementsAre("! a", "+ begun", "+ go"));
  EXPECT_EQ(reply->changes[0].before->content, sha256("old"));
  EXPECT_TRUE(is_kept("new"));
}

TEST_F(TrackedPrograms, OfWhichNobodyKnowsHowTheyEndedTellToo) {
  const Call call = prepared_call(call_of("echo x > made; exec sleep 300"));
  const Pending pending = begin(call);
  ASSERT_TRUE(turn_until([&] { return content_of("made") == "x\n"; }));
  ::kill(run_lock_holder(run_directory_of(call)).value(), SIGKILL);
  const Outcome outcome = end(pending);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::unknown_outcome);
  EXPECT_THAT(changes_of(outcome.error()), ElementsAre("+ made"));
}

TEST_F(TrackedPrograms, ThatOnlyAProbeKnowsTellToo) {
  settings_.probes = {{.name = "look", .command = {"sh"}, .argv = {"true"}}};
  another_daemon();
  const Call call = prepared_call(call_of("echo x > made; exec sleep 300"));
  const Pending pending = begin(call);
  ASSERT_TRUE(turn_until([&] { return content_of("made") == "x\n"; }));
  ::kill(run_lock_holder(run_directory_of(call)).value(), SIGKILL);
  const Outcome reply = end(pending);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(in_short(reply->changes), ElementsAre("+ made"));
  EXPECT_THAT(reply->note, HasSubstr("its output is lost"));
}

TEST_F(TrackedPrograms, AreToldAfterThePowerFailed) {
  workspace_.write("a", "old");
  const Call call = prepared_call(call_of("printf new > a"));
  ASSERT_TRUE(perform(call));
  fs::remove(run_directory_of(call) / kStatusFile);
  ASSERT_TRUE(write_record(run_directory_of(call), kStartedFile, RunStarted{1, "another boot"}));
  another_daemon();
  const Outcome outcome = recover(call);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::unknown_outcome);
  EXPECT_THAT(changes_of(outcome.error()), ElementsAre("! a"));
}

TEST_F(TrackedPrograms, OfAnOlderDaemonHaveNoChangesThatAreKnown) {
  const Call call = prepared_call(call_of("echo x > made"));
  ASSERT_TRUE(perform(call));
  fs::remove(run_directory_of(call) / kTreeFile);
  const Outcome reply = recover(call);
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->changes, IsEmpty());
  EXPECT_EQ(reply->note, "");
}

TEST_F(TrackedPrograms, WhoseTreeIsDamagedSayThatNobodyKnows) {
  const Call call = prepared_call(call_of("echo x > made; exit 4"));
  ASSERT_TRUE(perform(call));
  ASSERT_TRUE(write_durably(run_directory_of(call), kTreeFile, "no tree"));
  const Outcome reply = recover(call);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->exit_code, 4);
  EXPECT_THAT(reply->note, HasSubstr("what it changed is not known"));
}

TEST_F(TrackedPrograms, AtOnceInOneWorkspaceBothClaimWhatChanged) {
  const char* const script = "touch \"$0-begun\"; until [ -e go ]; do sleep 0.01; done; echo > $0";
  std::vector<Pending> pending;
  for (const char* name : {"one", "two"})
    pending.push_back(begin(prepared_call(call_with({"sh", "-c", script, name}))));
  ASSERT_TRUE(turn_until([&] {
    return fs::exists(workspace_ / "one-begun") && fs::exists(workspace_ / "two-begun");
  }));
  workspace_.write("go", "");
  for (const Pending& each : pending) {
    const Outcome reply = end(each);
    ASSERT_TRUE(reply);
    EXPECT_THAT(in_short(reply->changes), testing::Contains("+ go"));
  }
}

TEST_F(TrackedPrograms, InADraftTellWhatTheyChangedThere) {
  workspace_.write("a", "live");
  const TaskId draft{7};
  fs::create_directories(settings_.drafts.tree_of(draft));
  std::ofstream(settings_.drafts.tree_of(draft) / "a") << "draft";
  ASSERT_TRUE(write_base(settings_.drafts, draft, {.workspace = workspace_.path()}));
  Call call = call_of("printf new > a");
  call.draft = draft;
  const Outcome reply = run(call);
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_THAT(in_short(reply->changes), ElementsAre("! a"));
  EXPECT_EQ(reply->changes[0].before->content, sha256("draft"));
  EXPECT_EQ(content_of("a"), "live");
}

TEST_F(TrackedPrograms, ChangeNothingOfTheDaemonsOwn) {
  settings_.read_only.push_back(workspace_ / "config");
  settings_.hidden.push_back(workspace_ / "secrets");
  another_daemon();
  EXPECT_THAT(changes_of("echo > config; mkdir secrets; echo > secrets/key; echo > configure"),
              ElementsAre("+ configure"));
}

// ---- what is not kept is said before ----

TEST_F(TrackedPrograms, SayBeforeWhatNobodyCouldBringBack) {
  keep_at_most({.kept_file_max = 8});
  workspace_.write("big", "0123456789");
  ASSERT_EQ(::mkfifo((workspace_ / "pipe").c_str(), 0600), 0);
  const Result<Prepared> prepared = prepare(call_of("echo > big"));
  ASSERT_TRUE(prepared);
  EXPECT_THAT(prepared->facts.left,
              ElementsAre(LeftInDraft{"big", "it is larger than 8 bytes"},
                          LeftInDraft{"pipe", "neither a file, a directory nor a link"}));
  EXPECT_FALSE(is_kept("0123456789"));
  const Outcome reply = run(call_of("printf x > big"));
  ASSERT_TRUE(reply);
  EXPECT_THAT(in_short(reply->changes), ElementsAre("! big")) << "noticed all the same";
}

TEST_F(TrackedPrograms, SayTheFirstTwentyAndHowManyMore) {
  keep_at_most({.kept_file_max = 1});
  for (int i = 0; i < 25; ++i)
    workspace_.write("big" + std::to_string(i), "xx");
  const Result<Prepared> prepared = prepare(call_of("true"));
  ASSERT_TRUE(prepared);
  ASSERT_EQ(prepared->facts.left.size(), 21U);
  EXPECT_EQ(prepared->facts.left.back(), (LeftInDraft{"", "and 5 more"}));
}

TEST_F(TrackedPrograms, AreNotStartedWhenThereIsMoreToLoseThanWasSaid) {
  keep_at_most({.kept_file_max = 8});
  const Call call = prepared_call(call_of("touch canary"));
  workspace_.write("big", "0123456789");
  const Outcome outcome = perform(call);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::conflict);
  EXPECT_THAT(outcome.error().message, HasSubstr("big"));
  EXPECT_FALSE(fs::exists(workspace_ / "canary"));
}

TEST_F(TrackedPrograms, SayThatNothingIsKeptWhereTooMuchStandsThere) {
  keep_at_most({.kept_total_max = 8});
  workspace_.write("a", "0123456789");
  const Call call = prepared_call(call_of("echo x > made"));
  ASSERT_EQ(call.facts.left.size(), 1U);
  EXPECT_EQ(call.facts.left[0].path, ".");
  EXPECT_THAT(call.facts.left[0].why, HasSubstr("more than 8 bytes together"));
  const Outcome reply = perform(call);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(reply->changes, IsEmpty());
  EXPECT_FALSE(fs::exists(run_directory_of(call) / kTreeFile));
  EXPECT_FALSE(is_kept("0123456789"));
}

TEST_F(TrackedPrograms, ThatMakeItTooMuchTellTheirChangesAndThatTheyAreNotKept) {
  keep_at_most({.kept_file_max = 20, .kept_total_max = 30});
  workspace_.write("a", "old");
  const Outcome reply =
      run(call_of("printf new > a; printf 0123456789abcdef > b; cp b c; cat b c > too-long"));
  ASSERT_TRUE(reply);
  EXPECT_THAT(in_short(reply->changes), ElementsAre("! a", "+ b", "+ c"));
  EXPECT_THAT(reply->note, AllOf(HasSubstr("what it wrote is not kept"),
                                 HasSubstr("what became of too-long is not known")));
  EXPECT_TRUE(is_kept("old"));
}

TEST_F(TrackedPrograms, ThatHideWhatTheyChangedSayThatNobodyKnows) {
  workspace_.write("a", "old");
  const Outcome reply = run(call_of("rm a; mkfifo a new"));
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->changes, IsEmpty());
  EXPECT_EQ(reply->note, "what became of a is not known");
}

TEST_F(TrackedPrograms, AreNotStartedWhereNothingMoreCanBeKept) {
  store_.reset();
  driver_.reset();
  const SmallDisk disk(state_ / "contents", "size=64k");
  if (!disk.works()) GTEST_SKIP() << disk.why_not();
  another_daemon();
  disk.fill();
  workspace_.write("a", std::string(100'000, 'x'));
  const Result<Prepared> prepared = prepare(call_of("touch canary"));
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Errc::storage_full);
  EXPECT_THAT(prepared.error().message, HasSubstr("track = false in [workspace]"));
  driver_.reset();
  store_.reset();
}

TEST_F(TrackedPrograms, SwitchedOffKeepNothing) {
  driver_ = std::make_unique<ProcessDriver>(loop_.get_executor(), pool_, sink_, settings_,
                                            sandbox_works_);
  workspace_.write("a", "old");
  EXPECT_THAT(changes_of("echo new > a"), IsEmpty());
  EXPECT_FALSE(is_kept("old"));
}

TEST_F(TrackedPrograms, ThatAreCancelledBeforeTheyBeginHaveChangedNothing) {
  const Call call = prepared_call(call_of("touch canary; exec sleep 300"));
  const Pending pending = begin(call);
  driver().cancel(call.id);
  EXPECT_EQ(end(pending).error().code, Errc::cancelled);
}

}  // namespace
}  // namespace tinkerbell

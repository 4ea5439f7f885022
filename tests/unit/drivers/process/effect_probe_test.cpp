#include "unit/drivers/process/process_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

/// A program began, and nobody is there to tell how it went: the machine went down, or its shim was
/// killed. Then a probe is asked.

namespace tinkerbell {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

class ProbedPrograms : public ProcessFixture {
 protected:
  ProbedPrograms() { settings_.sandbox = ProcessSandbox::none; }

  void probe_with(std::string script, Milliseconds timeout = 20s) {
    settings_.probes = {{.name = "deploy",
                         .command = {"./deploy.sh"},
                         .argv = {"sh", "-c", std::move(script), "probe", "{arguments}"},
                         .timeout = timeout}};
    restart_driver();
  }

  [[nodiscard]] Call deploy() { return call_with({"./deploy.sh", "to", "live"}); }

  /// Leaves of a run what is on disk after the machine went down in the middle of it.
  void machine_goes_down_in(const Call& call) {
    const fs::path directory = run_directory_of(call);
    fs::create_directories(directory);
    fs::remove(directory / kStatusFile);
    ASSERT_TRUE(write_record(directory, kStartedFile, RunStarted{1, "another boot"}));
  }

  [[nodiscard]] Outcome outcome_after_the_machine_went_down(const Call& call) {
    machine_goes_down_in(call);
    return recover(call);
  }

  /// What a probe of "./deploy.sh" makes of it.
  [[nodiscard]] Outcome probed(std::string script, Milliseconds timeout = 20s) {
    probe_with(std::move(script), timeout);
    return outcome_after_the_machine_went_down(deploy());
  }
};

TEST_F(ProbedPrograms, ThatDidTheirWorkHaveAReplyThatSaysHowThatIsKnown) {
  const Outcome reply = probed("echo version 7 is live; exit 0");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->exit_code, 0);
  EXPECT_EQ(reply->output, "");
  EXPECT_THAT(reply->note,
              AllOf(HasSubstr("its output is lost"), HasSubstr("the machine went down"),
                    HasSubstr("the probe \"deploy\" says that it happened (exit 0: version 7")));
  EXPECT_EQ(sink_.text, "") << "a probe's words are none of the program's";
}

TEST_F(ProbedPrograms, ThatDidNothingHaveNotStarted) {
  const Outcome outcome = probed("echo version 6 is live; exit 1");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::not_started);
  EXPECT_THAT(outcome.error().message, HasSubstr("it did not happen (exit 1: version 6"));
}

TEST_F(ProbedPrograms, OfWhichTheProbeCannotTellHaveAnUnknownOutcomeWithWhatItSaid) {
  for (const char* script : {"echo no route; exit 2", "echo no route; kill -9 $$"}) {
    const Outcome outcome = probed(script);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Errc::unknown_outcome);
    EXPECT_THAT(outcome.error().message, AllOf(HasSubstr("the machine went down"),
                                               HasSubstr("it cannot tell"), HasSubstr("no route")));
  }
}

TEST_F(ProbedPrograms, HaveAnUnknownOutcomeWhenTheProbeTakesTooLong) {
  const Outcome outcome = probed("exec sleep 300", 100ms);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::unknown_outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("no answer in time"));
}

TEST_F(ProbedPrograms, HaveAnUnknownOutcomeWhenThereIsNoSuchProbe) {
  settings_.probes = {{.name = "deploy", .command = {"./deploy.sh"}, .argv = {"no-such-probe"}}};
  const Outcome outcome = outcome_after_the_machine_went_down(deploy());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::unknown_outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("no-such-probe"));
}

TEST_F(ProbedPrograms, AreKnownByTheirFirstWords) {
  probe_with("exit 0");
  settings_.probes[0].command = {"./deploy.sh", "to", "live"};
  restart_driver();
  EXPECT_TRUE(outcome_after_the_machine_went_down(deploy()));
  const Outcome other =
      outcome_after_the_machine_went_down(call_with({"./deploy.sh", "to", "test"}));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::unknown_outcome);
  EXPECT_THAT(other.error().message, Not(HasSubstr("probe")));
}

TEST_F(ProbedPrograms, GiveTheirProbeTheirWordsTheirKeyAndTheirDirectory) {
  probe_with("echo \"$@ $TINKERBELL_IDEMPOTENCY_KEY $STAGE ${PWD##*/}\"");
  fs::create_directory(workspace_ / "below");
  Call call = deploy();
  auto& command = std::get<AwaitProcess>(call.command);
  command.cwd = "below";
  command.env = {{"STAGE", "seven"}};
  const Outcome reply = outcome_after_the_machine_went_down(call);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(reply->note, HasSubstr("to live " + call.key + " seven below"));
}

TEST_F(ProbedPrograms, AreNotProbedWhereTheShimCanTell) {
  probe_with("echo probed >> ledger; exit 1");
  script("deploy.sh", "#!/bin/sh\nexit 5\n");
  const Call call = prepared_call(deploy());
  ASSERT_TRUE(perform(call));
  restart_driver();
  const Outcome ended = recover(call);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exit_code, 5);
  EXPECT_EQ(recover(deploy()).error().code, Errc::not_started);
  EXPECT_EQ(content_of("ledger"), "");

  machine_goes_down_in(call);
  EXPECT_EQ(recover(call).error().code, Errc::not_started);
  EXPECT_EQ(content_of("ledger"), "probed\n");
}

TEST_F(ProbedPrograms, AreProbedWhereTheJournalCameAlone) {
  probe_with("exit 0");
  settings_.runs_lost = true;
  restart_driver();
  const Outcome reply = recover(deploy());
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(reply->note, HasSubstr("before this state was copied"));
}

TEST_F(ProbedPrograms, AreProbedAnewByTheNextDriver) {
  probe_with("echo asked >> ledger; until [ -e go ]; do sleep 0.01; done; echo $$ >> ended");
  const Call call = deploy();
  machine_goes_down_in(call);
  Pending lost = begin_recovery(call);
  ASSERT_TRUE(turn_until([&] { return content_of("ledger") == "asked\n"; }));
  restart_driver();
  Pending pending = begin_recovery(call);
  ASSERT_TRUE(turn_until([&] { return content_of("ledger") == "asked\nasked\n"; }));
  workspace_.write("go", "");
  EXPECT_TRUE(end(pending));
  EXPECT_EQ(std::ranges::count(content_of("ended"), '\n'), 1) << "the first one went on";
}

TEST_F(ProbedPrograms, LeaveNothingOfTheirProbeOnceForgotten) {
  probe_with("exit 0");
  const Call call = deploy();
  ASSERT_TRUE(outcome_after_the_machine_went_down(call));
  EXPECT_FALSE(fs::is_empty(settings_.runs_directory));
  driver().settled(call.key);
  EXPECT_TRUE(turn_until([&] { return fs::is_empty(settings_.runs_directory); }));
}

TEST_F(ProbedPrograms, HaveAnUnknownOutcomeWhenCancelledMeanwhile) {
  probe_with("touch asked; exec sleep 300");
  const Call call = deploy();
  machine_goes_down_in(call);
  Pending pending = begin_recovery(call);
  ASSERT_TRUE(turn_until([&] { return fs::exists(workspace_ / "asked"); }));
  driver().cancel(call.id);
  EXPECT_EQ(end(pending).error().code, Errc::unknown_outcome);
}

TEST_F(ProbedPrograms, AreNotProbedWhenCancelledBefore) {
  probe_with("exit 0");
  const Call call = deploy();
  machine_goes_down_in(call);
  Pending pending = begin_recovery(call);
  driver().cancel(call.id);
  EXPECT_EQ(end(pending).error().code, Errc::unknown_outcome);
  EXPECT_FALSE(fs::exists(run_directory_of(call).string() + "-probe"));
}

/// Its shim is killed while the daemon lives.
class ProgramsWhoseShimIsKilled : public ProbedPrograms {
 protected:
  [[nodiscard]] Outcome outcome_with(std::string probe) {
    probe_with(std::move(probe));
    script("deploy.sh", "#!/bin/sh\necho begun >> ledger\nexec sleep 300\n");
    const Call call = prepared_call(deploy());
    Pending pending = begin(call);
    EXPECT_TRUE(turn_until([&] { return content_of("ledger") == "begun\n"; }));
    ::kill(run_lock_holder(run_directory_of(call)).value(), SIGKILL);
    return end(pending);
  }
};

TEST_F(ProgramsWhoseShimIsKilled, HaveAReplyIfTheyHadDoneTheirWork) {
  const Outcome reply = outcome_with("exit 0");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(reply->note, HasSubstr("its shim was killed"));
}

TEST_F(ProgramsWhoseShimIsKilled, AreNotStartedOverAndOverIfTheyHadNot) {
  EXPECT_EQ(outcome_with("exit 1").error().code, Errc::unavailable);
  EXPECT_EQ(content_of("ledger"), "begun\n");
}

TEST_F(ProgramsWhoseShimIsKilled, HaveAnUnknownOutcomeIfNobodyKnows) {
  EXPECT_EQ(outcome_with("exit 2").error().code, Errc::unknown_outcome);
}

// ---- the built-in ones ----

class ProbedGit : public ProbedPrograms {
 protected:
  ProbedGit() {
    must("git init -q -b main . && echo one > a && git add a && git commit -q -m first");
  }

  /// In the workspace, as a program of another step.
  void must(const std::string& commands) {
    const Outcome reply = run(call_of(commands));
    ASSERT_TRUE(reply) << reply.error().message;
    ASSERT_EQ(reply->exit_code, 0) << reply->output;
  }

  [[nodiscard]] std::string output_of(const std::string& commands) {
    const Outcome reply = run(call_of(commands));
    return reply ? reply->output : reply.error().message;
  }

  [[nodiscard]] Call git(std::vector<std::string> words) {
    words.insert(words.begin(), "git");
    return call_with(std::move(words));
  }

  /// Runs it to its end; then nobody knows any more.
  [[nodiscard]] Call done_and_lost(std::vector<std::string> words) {
    Call call = prepared_call(git(std::move(words)));
    const Outcome reply = perform(call);
    EXPECT_TRUE(reply && reply->exit_code == 0) << (reply ? reply->output : reply.error().message);
    machine_goes_down_in(call);
    restart_driver();
    return call;
  }
};

TEST_F(ProbedGit, KnowsTheCommitOfAStep) {
  must("echo two > a");
  const Call call = done_and_lost({"commit", "-q", "-a", "-m", "second"});
  Outcome reply = recover(call);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(reply->note, HasSubstr("the reflog has this step, as commit "));

  must("echo three > a && git commit -q -a -m third && git reset -q --hard HEAD~2");
  EXPECT_TRUE(recover(call)) << "it happened, whatever came after it";
}

TEST_F(ProbedGit, KnowsThatThereWasNoCommitOfAStep) {
  must("echo two > a");
  const Call call = git({"commit", "-q", "-a", "-m", "second"});
  Outcome outcome = outcome_after_the_machine_went_down(call);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::not_started) << outcome.error().message;

  must("git commit -q -a -m second");  // the same, by somebody else
  outcome = recover(call);
  ASSERT_FALSE(outcome) << "a commit of another step is none of this one";
  EXPECT_EQ(outcome.error().code, Errc::not_started);
}

TEST_F(ProbedGit, DoesNotKnowWhereThePowerTookTheReflog) {
  must("echo two > a && cp .git/logs/HEAD kept");
  const Call call = done_and_lost({"commit", "-q", "-a", "-m", "second"});
  must("cp kept .git/logs/HEAD");
  Outcome outcome = recover(call);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::unknown_outcome) << outcome.error().message;
  EXPECT_THAT(outcome.error().message, HasSubstr("the reflog does not say since when"));

  must("rm -r .git/logs");
  EXPECT_EQ(recover(call).error().code, Errc::unknown_outcome);
}

TEST_F(ProbedGit, KnowsOfARepositoryWithoutACommit) {
  must("rm -rf .git && git init -q -b main . && git add a");
  EXPECT_EQ(outcome_after_the_machine_went_down(git({"commit", "-m", "x"})).error().code,
            Errc::not_started);
  must("rm -rf .git");
  EXPECT_EQ(outcome_after_the_machine_went_down(git({"commit", "-m", "x"})).error().code,
            Errc::unknown_outcome);
}

TEST_F(ProbedGit, MarksNoReflogButThatOfACommit) {
  must("git checkout -q -b other && git checkout -q main");
  const Call call = prepared_call(git({"checkout", "-q", "-"}));
  ASSERT_TRUE(perform(call));
  EXPECT_EQ(output_of("git branch --show-current"), "other\n");
  EXPECT_THAT(output_of("git reflog"), Not(HasSubstr(call.key)));
}

class ProbedPush : public ProbedGit {
 protected:
  ProbedPush() {
    must("git init -q --bare ../" + remote() + " && git remote add origin ../" + remote() +
         " && git push -q -u origin main && echo two > a && git commit -q -a -m second");
  }

  ~ProbedPush() override { fs::remove_all(workspace_.path().string() + "-remote"); }

  [[nodiscard]] std::string remote() const {
    return workspace_.path().filename().string() + "-remote";
  }

  [[nodiscard]] std::string pushed() {
    return output_of("git --git-dir=../" + remote() + " log --format=%s main");
  }

  [[nodiscard]] Errc code_of(std::vector<std::string> words) {
    const Outcome outcome = outcome_after_the_machine_went_down(git(std::move(words)));
    return outcome ? Errc{} : outcome.error().code;
  }
};

TEST_F(ProbedPush, KnowsThatTheRemoteHasIt) {
  const Call call = done_and_lost({"push", "origin", "main"});
  const Outcome reply = recover(call);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(reply->note, HasSubstr("says that it happened"));
}

TEST_F(ProbedPush, KnowsThatTheRemoteDoesNotHaveItAndPushesNothing) {
  EXPECT_EQ(code_of({"push"}), Errc::not_started);
  EXPECT_EQ(code_of({"push", "origin", "main"}), Errc::not_started);
  EXPECT_EQ(code_of({"push", "origin", "main:new"}), Errc::not_started);
  EXPECT_EQ(code_of({"push", "--no-dry-run", "origin", "main"}), Errc::unknown_outcome);
  EXPECT_EQ(pushed(), "first\n");
}

TEST_F(ProbedPush, OverwritesOrRemovesNothingThatMayHaveComeLater) {
  must("git push -q && git reset -q --hard HEAD~1 && echo three > a && git commit -q -a -m third");
  EXPECT_EQ(code_of({"push", "origin", "main"}), Errc::unknown_outcome) << "would be rejected";
  EXPECT_EQ(code_of({"push", "--force", "origin", "main"}), Errc::unknown_outcome);
  EXPECT_EQ(code_of({"push", "--force", "origin", "main", "main:new"}), Errc::unknown_outcome);
  EXPECT_EQ(code_of({"push", "origin", "--delete", "main"}), Errc::unknown_outcome);
  EXPECT_EQ(pushed(), "second\nfirst\n");
}

TEST_F(ProbedPush, DoesNotKnowWhereTheRemoteCannotBeAsked) {
  must("git remote set-url origin /nonexistent/remote");
  EXPECT_EQ(code_of({"push", "origin", "main"}), Errc::unknown_outcome);
}

TEST_F(ProbedPush, AnOwnProbeComesBeforeTheBuiltInOne) {
  settings_.probes = {
      {.name = "ask me", .command = {"git", "push"}, .argv = {"sh", "-c", "exit 2"}}};
  restart_driver();
  EXPECT_EQ(code_of({"push", "origin", "main"}), Errc::unknown_outcome);
}

}  // namespace
}  // namespace tinkerbell

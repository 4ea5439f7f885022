#include "tinkerbell/drivers/process/process_driver.hpp"

#include "support/process_lives.hpp"
#include "unit/drivers/process/process_fixture.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::string_literals;

class UnsandboxedPrograms : public ProcessFixture {
 protected:
  UnsandboxedPrograms() { settings_.sandbox = ProcessSandbox::none; }
};

TEST_F(UnsandboxedPrograms, ReturnOutputAndExitCode) {
  const auto reply = run(call_of("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->exit_code, 3);
  EXPECT_EQ(reply->output, "out\nerr\n");
  EXPECT_EQ(reply->output_bytes, 8U);
  EXPECT_FALSE(reply->timed_out);
}

TEST_F(UnsandboxedPrograms, AreRunOnceForAKeyAndAttempt) {
  const Call call = prepared_call(call_of("echo ran >> log"));
  ASSERT_TRUE(perform(call));
  const auto again = perform(call);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);
  EXPECT_EQ(workspace_.read("log"), "ran\n");
}

TEST_F(UnsandboxedPrograms, AreNamedWithTheirHashAndSandbox) {
  const auto prepared = prepare(call_with({"sh", "-c", "true"}));
  ASSERT_TRUE(prepared);
  EXPECT_EQ(prepared->facts.object, std::filesystem::canonical("/usr/bin/sh"));
  EXPECT_EQ(prepared->facts.object_sha256.size(), 64U);
  EXPECT_EQ(prepared->facts.sandbox, "none");
}

TEST_F(UnsandboxedPrograms, AreNotFoundOutsideTheFixedPath) {
  script("git", "#!/bin/sh\necho planted\n");
  ASSERT_EQ(::setenv("PATH", workspace_.path().c_str(), 1), 0);
  const auto prepared = prepare(call_with({"git"}));
  ASSERT_TRUE(prepared);
  EXPECT_EQ(prepared->facts.object, "/usr/bin/git");
  EXPECT_EQ(prepare(call_with({"no-such-program"})).error().code, Errc::not_found);
  EXPECT_EQ(prepare(call_with({"./missing"})).error().code, Errc::not_found);
}

TEST_F(UnsandboxedPrograms, S18_AreRefusedWhenTheyChangedAfterTheApproval) {
  script("tool", "#!/bin/sh\necho harmless\n");
  Call call = prepared_call(call_with({"./tool"}));
  script("tool", "#!/bin/sh\ntouch canary\n");
  EXPECT_EQ(perform(call).error().code, Errc::conflict);
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "canary"));
}

TEST_F(UnsandboxedPrograms, S32_AreRefusedWhenAScriptInTheirArgumentsChanged) {
  workspace_.write("s.sh", "echo harmless\n");
  const Call call = prepared_call(call_with({"sh", "s.sh"}));
  ASSERT_EQ(call.facts.files.size(), 1U);
  EXPECT_EQ(call.facts.files[0].path, "s.sh");
  EXPECT_EQ(call.facts.files[0].state, "sha256 " + sha256("echo harmless\n").hex());
  workspace_.write("s.sh", "touch canary\n");
  EXPECT_EQ(perform(call).error().code, Errc::conflict);
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "canary"));
}

TEST_F(UnsandboxedPrograms, S38_AreRefusedWhereTheirWorkspaceHasBecomeALink) {
  const TempDir outside;
  std::filesystem::create_directory(workspace_ / "sub");
  Call call = call_of("touch canary");
  call.workspace = (workspace_ / "sub").string();
  call = prepared_call(std::move(call));
  std::filesystem::rename(workspace_ / "sub", workspace_ / "old");
  std::filesystem::create_directory_symlink(outside.path(), workspace_ / "sub");
  EXPECT_EQ(perform(call).error().code, Errc::invalid);
  EXPECT_EQ(prepare(call).error().code, Errc::invalid);
  EXPECT_TRUE(std::filesystem::is_empty(outside.path()));
}

TEST_F(UnsandboxedPrograms, S38_AreRefusedWhereAnotherDirectoryStandsInTheirPlace) {
  std::filesystem::create_directory(workspace_ / "sub");
  for (const char* replaced : {"sub", "."}) {
    Call call = call_of("touch canary");
    std::get<AwaitProcess>(call.command).cwd = replaced;
    if (std::string_view(replaced) == ".") call.workspace = (workspace_ / "sub").string();
    call = prepared_call(std::move(call));
    std::filesystem::rename(workspace_ / "sub", workspace_ / ("old-"s + replaced));
    std::filesystem::create_directory(workspace_ / "sub");
    EXPECT_EQ(perform(call).error().code, Errc::conflict) << replaced;
  }
  EXPECT_TRUE(std::filesystem::is_empty(workspace_ / "sub"));
}

TEST_F(UnsandboxedPrograms, S42_AreRefusedAtOnceWhenTheyAreEndless) {
  script("big", "#!/bin/sh\n");
  std::filesystem::resize_file(workspace_ / "big", 1ULL << 40);
  EXPECT_EQ(prepare(call_with({"./big"})).error().code, Errc::too_large);
}

TEST_F(UnsandboxedPrograms, S11_GetTheirArgumentsLiterally) {
  for (const char* attack :
       {"a; touch canary", "$(touch canary)", "`touch canary`", "a && touch canary",
        "a | touch canary", "> canary", "a\ntouch canary"}) {
    const auto reply = run(call_with({"echo", attack}));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->output, std::string(attack) + "\n");
  }
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "canary"));
}

TEST_F(UnsandboxedPrograms, S11_AreNeverHandedToAShellBecauseTheyNameNoInterpreter) {
  script("text", "touch canary\n");
  EXPECT_EQ(prepare(call_with({"./text"})).error().code, Errc::invalid);
}

TEST_F(UnsandboxedPrograms, S24_AreRefusedBeyondALimit) {
  EXPECT_EQ(prepare(call_with(std::vector<std::string>(1'001, "echo"))).error().code, Errc::denied);
  EXPECT_EQ(prepare(call_with({"echo", std::string(128 << 10, 'x')})).error().code, Errc::denied);
  Call call = call_with({"echo"});
  std::get<AwaitProcess>(call.command).cwd = std::string(4'097, 'x');
  EXPECT_EQ(prepare(call).error().code, Errc::denied);
}

TEST_F(UnsandboxedPrograms, StayInTheWorkspace) {
  std::filesystem::create_directory_symlink("/", workspace_ / "away");
  std::filesystem::create_directory(workspace_ / "sub");
  Call call = call_with({"pwd"});
  auto& command = std::get<AwaitProcess>(call.command);
  for (const char* outside : {"..", "/", "away", "sub/../.."}) {
    command.cwd = outside;
    EXPECT_EQ(prepare(call).error().code, Errc::outside_workspace) << outside;
  }
  command.cwd = "sub";
  const auto reply = run(call);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->output, (workspace_ / "sub").string() + "\n");
}

TEST_F(UnsandboxedPrograms, S17_RefuseVariablesThatLoadCode) {
  for (const char* name :
       {"LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "PATH", "GIT_CONFIG_COUNT", "GIT_SSH_COMMAND",
        "NODE_OPTIONS", "PYTHONSTARTUP", "GCONV_PATH", "EDITOR", "PAGER", "PERL5OPT", "RUBYOPT",
        "GIT_EXTERNAL_DIFF", "TINKERBELL_IDEMPOTENCY_KEY", "SSH_AUTH_SOCK", "MAKEFLAGS"}) {
    Call call = call_with({"env"});
    std::get<AwaitProcess>(call.command).env[name] = "x";
    EXPECT_EQ(prepare(call).error().code, Errc::denied) << name;
  }
  for (const char* name : {"BASH_FUNC_x%%", "", "A=B", "1A"}) {
    Call call = call_with({"env"});
    std::get<AwaitProcess>(call.command).env[name] = "x";
    EXPECT_EQ(prepare(call).error().code, Errc::invalid) << name;
  }
}

TEST_F(UnsandboxedPrograms, S47_SeeNothingOfTheDaemonsEnvironment) {
  ASSERT_EQ(::setenv("OPENAI_API_KEY", "canary-key", 1), 0);
  Call call = call_with({"env"});
  std::get<AwaitProcess>(call.command).env["COLOUR"] = "red";
  const auto reply = run(call);
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply->output.contains("canary-key"));
  EXPECT_TRUE(reply->output.contains("COLOUR=red\n"));
  EXPECT_TRUE(reply->output.contains("TINKERBELL_IDEMPOTENCY_KEY=" + call.key + "\n"));
}

TEST_F(UnsandboxedPrograms, ThatExceedTheirTimeAreAnOrdinaryReply) {
  const auto reply = run(call_of("echo begun; exec sleep 300", 300ms));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(reply->timed_out);
  EXPECT_EQ(reply->output, "begun\n");
}

TEST_F(UnsandboxedPrograms, S74_ThatFloodLeaveHeadAndTail) {
  Call call = call_of("exec yes", 500ms);
  std::get<AwaitProcess>(call.command).output_bytes_max = 1'000;
  const auto reply = run(call);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->output.starts_with("y\ny\n"));
  EXPECT_TRUE(reply->output.contains("bytes left out"));
  EXPECT_LT(reply->output.size(), 1'100U);
  EXPECT_GT(reply->output_bytes, 100'000U);
}

/// A driver with a store for outputs that are too long for a reply.
class KeptOutputs : public UnsandboxedPrograms {
 protected:
  KeptOutputs() { start_driver(); }

  void start_driver() {
    driver_ = std::make_unique<ProcessDriver>(loop_.get_executor(), pool_, sink_, settings_,
                                              sandbox_works_, std::nullopt,
                                              OutputKeeping{*contents_, masker_});
  }

  Call call_that_keeps(std::string script, std::uint64_t kept_max = 1 << 20) {
    Call call = call_of(std::move(script));
    auto& command = std::get<AwaitProcess>(call.command);
    command.output_bytes_max = 90;
    command.output_kept_max = kept_max;
    return prepared_call(std::move(call));
  }

  std::string kept(const AwaitProcess::Reply& reply) {
    const auto content = contents_->read(Sha256::from_hex(reply.output_sha256), 1 << 20);
    return content ? *content : content.error().message;
  }

  Masker masker_;
  std::unique_ptr<ContentStore> contents_ = *ContentStore::open(state_ / "contents");
};

std::string numbers_to(int last) {
  std::string lines;
  for (int i = 1; i <= last; ++i)
    lines += std::to_string(i) + "\n";
  return lines;
}

TEST_F(KeptOutputs, AreWholeInTheStoreAndTheirEndsInTheReply) {
  const auto reply = perform(call_that_keeps("seq 1000"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->output, numbers_to(23) +
                               "\n[… bytes 60 to 3864 of 3893 left out …]\n"
                               "994\n995\n996\n997\n998\n999\n1000\n");
  EXPECT_EQ(reply->output_bytes, 3'893U);
  EXPECT_EQ(kept(*reply), numbers_to(1'000));
  EXPECT_GT(contents_->usage()->contents, 0U) << "it is not durable";
}

TEST_F(KeptOutputs, AreNotKeptWhereTheReplyHasAllOfIt) {
  const auto reply = perform(call_that_keeps("echo short"));
  EXPECT_EQ(reply->output, "short\n");
  EXPECT_EQ(reply->output_sha256, "");
}

TEST_F(KeptOutputs, S67_AreValidUtf8AndWithoutSecretsBeforeAPageIsCut) {
  masker_.add("correct horse");
  const auto reply =
      perform(call_that_keeps("seq 40; printf 'correct ho'; printf 'rse \\377\\n'; seq 40"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(kept(*reply), numbers_to(40) + "[secret] \uFFFD\n" + numbers_to(40));
}

TEST_F(KeptOutputs, S74_ThatFloodAreKeptAsHeadAndTail) {
  const auto reply = perform(call_that_keeps("seq 100000", 2'000));
  ASSERT_TRUE(reply);
  const std::string text = kept(*reply);
  EXPECT_LT(text.size(), 2'100U);
  EXPECT_TRUE(text.contains("bytes left out"));
  EXPECT_TRUE(text.ends_with("99999\n100000\n"));
}

TEST_F(KeptOutputs, AreKeptByTheDaemonThatFindsTheProgramEnded) {
  const Call call = call_that_keeps("seq 1000");
  ASSERT_TRUE(perform(call));
  start_driver();
  const auto reply = recover(call);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(kept(*reply), numbers_to(1'000));
}

TEST_F(KeptOutputs, ThatCannotBeKeptLeaveTheirEndsAndTheReason) {
  const Call call = call_that_keeps("seq 1000");
  std::filesystem::remove_all(state_ / "contents");
  const auto reply = perform(call);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->output.starts_with("1\n2\n"));
  EXPECT_EQ(reply->output_sha256, "");
  EXPECT_TRUE(reply->note.contains("could not be kept")) << reply->note;
}

TEST_F(UnsandboxedPrograms, ShowTheirOutputWhileTheyRun) {
  Call call =
      prepared_call(call_of("echo first; until [ -e go ]; do sleep 0.01; done; echo second"));
  Pending pending = begin(call);
  ASSERT_TRUE(turn_until([&] { return sink_.text == "first\n"; }));
  workspace_.write("go", "");
  const auto reply = end(pending);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->output, "first\nsecond\n");
}

TEST_F(UnsandboxedPrograms, ShowTheEndOfTheirOutputBeforeTheirResult) {
  ASSERT_TRUE(run(call_of("echo all; printf 'of it'")));
  EXPECT_EQ(sink_.text, "all\nof it");
}

TEST_F(UnsandboxedPrograms, ShowEachPieceOnceWhereSomeWasSeenWhileTheyRan) {
  Pending pending = begin(prepared_call(
      call_of("echo first; until [ -e go ]; do sleep 0.01; done; printf 'sec\\303'")));
  ASSERT_TRUE(turn_until([&] { return sink_.text == "first\n"; }));
  workspace_.write("go", "");
  ASSERT_TRUE(end(pending));
  EXPECT_EQ(sink_.text, "first\nsec\303");
}

TEST_F(UnsandboxedPrograms, S73_EndAsAWholeTreeWhenCancelled) {
  Call call =
      prepared_call(call_of("(setsid sh -c 'echo $$ > daemon; exec sleep 300' &); exec sleep 300"));
  Pending pending = begin(call);
  ASSERT_TRUE(turn_until([&] { return number_in("daemon") > 0; }));
  driver().cancel(call.id);
  EXPECT_EQ(end(pending).error().code, Errc::cancelled);
  EXPECT_TRUE(turn_until([&] { return ::kill(number_in("daemon"), 0) != 0; }));
}

TEST_F(UnsandboxedPrograms, AreNotStartedAfterAllWhenCancelledAtOnce) {
  Call call = prepared_call(call_of("exec sleep 300"));
  Pending pending = begin(call);
  driver().cancel(call.id);
  EXPECT_EQ(end(pending).error().code, Errc::cancelled);
}

TEST_F(UnsandboxedPrograms, GoOnWithoutTheDriverAndAreFoundAgain) {
  Call call = prepared_call(
      call_of("echo ran >> ledger; until [ -e go ]; do sleep 0.01; done; echo done; exit 5"));
  Pending lost = begin(call);
  ASSERT_TRUE(turn_until([&] { return std::filesystem::exists(workspace_ / "ledger"); }));
  restart_driver();
  EXPECT_EQ(end(lost).error().code, Errc::abandoned);

  Pending pending = begin_recovery(call);
  workspace_.write("go", "");
  const auto reply = end(pending);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->exit_code, 5);
  EXPECT_EQ(reply->output, "done\n");
  EXPECT_EQ(content_of("ledger"), "ran\n");
}

TEST_F(UnsandboxedPrograms, ThatEndedMeanwhileTellTheirResultEveryTime) {
  Call call = prepared_call(call_of("echo ran >> ledger; exit 5"));
  ASSERT_TRUE(perform(call));
  restart_driver();
  for (int i = 0; i < 2; ++i) {
    const auto reply = recover(call);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->exit_code, 5);
  }
  EXPECT_EQ(content_of("ledger"), "ran\n");
}

TEST_F(UnsandboxedPrograms, ThatWereFoundAgainCanBeCancelled) {
  Call call = prepared_call(call_of("touch begun; exec sleep 300"));
  Pending lost = begin(call);
  ASSERT_TRUE(turn_until([&] { return std::filesystem::exists(workspace_ / "begun"); }));
  restart_driver();
  Pending pending = begin_recovery(call);
  driver().cancel(call.id);
  EXPECT_EQ(end(pending).error().code, Errc::cancelled);
}

TEST_F(UnsandboxedPrograms, HaveNotStartedWithoutARunDirectory) {
  EXPECT_EQ(recover(call_of("true")).error().code, Errc::not_started);
}

TEST_F(UnsandboxedPrograms, HaveAnUnknownOutcomeWithoutARunDirectoryWhereTheJournalCameAlone) {
  settings_.runs_lost = true;
  restart_driver();
  EXPECT_EQ(recover(call_of("true")).error().code, Errc::unknown_outcome);
}

TEST_F(UnsandboxedPrograms, HaveNotStartedWithoutTheMarkAndNeverWill) {
  const Call call = call_of("true");
  const auto directory = run_directory_of(call);
  std::filesystem::create_directories(directory);
  RunSpec spec{.program = "/bin/touch",
               .argv = {"touch", (workspace_ / "canary").string()},
               .env = {},
               .cwd = "/",
               .sandboxed = false,
               .timeout = 5s,
               .output_bytes_max = 10};
  ASSERT_TRUE(write_record(directory, kSpecFile, spec));
  EXPECT_EQ(recover(call).error().code, Errc::not_started);

  run_late_shim(directory);
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "canary"));
}

TEST_F(UnsandboxedPrograms, F68_HaveAnUnknownOutcomeWhenTheirShimWasKilled) {
  Call call = prepared_call(call_of("touch begun; exec sleep 300"));
  Pending pending = begin(call);
  ASSERT_TRUE(turn_until([&] { return std::filesystem::exists(workspace_ / "begun"); }));
  ::kill(run_lock_holder(run_directory_of(call)).value(), SIGKILL);
  EXPECT_EQ(end(pending).error().code, Errc::unknown_outcome);
  EXPECT_EQ(recover(call).error().code, Errc::unknown_outcome);
}

TEST_F(UnsandboxedPrograms, HaveAnUnknownOutcomeAfterThePowerFailed) {
  const Call call = call_of("true");
  const auto directory = run_directory_of(call);
  std::filesystem::create_directories(directory);
  ASSERT_TRUE(write_record(directory, kStartedFile, RunStarted{1, "another boot"}));
  const auto outcome = recover(call);
  EXPECT_EQ(outcome.error().code, Errc::unknown_outcome);
  EXPECT_TRUE(outcome.error().message.contains("the machine went down"));
}

TEST_F(UnsandboxedPrograms, HaveAnUnknownOutcomeWhenWhatTheirShimLeftCannotBeRead) {
  for (const std::string_view file : {kStatusFile, kStartedFile}) {
    const Call call = call_of("true");
    std::filesystem::create_directories(run_directory_of(call));
    ASSERT_TRUE(write_durably(run_directory_of(call), file, "{"));
    const auto outcome = recover(call);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Errc::unknown_outcome) << file;
    EXPECT_TRUE(outcome.error().message.contains("cannot be read")) << outcome.error().message;
  }
}

/// Without a sandbox whatever a program has started outlives a shim that is killed.
class Stragglers : public UnsandboxedPrograms {
 protected:
  /// A program that leaves its session behind, and whose shim is killed then.
  Call shim_killed() {
    Call call = prepared_call(
        call_of("setsid sh -c 'echo $$ > straggler; exec sleep 300' & exec sleep 300"));
    Pending lost = begin(call);
    EXPECT_TRUE(turn_until([&] { return number_in("straggler") > 0; }));
    const pid_t shim = run_lock_holder(run_directory_of(call)).value();
    driver_.reset();
    ::kill(shim, SIGKILL);
    EXPECT_TRUE(turn_until([&] { return !run_lock_holder(run_directory_of(call)); }));
    EXPECT_EQ(::kill(number_in("straggler"), 0), 0) << "nothing to be ended";
    return call;
  }

  [[nodiscard]] bool straggler_lives() const { return process_lives(number_in("straggler")); }
};

TEST_F(Stragglers, AreEndedBeforeAnybodyAsksWhatTheirProgramHasDone) {
  const Call call = shim_killed();
  EXPECT_EQ(recover(call).error().code, Errc::unknown_outcome);
  EXPECT_FALSE(straggler_lives());
}

TEST_F(Stragglers, F67_OfProgramsThatNobodyKnowsAreEndedAtTheStart) {
  const Call other = prepared_call(call_of("echo $$ > stranger; exec sleep 300"));
  Pending pending = begin(other);
  ASSERT_TRUE(turn_until([&] { return number_in("stranger") > 0; }));
  (void)shim_killed();
  ASSERT_TRUE(driver().end_leftovers({other.key}));
  EXPECT_FALSE(straggler_lives());
  EXPECT_TRUE(process_lives(number_in("stranger"))) << "it has another key";
}

TEST_F(UnsandboxedPrograms, F67_ThatNobodyKnowsAreEndedAtTheStart) {
  Call known = prepared_call(call_of("touch known; exec sleep 300"));
  Call unknown = prepared_call(call_of("echo $$ > unknown; exec sleep 300"));
  Pending lost = begin(known);
  Pending lost_too = begin(unknown);
  ASSERT_TRUE(turn_until(
      [&] { return number_in("unknown") > 0 && std::filesystem::exists(workspace_ / "known"); }));
  restart_driver();
  const Result<void> ended = driver().end_leftovers({known.key});
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_NE(::kill(number_in("unknown"), 0), 0);
  EXPECT_FALSE(std::filesystem::exists(run_directory_of(unknown)));
  EXPECT_TRUE(run_lock_holder(run_directory_of(known)).has_value());

  Pending pending = begin_recovery(known);
  driver().cancel(known.id);
  EXPECT_EQ(end(pending).error().code, Errc::cancelled);
}

TEST_F(UnsandboxedPrograms, LeaveNothingOnDiskOnceForgotten) {
  Call call = prepared_call(call_of("true"));
  ASSERT_TRUE(perform(call));
  ASSERT_TRUE(std::filesystem::exists(run_directory_of(call)));
  driver().settled(call.key);
  EXPECT_TRUE(turn_until([&] { return !std::filesystem::exists(run_directory_of(call)); }));
}

TEST_F(UnsandboxedPrograms, TellHowTheyEndedEvenWhereTheirOutputIsLost) {
  Call call = prepared_call(call_of("echo words; exit 5"));
  ASSERT_TRUE(perform(call));
  std::filesystem::resize_file(run_directory_of(call) / "output", 0);
  const auto reply = recover(call);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->exit_code, 5);
  EXPECT_TRUE(reply->output.contains("cannot be read"));
}

TEST_F(UnsandboxedPrograms, ThatCannotBeRemovedDoNotKeepTheOthers) {
  Call first = prepared_call(call_of("true"));
  Call second = prepared_call(call_of("true"));
  ASSERT_TRUE(perform(first));
  ASSERT_TRUE(perform(second));
  const auto lock = run_directory_of(first) / kLockFile;
  std::filesystem::remove(lock);
  std::filesystem::create_directory(lock);  // cannot be opened as a file
  EXPECT_FALSE(driver().end_leftovers({}));
  EXPECT_FALSE(std::filesystem::exists(run_directory_of(second)));
  std::filesystem::remove(lock);
}

TEST_F(UnsandboxedPrograms, AreUnavailableWithoutAShim) {
  settings_.shim = "/nonexistent/shim";
  Call call = prepared_call(call_of("true"));
  EXPECT_EQ(perform(call).error().code, Errc::not_found);
  EXPECT_FALSE(std::filesystem::exists(run_directory_of(call)));
}

/// A closed descriptor that a child still has between fork and exec stays with epoll; its events
/// are told of the descriptor that has its place in the loop since.
TEST_F(UnsandboxedPrograms, AnEventOfAClosedDescriptorIsNotTheirEnd) {
  const std::string gate = state_ / "gate";
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  state_.write("slow-shim", "#!/bin/sh\n: >" + std::string(state_ / "begun") + "\nread -r line <" +
                                gate + "\nexec " + settings_.shim.string() + " \"$@\"\n");
  settings_.shim = state_ / "slow-shim";
  ASSERT_EQ(::chmod(settings_.shim.c_str(), 0700), 0);
  const Call call = prepared_call(call_with({"true"}));

  using boost::asio::ip::tcp;
  tcp::acceptor acceptor(loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  tcp::socket closed(loop_);
  closed.connect(acceptor.local_endpoint());
  tcp::socket other = acceptor.accept();
  const pid_t holder = ::fork();
  if (holder == 0) {
    ::pause();
    ::_exit(0);
  }
  closed.close();

  const Pending pending = begin(call);
  ASSERT_TRUE(turn_until([&] { return std::filesystem::exists(state_ / "begun"); }));
  (void)prepare(call);  // its answer comes after that of the start
  boost::asio::write(other, boost::asio::buffer("x", 1));
  for (int turn = 0; turn < 20; ++turn) {
    loop_.restart();
    loop_.run_one_for(5ms);
  }
  EXPECT_FALSE(pending->has_value());
  std::ofstream(gate) << "go\n";
  const Outcome outcome = end(pending);
  EXPECT_TRUE(outcome) << outcome.error().message;
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
}

}  // namespace
}  // namespace tinkerbell

#include "drivers/process/sandbox.hpp"

#include "drivers/process/run.hpp"
#include "unit/drivers/process/process_fixture.hpp"

#include "tinkerbell/drivers/process/sandbox_probe.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

namespace tinkerbell {
namespace {

/// A listener on 127.0.0.1 that remembers nothing: whoever connects is simply accepted.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
    ::listen(fd_.get(), 4);
    socklen_t size = sizeof(address);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }

  [[nodiscard]] std::string port() const { return std::to_string(port_); }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

class SandboxedPrograms : public ProcessFixture {
 protected:
  void SetUp() override {
    settings_.hidden = {state_.path()};
    sandbox_works_ = probe_sandbox(settings_);
    if (sandbox_works_) return;
    const std::string reason = sandbox_works_.error().message;
    ASSERT_FALSE(reason.contains("leaks")) << reason;  // our fault, not the machine's
    GTEST_SKIP() << "no sandbox on this machine: " << reason;
  }

  std::string output_of(std::string script) {
    const Outcome reply = run(call_of(std::move(script)));
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? reply->output : std::string();
  }

  /// Runs the same without a sandbox, to show that the attack works at all.
  std::string output_without_sandbox(std::string script) {
    settings_.sandbox = ProcessSandbox::none;
    restart_driver();
    std::string output = output_of(std::move(script));
    settings_.sandbox = ProcessSandbox::bubblewrap;
    restart_driver();
    return output;
  }
};

class ProgramsOfDrivers : public SandboxedPrograms {
 protected:
  /// A program of a driver of ours, which may ask for more than a task.
  Outcome run_in(const RunManner& manner, std::string script) {
    Call call = call_of(std::move(script));
    std::optional<Result<Prepared>> prepared;
    driver().prepare(call, manner, Completion<Prepared>([&](Result<Prepared> result) {
                       prepared.emplace(std::move(result));
                     }));
    EXPECT_TRUE(turn_until([&] { return prepared.has_value(); }));
    if (!*prepared) return prepared->error();
    call.facts = (*prepared)->facts;
    auto pending = std::make_shared<std::optional<Outcome>>();
    driver().perform(call, manner, into(pending));
    return end(pending);
  }
};

TEST_F(ProgramsOfDrivers, MaySeeTheWorkspaceReadOnlyAndHaveSettingsThatTasksMayNot) {
  workspace_.write("a", "here\n");
  const Outcome reply = run_in({.access = {.files = FileAccess::read}, .env = {{"GIT_DIR", "x"}}},
                               "cat a; touch b; touch .tinkerbell; echo $GIT_DIR");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(reply->output.starts_with("here\n")) << reply->output;
  EXPECT_TRUE(reply->output.ends_with("Read-only file system\nx\n")) << reply->output;
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "b"));
}

TEST_F(ProgramsOfDrivers, MayHaveTheirComplaintsApartAndShowNothingMeanwhile) {
  const Outcome reply = run_in({.apart = true}, "echo out; echo odd >&2");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->output, "out\n");
  EXPECT_EQ(reply->note, "odd\n");
  EXPECT_EQ(sink_.text, "");
}

TEST_F(ProgramsOfDrivers, WhereTheSandboxFailsItsOwnComplaintIsTheReason) {
  const TempDir other;
  RunManner manner{.apart = true};
  manner.access.shows.push_back(other / "nowhere");
  const Outcome reply = run_in(manner, "true");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Errc::unavailable);
  EXPECT_TRUE(reply.error().message.contains("nowhere")) << reply.error().message;
}

TEST_F(ProgramsOfDrivers, MayChangeAnotherRepositoryButNotWhatGitRunsThere) {
  const TempDir other;
  other.write("config", "[core]\n");
  other.write("hooks/x", "");
  RunManner manner;
  manner.access.repositories.push_back(other.path());
  const std::string at = other.path().string();
  const Outcome reply = run_in(manner, "cd " + at +
                                           "; echo x > made; echo y > config; touch hooks/y;"
                                           "mv hooks away; rm -rf hooks");
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(std::filesystem::exists(other / "made"));
  EXPECT_EQ(other.read("config"), "[core]\n");
  EXPECT_TRUE(std::filesystem::exists(other / "hooks/x"));
  EXPECT_FALSE(std::filesystem::exists(other / "hooks/y"));
}

/// Most commands of git would run it first, those of ours too.
TEST_F(SandboxedPrograms, S20_GitRunsNoWatcherOfFilesThatARepositoryNames) {
  const std::string script =
      "git init -q -b main . 2>/dev/null; git config core.fsmonitor 'touch canary; false';"
      "git status >/dev/null; git ls-files --others >/dev/null; ls";
  EXPECT_EQ(output_of(script), "");
  EXPECT_TRUE(
      output_of("env -u GIT_CONFIG_COUNT " + ("sh -c \"" + script + "\"")).contains("canary"))
      << "or the test says nothing";
}

TEST_F(SandboxedPrograms, ReturnOutputAndExitCode) {
  const Outcome reply = run(call_of("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->exit_code, 3);
  EXPECT_EQ(reply->output, "out\nerr\n");
}

TEST_F(SandboxedPrograms, WorkInTheirWorkspace) {
  EXPECT_EQ(output_of("pwd; echo hello > made; ls"), workspace_.path().string() + "\nmade\n");
  EXPECT_EQ(content_of("made"), "hello\n");
}

TEST_F(SandboxedPrograms, SeeNothingOfTheirWorkspaceButTheDirectoryThatTheyWereGiven) {
  workspace_.write("secret", "outside");
  std::filesystem::create_directories(workspace_ / "sub/deep");
  workspace_.write("sub/file", "inside");
  Call call = call_of("cat file; ls -a ..; cat ../secret; echo x > ../made; echo y > made");
  call.only = "sub";
  std::get<AwaitProcess>(call.command).cwd = "sub";
  const auto outcome = run(call);
  ASSERT_TRUE(outcome) << outcome.error().message;
  const std::string& output = outcome->output;
  EXPECT_TRUE(output.starts_with("inside")) << output;
  EXPECT_EQ(output.find("outside"), output.npos) << output;
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "made"));
  EXPECT_TRUE(std::filesystem::exists(workspace_ / "sub/made"));

  call.only = "sub/deep";
  EXPECT_FALSE(prepare(call)) << "its cwd is not there";
  std::filesystem::create_directory_symlink(workspace_ / "sub", workspace_ / "link");
  call.only = "link";
  EXPECT_FALSE(prepare(call));
}

/// A draft of the workspace for its first task, with what `name` says in it.
class ProgramsInADraft : public SandboxedPrograms {
 protected:
  void SetUp() override {
    SandboxedPrograms::SetUp();
    if (IsSkipped()) return;
    state_.write("drafts/1/base", "whole");
    put("file", "draft");
    workspace_.write("file", "workspace");
  }

  void put(const std::string& name, std::string_view content) const {
    state_.write("drafts/1/tree/" + name, content);
  }

  [[nodiscard]] std::string draft_file(const std::string& name) const {
    return state_.read("drafts/1/tree/" + name);
  }

  Call in_draft(Call call) {
    call.draft = TaskId{1};
    return call;
  }

  std::string draft_output(std::string script) {
    const Outcome reply = run(in_draft(call_of(std::move(script))));
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? reply->output : std::string();
  }
};

TEST_F(ProgramsInADraft, SeeItWhereTheWorkspaceIsAndChangeNothingElse) {
  const std::string place = workspace_.path().string();
  EXPECT_EQ(draft_output("pwd; cat file; echo; echo made > made; cat " + place + "/made"),
            place + "\ndraft\nmade\n");
  EXPECT_EQ(draft_file("made"), "made\n");
  EXPECT_EQ(content_of("file"), "workspace");
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "made"));
}

TEST_F(ProgramsInADraft, AreTakenFromItByEveryName) {
  put("tool", "#!/bin/sh\necho of the draft\n");
  std::filesystem::permissions(state_ / "drafts/1/tree/tool", std::filesystem::perms::owner_all);
  script("tool", "#!/bin/sh\necho of the workspace\n");
  for (const std::string& name : {std::string("./tool"), (workspace_ / "tool").string()}) {
    const Call call = prepared_call(in_draft(call_with({name})));
    EXPECT_EQ(call.facts.object, (workspace_ / "tool").string());
    EXPECT_EQ(call.facts.draft, TaskId{1});
    const Outcome reply = perform(call);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->output, "of the draft\n");
  }
}

TEST_F(ProgramsInADraft, S22_PlantNothingInItsGit) {
  put(".git/config", "[core]\n");
  put(".git/hooks/x", "");
  EXPECT_EQ(
      draft_output("echo x >> .git/config && echo changed; touch .git/hooks/y && echo hooked; "
                   "mv .git z && echo moved; true")
          .find("ed\n"),
      std::string::npos);
  EXPECT_EQ(draft_file(".git/config"), "[core]\n");
}

TEST_F(ProgramsInADraft, AreRefusedWhereThereIsNone) {
  std::filesystem::remove(state_ / "drafts/1/base");
  const Result<Prepared> found = prepare(in_draft(call_of("true")));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::not_found);
}

TEST_F(SandboxedPrograms, GetGraceWhenTheirTimeIsUp) {
  const Outcome reply =
      run(call_of("trap 'echo bye; exit 7' TERM; while :; do sleep 0.01; done", 500ms));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(reply->timed_out);
  EXPECT_EQ(reply->exit_code, 7);
  EXPECT_TRUE(reply->output.ends_with("bye\n"));
}

TEST_F(SandboxedPrograms, S73_EndAsAWholeTreeWhenTheyIgnoreTermAndDaemonise) {
  Call call = prepared_call(
      call_of("trap '' TERM; (setsid sh -c 'echo begun > daemon; exec sleep 31.4159' &); "
              "while :; do sleep 0.05; done",
              1s));
  const Outcome reply = perform(call);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_TRUE(reply->timed_out);
  EXPECT_EQ(content_of("daemon"), "begun\n");
  EXPECT_EQ(output_without_sandbox("pgrep -fx 'sleep 31.4159' | wc -l"), "0\n");
}

TEST_F(SandboxedPrograms, S73_AreEndedByCancel) {
  Call call = prepared_call(call_of("touch begun; exec sleep 27.1828"));
  Pending pending = begin(call);
  ASSERT_TRUE(turn_until([&] { return std::filesystem::exists(workspace_ / "begun"); }));
  driver().cancel(call.id);
  EXPECT_EQ(end(pending).error().code, Errc::cancelled);
  EXPECT_EQ(output_without_sandbox("pgrep -fx 'sleep 27.1828' | wc -l"), "0\n");
}

TEST_F(SandboxedPrograms, AreFoundAgainByTheNextDriver) {
  Call call =
      prepared_call(call_of("echo ran >> ledger; until [ -e go ]; do sleep 0.01; done; echo done"));
  Pending lost = begin(call);
  ASSERT_TRUE(turn_until([&] { return std::filesystem::exists(workspace_ / "ledger"); }));
  restart_driver();
  Pending pending = begin_recovery(call);
  workspace_.write("go", "");
  const Outcome reply = end(pending);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->output, "done\n");
  EXPECT_EQ(content_of("ledger"), "ran\n");
}

TEST_F(SandboxedPrograms, F68_DieWithTheirShim) {
  Call call = prepared_call(call_of("touch begun; exec sleep 16.1803"));
  Pending pending = begin(call);
  ASSERT_TRUE(turn_until([&] { return std::filesystem::exists(workspace_ / "begun"); }));
  ::kill(run_lock_holder(run_directory_of(call)).value(), SIGKILL);
  EXPECT_EQ(end(pending).error().code, Errc::unknown_outcome);
  settings_.sandbox = ProcessSandbox::none;
  restart_driver();
  EXPECT_TRUE(turn_until([&] { return output_of("pgrep -fx 'sleep 16.1803' | wc -l") == "0\n"; }));
}

TEST_F(SandboxedPrograms, HaveAProbeThatIsSandboxedAsTheyAre) {
  const Listener listener;
  settings_.probes = {{.name = "look",
                       .command = {"./deploy.sh"},
                       .argv = {"bash", "-c",
                                "test -e /run/tinkerbell-shim || echo no sandbox;"
                                "touch /usr/.canary && echo wrote;"
                                "echo > /dev/tcp/127.0.0.1/" +
                                    listener.port() +
                                    " && echo sent;"
                                    "ls " +
                                    state_.path().string() + "/runs && echo saw; exit 2"}}};
  restart_driver();
  const Call call = call_with({"./deploy.sh"});
  std::filesystem::create_directories(run_directory_of(call));
  ASSERT_TRUE(write_record(run_directory_of(call), kStartedFile, RunStarted{1, "another boot"}));
  const std::string evidence = recover(call).error().message;
  EXPECT_TRUE(evidence.contains("exit 2")) << evidence;
  for (const char* leak : {"no sandbox", "wrote", "sent", "saw"})
    EXPECT_FALSE(evidence.contains(leak)) << evidence;
}

TEST_F(SandboxedPrograms, S78_InheritNoDescriptor) {
  EXPECT_EQ(output_of("exec ls /proc/self/fd"), "0\n1\n2\n3\n");  // 3 is what ls reads
}

TEST_F(SandboxedPrograms, S75_HaveNoTerminal) {
  EXPECT_EQ(output_of("if (: < /dev/tty) 2>/dev/null; then echo tty; else echo none; fi"),
            "none\n");
}

TEST_F(SandboxedPrograms, S60_HaveNoNetwork) {
  const Listener listener;
  const std::string attack =
      "if perl -MIO::Socket::INET -e 'exit(IO::Socket::INET->new(PeerAddr => \"127.0.0.1:" +
      listener.port() + "\") ? 0 : 1)'; then echo reached; else echo refused; fi";
  EXPECT_EQ(output_of(attack), "refused\n");
  EXPECT_EQ(output_without_sandbox(attack), "reached\n");
}

TEST_F(SandboxedPrograms, S48_SeeNoHomeNoStateAndNoSystemSecrets) {
  state_.write("secret", "canary-state");
  const std::string attack = "cat " + (state_ / "secret").string() + "; true";
  EXPECT_FALSE(output_of(attack).contains("canary-state"));
  EXPECT_TRUE(output_without_sandbox(attack).contains("canary-state"));
  EXPECT_EQ(output_of("ls -A /root /home 2>&1"), "/home:\n\n/root:\n");
  EXPECT_FALSE(output_of("cat /etc/shadow /etc/gshadow 2>&1; true").contains("root:"));
}

TEST_F(SandboxedPrograms, S5_DoNotReachTheControlSocketEvenInTheirWorkspace) {
  const std::filesystem::path socket = workspace_ / "control.sock";
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  settings_.hidden.push_back(socket);
  restart_driver();
  const std::string attack =
      "if perl -MIO::Socket::UNIX -e 'exit(IO::Socket::UNIX->new(Peer => \"" + socket.string() +
      "\") ? 0 : 1)'; then echo reached; else echo refused; fi";
  EXPECT_EQ(output_of(attack), "refused\n");
  EXPECT_EQ(output_without_sandbox(attack), "reached\n");
}

TEST_F(SandboxedPrograms, S48_SeeNothingOfAStateDirectoryInTheirWorkspace) {
  workspace_.write("state/secret", "canary-state");
  settings_.hidden.push_back(workspace_ / "state");
  restart_driver();
  EXPECT_EQ(output_of("ls -A state"), "");
  EXPECT_EQ(content_of("state/secret"), "canary-state");
}

TEST_F(SandboxedPrograms, S76_SeeOnlyTheirOwnProcesses) {
  const std::string daemon = std::to_string(::getpid());
  EXPECT_EQ(output_of("kill -0 " + daemon + " 2>/dev/null && echo seen; true"), "");
  EXPECT_EQ(output_without_sandbox("kill -0 " + daemon + " 2>/dev/null && echo seen; true"),
            "seen\n");
}

TEST_F(SandboxedPrograms, S77_MakeNoNamespacesAndMountNothing) {
  EXPECT_EQ(output_of("unshare -Ur true 2>/dev/null && echo made; true"), "");
  EXPECT_EQ(output_of("umount /etc 2>/dev/null && echo lifted; true"), "");
  EXPECT_EQ(output_of("grep CapEff /proc/self/status"), "CapEff:\t0000000000000000\n");
}

TEST_F(SandboxedPrograms, S79_ChangeNoSettingsOfTheKernelEvenAsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "the settings are root's, and this is not root";
  const std::string attack =
      "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/vm/swappiness "
      "/proc/sysrq-trigger /proc/irq/default_smp_affinity /proc/mtrr; do "
      "(: >> $f) 2>/dev/null && echo $f; done; true";
  EXPECT_EQ(output_of(attack), "");
  EXPECT_EQ(output_of("cat /proc/slabinfo /proc/vmallocinfo 2>/dev/null; true"), "");
  EXPECT_TRUE(output_without_sandbox(attack).contains("/proc/sys/kernel/core_pattern\n"));
}

TEST(PrivatePathsLook, LooksAgainAfterASecond) {
  const ProcessSettings settings;
  PrivatePathsLook look;
  const SteadyTime begin{std::chrono::hours{1}};
  const auto found = look.at(settings, begin);
  EXPECT_EQ(look.at(settings, begin + PrivatePathsLook::kAgeMax - Nanoseconds{1}), found);
  EXPECT_NE(look.at(settings, begin + PrivatePathsLook::kAgeMax), found);
}

TEST_F(SandboxedPrograms, LeaveTheSystemAsItIs) {
  const std::string attack =
      "for d in /usr /etc /usr/bin; do touch $d/.canary 2>/dev/null && echo $d; done; true";
  EXPECT_EQ(output_of(attack), "");
}

TEST_F(SandboxedPrograms, S22_CommitButPlantNothingForALaterGit) {
  ASSERT_EQ(output_without_sandbox("git init -q . 2>&1; ls .git/hooks/pre-commit 2>/dev/null"), "");
  const std::string config = content_of(".git/config");
  EXPECT_EQ(output_of("echo one > a; git add a 2>&1 && git commit -q -m first 2>&1 && "
                      "git log --format='%s by %an'"),
            "first by Tinkerbell\n");
  EXPECT_EQ(output_of("echo '[core] pager = touch canary' >> .git/config && echo changed; "
                      "mv .git x && echo moved; rm -f .git/config && echo removed; "
                      "git config core.pager x && echo configured; "
                      "echo > evil; mv evil .git/config && echo replaced; "
                      "touch .git/hooks/pre-commit && echo hooked; true")
                .find("ed\n"),
            std::string::npos);
  EXPECT_EQ(content_of(".git/config"), config);
  EXPECT_FALSE(std::filesystem::exists(workspace_ / ".git/hooks/pre-commit"));
}

TEST_F(SandboxedPrograms, SayThatTheSandboxFailedAndNotThatTheProgramDid) {
  script("tool", "#!/nonexistent/interpreter\n");
  EXPECT_EQ(run(call_with({"./tool"})).error().code, Errc::unavailable);
}

TEST_F(SandboxedPrograms, AreRefusedWhereTheSandboxDoesNotShowThem) {
  state_.write("tool", "#!/bin/sh\n");
  std::filesystem::permissions(state_ / "tool", std::filesystem::perms::owner_all);
  EXPECT_EQ(prepare(call_with({(state_ / "tool").string()})).error().code, Errc::denied);
}

TEST_F(SandboxedPrograms, AreRefusedWhereTheWorkspaceIsTheWholeMachine) {
  Call call = call_of("true");
  call.workspace = "/";
  EXPECT_EQ(prepare(call).error().code, Errc::invalid);
}

TEST_F(SandboxedPrograms, S22_PlantNothingThatOtherProgramsActUpon) {
  for (const char* file :
       {".envrc", ".tinkerbell/config", ".vscode/tasks.json", ".github/hooks/before"})
    workspace_.write(file, "as it was");
  EXPECT_EQ(output_of("for f in .envrc .tinkerbell/config .tinkerbell/new .vscode/tasks.json "
                      ".github/hooks/before .github/hooks/new; do (echo > $f) 2>/dev/null && echo "
                      "$f; done; for d in .tinkerbell .vscode .github .github/hooks; do "
                      "mv $d away 2>/dev/null && echo $d; done; true"),
            "");
  EXPECT_EQ(output_of("echo x > .vscode/settings.json && echo written"), "written\n");
  EXPECT_EQ(content_of(".envrc"), "as it was");
}

TEST_F(SandboxedPrograms, S48_DoNotMoveAHiddenDirectoryFromUnderItsCover) {
  workspace_.write("home/state/secret", "canary-state");
  workspace_.write("home/state/runs/secret", "canary-run");
  workspace_.write("home/state/log", "canary-log");
  workspace_.write("home/config", "config");
  settings_.hidden.push_back(workspace_ / "home/state/runs");
  settings_.hidden.push_back(workspace_ / "home/state");
  settings_.read_only = {workspace_ / "home/state/log", workspace_ / "home/config"};
  restart_driver();
  EXPECT_EQ(output_of("mv home away 2>/dev/null; cat away/state/secret home/state/secret "
                      "2>/dev/null; true"),
            "");
  EXPECT_EQ(output_of("cat */state/* */state/*/* 2>/dev/null; true"), "");
  EXPECT_EQ(output_of("cat home/config; echo x 2>/dev/null > home/config; rm -f home/config "
                      "2>/dev/null; true"),
            "config");
  EXPECT_EQ(content_of("home/config"), "config");
}

/// What somebody else does to the workspace between the last look of the daemon and the first mount
/// of bubblewrap.
class SwappedBeforeTheMount : public SandboxedPrograms {
 protected:
  void SetUp() override {
    SandboxedPrograms::SetUp();
    outside_.write("private", "canary-outside");
  }

  Outcome run_with_swap(const std::string& swap, Call call) {
    state_.write("bwrap", "#!/bin/sh\ncd " + workspace_.path().string() + "\n" + swap +
                              "\nexec /usr/bin/bwrap \"$@\"\n");
    std::filesystem::permissions(state_ / "bwrap", std::filesystem::perms::owner_all);
    settings_.bubblewrap = state_ / "bwrap";
    restart_driver();
    return run(std::move(call));
  }

  Call attack_in(std::string directory) {
    Call call = call_of("cat private .git/private; touch CANARY .git/CANARY");
    call.workspace = (workspace_ / directory).string();
    return call;
  }

  void expect_nothing_happened(const Outcome& outcome) {
    ASSERT_FALSE(outcome) << outcome->output;
    EXPECT_EQ(outcome.error().code, Errc::unavailable);
    EXPECT_TRUE(outcome.error().message.contains("replaced")) << outcome.error().message;
    EXPECT_FALSE(std::filesystem::exists(outside_ / "CANARY"));
  }

  TempDir outside_;
};

TEST_F(SwappedBeforeTheMount, S39_AWorkspaceThatBecomesALinkIsNotEntered) {
  std::filesystem::create_directory(workspace_ / "sub");
  expect_nothing_happened(
      run_with_swap("mv sub old; ln -s " + outside_.path().string() + " sub", attack_in("sub")));
}

TEST_F(SwappedBeforeTheMount, S39_AWorkspaceThatIsReplacedIsNotEntered) {
  std::filesystem::create_directory(workspace_ / "sub");
  expect_nothing_happened(run_with_swap("mv sub old; mkdir sub", attack_in("sub")));
}

TEST_F(SwappedBeforeTheMount, S39_ARepositoryThatIsReplacedIsNotShown) {
  workspace_.write("sub/.git/config", "");
  expect_nothing_happened(
      run_with_swap("mv sub/.git sub/g; mkdir sub/.git; touch sub/.git/config", attack_in("sub")));
}

TEST_F(SwappedBeforeTheMount, S39_AWorkingDirectoryThatIsReplacedIsNotEntered) {
  std::filesystem::create_directory(workspace_ / "sub");
  Call call = call_of("touch CANARY");
  std::get<AwaitProcess>(call.command).cwd = "sub";
  expect_nothing_happened(run_with_swap("mv sub old; mkdir sub", call));
}

TEST_F(SwappedBeforeTheMount, S18_AProgramThatIsReplacedIsNotRun) {
  script("tool", "#!/bin/sh\necho harmless\n");
  expect_nothing_happened(run_with_swap(
      "cp -p tool other; echo 'touch CANARY' >> other; mv other tool", call_with({"./tool"})));
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "CANARY"));
}

class ProbeOfTheSandbox : public ProcessFixture {};

TEST_F(ProbeOfTheSandbox, S79_RefusesEveryProgramWhereTheSandboxDoesNotWork) {
  settings_.bubblewrap = "/nonexistent/bwrap";
  sandbox_works_ = probe_sandbox(settings_);
  ASSERT_FALSE(sandbox_works_);
  EXPECT_EQ(sandbox_works_.error().code, Errc::unsupported);
  EXPECT_TRUE(sandbox_works_.error().message.contains("/nonexistent/bwrap"));

  const Call call = call_of("touch canary");
  EXPECT_EQ(prepare(call).error().code, Errc::unsupported);
  EXPECT_EQ(perform(call).error().code, Errc::unsupported);
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "canary"));
}

TEST_F(ProbeOfTheSandbox, S79_IsNotDeceivedByASandboxThatHidesNothing) {
  // Executes what follows "--", reports success as bubblewrap does, and isolates nothing.
  script("bwrap",
         "#!/bin/sh\n"
         "shim=\n"
         "while [ \"$1\" != -- ]; do\n"
         "  [ \"$1$3\" = --ro-bind/run/tinkerbell-shim ] && shim=$2\n"
         "  shift\n"
         "done\n"
         "shift 2\n"
         "\"$shim\" \"$@\"\n"
         "code=$?\n"
         "echo '{ \"exit-code\": 0 }' >&3\n"
         "exit $code\n");
  settings_.bubblewrap = workspace_ / "bwrap";
  const Result<void> works = probe_sandbox(settings_);
  ASSERT_FALSE(works);
  for (const char* leak : {"see /tmp", "/proc/self/ns/pid", "connect to the host by TCP",
                           "connect to a hidden Unix socket", "reach the host by UDP"}) {
    EXPECT_TRUE(works.error().message.contains(leak)) << leak << " in " << works.error().message;
  }
}

TEST_F(ProbeOfTheSandbox, HasAKeyOfItsOwnByWhichWhatIsLeftOfItIsEnded) {
  script("bwrap", "#!/bin/sh\necho $TINKERBELL_IDEMPOTENCY_KEY $(ls " +
                      settings_.runs_directory.string() + ") >> ${0%/*}/probes\n");
  settings_.bubblewrap = workspace_ / "bwrap";
  ASSERT_FALSE(probe_sandbox(settings_));
  ASSERT_FALSE(probe_sandbox(settings_));
  std::istringstream probes(content_of("probes"));
  std::string key, run, other_key, other_run;
  ASSERT_TRUE(probes >> key >> run >> other_key >> other_run) << content_of("probes");
  EXPECT_NE(key, other_key) << "a daemon that starts would end the probe of another one";
  EXPECT_EQ(key, key_of_run(run));
  EXPECT_EQ(other_key, key_of_run(other_run));
}

TEST_F(ProbeOfTheSandbox, LeavesNothingBehind) {
  (void)probe_sandbox(settings_);
  EXPECT_TRUE(std::filesystem::is_empty(settings_.runs_directory));
}

TEST_F(ProbeOfTheSandbox, IsContentWithSettingsThatWantNone) {
  settings_.sandbox = ProcessSandbox::none;
  EXPECT_TRUE(probe_sandbox(settings_));
}

}  // namespace
}  // namespace tinkerbell

#include "support/built_program.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/shim/output_file.hpp"
#include "tinkerbell/shim/run_directory.hpp"

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

/// Waits for a condition that another process brings about.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 2'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

bool lives(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

/// A real shim in a run directory of its own. Programs are `sh -c SCRIPT` in that directory.
class ShimProgram : public testing::Test {
 protected:
  ~ShimProgram() override {
    if (shim_ > 0) {
      ::kill(shim_, SIGKILL);
      ::waitpid(shim_, nullptr, 0);
    }
  }

  void write_spec(const std::string& script, Milliseconds timeout = 20s) {
    const RunSpec spec{.program = "/bin/sh",
                       .argv = {"/bin/sh", "-c", script},
                       .env = {{"PATH", "/usr/bin:/bin"}, {"GIVEN", "yes"}},
                       .cwd = run_.path().string(),
                       .sandboxed = false,
                       .timeout = timeout,
                       .output_bytes_max = 1'000,
                       .complaints_apart = complaints_apart_};
    ASSERT_TRUE(write_record(run_.path(), kSpecFile, spec));
  }

  void start() {
    shim_ = ::fork();
    if (shim_ != 0) return;
    const std::string program = built_program("tinkerbell-shim").string();
    ::execl(program.c_str(), program.c_str(), run_.path().c_str(), nullptr);
    ::_exit(127);
  }

  int wait_for_shim() {
    int status = 0;
    ::waitpid(std::exchange(shim_, -1), &status, 0);
    return status;
  }

  RunStatus run(const std::string& script, Milliseconds timeout = 20s) {
    write_spec(script, timeout);
    start();
    EXPECT_EQ(wait_for_shim(), 0);
    return status();
  }

  RunStatus status() const {
    Result<RunStatus> status = read_record<RunStatus>(run_.path(), kStatusFile);
    EXPECT_TRUE(status) << status.error().message;
    return status ? *status : RunStatus{};
  }

  std::string output() const { return OutputReader::open(run_.path())->text(); }

  pid_t pid_in(std::string_view file) const {
    const Result<std::string> text = read_whole_file(run_.path() / file, 32);
    return text && !text->empty() ? std::stoi(*text) : -1;
  }

  bool exists(std::string_view file) const { return std::filesystem::exists(run_.path() / file); }

  TempDir run_;
  bool complaints_apart_ = false;
  pid_t shim_ = -1;
};

TEST_F(ShimProgram, KeepsOutputAndExitCode) {
  const RunStatus status = run("echo out; echo err >&2; exit 3");
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_FALSE(status.timed_out);
  EXPECT_FALSE(status.cancelled);
  EXPECT_EQ(status.failure, "");
  EXPECT_EQ(output(), "out\nerr\n");
}

TEST_F(ShimProgram, KeepsTheBeginningOfComplaintsApartWhereThatIsWanted) {
  complaints_apart_ = true;
  const RunStatus status = run("echo out; printf 'a\\377' >&2; exit 3");
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_EQ(output(), "out\n");
  EXPECT_EQ(status.complaints, "a\uFFFD");
}

TEST_F(ShimProgram, ReadsAFloodOfComplaintsAndKeepsLittleOfIt) {
  complaints_apart_ = true;
  const RunStatus status = run("yes | head -c 1000000 >&2");
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_EQ(status.complaints.size(), kComplaintsBytesMax);
  EXPECT_EQ(output(), "");
}

TEST_F(ShimProgram, TellsASignalAsAShellDoes) {
  EXPECT_EQ(run("kill -9 $$").exit_code, 128 + SIGKILL);
}

TEST_F(ShimProgram, GivesTheProgramTheGivenEnvironmentAndNoInput) {
  ASSERT_EQ(::setenv("TINKERBELL_CANARY", "leaked", 1), 0);
  run("cat; env");
  EXPECT_TRUE(output().contains("GIVEN=yes"));
  EXPECT_FALSE(output().contains("TINKERBELL_CANARY"));
}

TEST_F(ShimProgram, S78_HandsOnNoDescriptor) {
  run("exec ls /proc/self/fd");
  EXPECT_EQ(output(), "0\n1\n2\n3\n");  // 3 is the directory that ls reads
}

TEST_F(ShimProgram, SaysWhyAProgramCouldNotBeExecuted) {
  RunSpec spec{.program = "/nonexistent/program",
               .argv = {"program"},
               .env = {},
               .cwd = "/",
               .sandboxed = false,
               .timeout = 5s,
               .output_bytes_max = 10};
  ASSERT_TRUE(write_record(run_.path(), kSpecFile, spec));
  start();
  EXPECT_EQ(wait_for_shim(), 0);
  EXPECT_EQ(status().failure, "execute /nonexistent/program: No such file or directory");
}

/// What a shim does that counts for durability, in its order. Looks at its system calls.
class TracedShim : public ShimProgram {
 protected:
  std::vector<std::string> steps_of(const std::string& script) {
    write_spec(script);
    start_traced();
    std::vector<std::string> steps;
    int status = 0;
    while (::waitpid(shim_, &status, __WALL) == shim_ && WIFSTOPPED(status)) {
      const bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
      if (at_call) note_entry(steps);
      const int signal = at_call || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
      ::ptrace(PTRACE_SYSCALL, shim_, nullptr, signal);
    }
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    shim_ = -1;
    return steps;
  }

 private:
  void start_traced() {
    shim_ = ::fork();
    if (shim_ == 0) {
      ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // which wants to trace by itself
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::raise(SIGSTOP);
      const std::string program = built_program("tinkerbell-shim").string();
      ::execl(program.c_str(), program.c_str(), run_.path().c_str(), nullptr);
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(shim_, &status, __WALL);
    ::ptrace(PTRACE_SETOPTIONS, shim_, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    ::ptrace(PTRACE_SYSCALL, shim_, nullptr, 0);
  }

  void note_entry(std::vector<std::string>& steps) const {
    __ptrace_syscall_info call{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, shim_, sizeof(call), &call);
    if (call.op != PTRACE_SYSCALL_INFO_ENTRY) return;
    switch (call.entry.nr) {
      case SYS_fsync:
      case SYS_fdatasync:
        steps.push_back("sync " + file_behind(call.entry.args[0]));
        break;
      case SYS_rename:
        steps.emplace_back("rename");
        break;
      case SYS_fork:
      case SYS_vfork:
      case SYS_clone:
      case SYS_clone3:
        steps.emplace_back("begin");
        break;
      default:
        break;
    }
  }

  [[nodiscard]] std::string file_behind(std::uint64_t descriptor) const {
    std::error_code error;
    const std::filesystem::path link =
        "/proc/" + std::to_string(shim_) + "/fd/" + std::to_string(descriptor);
    const std::filesystem::path file = std::filesystem::read_symlink(link, error);
    return file == run_.path() ? "." : file.filename().string();
  }
};

TEST_F(TracedShim, BeginsOnceItIsDurableThatItDoesAndEndsOnceItsStatusIs) {
  EXPECT_EQ(steps_of("echo words"),
            (std::vector<std::string>{"sync started.new", "rename", "sync .", "begin",
                                      "sync output", "sync status.new", "rename", "sync ."}));
}

TEST_F(ShimProgram, LetsAProgramEndWithGraceWhenItsTimeIsUp) {
  const RunStatus status = run("trap 'echo bye; exit 7' TERM; while :; do sleep 0.01; done", 300ms);
  EXPECT_TRUE(status.timed_out);
  EXPECT_EQ(status.exit_code, 7);
  EXPECT_TRUE(output().ends_with("bye\n"));
}

TEST_F(ShimProgram, S73_EndsAProgramThatIgnoresTermAndWhatItLeftBehind) {
  const RunStatus status =
      run("trap '' TERM; setsid sh -c 'echo $$ > daemon; exec sleep 300' & "
          "(setsid sh -c '(echo started; exec sleep 300) & echo $! > twice' &) ; "
          "while :; do sleep 0.05; done",
          500ms);
  EXPECT_TRUE(status.timed_out);
  EXPECT_EQ(status.exit_code, 128 + SIGKILL);
  EXPECT_GE(status.duration, 2'400ms);
  ASSERT_GT(pid_in("daemon"), 0);
  ASSERT_GT(pid_in("twice"), 0);
  EXPECT_FALSE(lives(pid_in("daemon")));
  EXPECT_FALSE(lives(pid_in("twice")));
}

TEST_F(ShimProgram, S73_EndsADaemonThatAFinishedProgramLeftBehind) {
  const RunStatus status =
      run("(setsid sh -c 'echo $$ > daemon; exec sleep 300' &); "
          "until [ -s daemon ]; do sleep 0.01; done");
  EXPECT_EQ(status.exit_code, 0);
  ASSERT_GT(pid_in("daemon"), 0);
  EXPECT_FALSE(lives(pid_in("daemon")));
}

TEST_F(ShimProgram, S74_CountsAFloodAndKeepsLittleOfIt) {
  const RunStatus status = run("exec yes", 500ms);
  EXPECT_TRUE(status.timed_out);
  EXPECT_GT(OutputReader::open(run_.path())->total(), 1'000'000U);
  EXPECT_LE(std::filesystem::file_size(run_.path() / "output"), 1'016U);
}

TEST_F(ShimProgram, EndsTheProgramOnRequest) {
  write_spec("echo $$ > program; exec sleep 300");
  start();
  ASSERT_TRUE(eventually([&] { return pid_in("program") > 0; }));
  const pid_t program = pid_in("program");
  EXPECT_EQ(run_lock_holder(run_.path()), shim_);
  ::kill(shim_, SIGTERM);
  EXPECT_EQ(wait_for_shim(), 0);
  EXPECT_TRUE(status().cancelled);
  EXPECT_FALSE(lives(program));
  EXPECT_EQ(run_lock_holder(run_.path()), std::nullopt);
}

TEST_F(ShimProgram, F68_TakesTheProgramWithItWhenItIsKilled) {
  write_spec("echo $$ > program; exec sleep 300");
  start();
  ASSERT_TRUE(eventually([&] { return pid_in("program") > 0; }));
  const pid_t program = pid_in("program");
  ::kill(shim_, SIGKILL);
  wait_for_shim();
  EXPECT_TRUE(eventually([&] { return !lives(program); }));
  EXPECT_TRUE(exists(kStartedFile));
  EXPECT_FALSE(exists(kStatusFile));
}

TEST_F(ShimProgram, RunsNothingWhileSomebodyElseHoldsTheLock) {
  write_spec("touch ran");
  const Result<UniqueFd> lock = take_run_lock(run_.path());
  ASSERT_TRUE(lock);
  start();
  EXPECT_NE(wait_for_shim(), 0);
  EXPECT_FALSE(exists("ran"));
  EXPECT_FALSE(exists(kStartedFile));
}

TEST_F(ShimProgram, RunsNothingOnceTheSpecIsTakenAway) {
  start();
  EXPECT_NE(wait_for_shim(), 0);
  EXPECT_FALSE(exists(kStartedFile));
}

}  // namespace
}  // namespace tinkerbell

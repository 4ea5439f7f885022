#include "outreach/program_line.hpp"

#include "support/temp_dir.hpp"
#include "unit/io/loop.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

class ProgramLineTest : public testing::Test {
 protected:
  static LineSettings shell(std::string script) {
    return {.argv = {"/bin/sh", "-c", std::move(script), dir().path().string()}, .timeout = 60s};
  }

  /// Of all tests: a program that should not run would write there.
  static TempDir& dir() {
    static TempDir directory;
    return directory;
  }

  /// What one run says.
  Result<std::string> said(LineSettings settings, const std::string& input = {}) {
    ProgramLine line(loop.get_executor(), std::move(settings));
    std::optional<Result<std::string>> outcome;
    (void)line.run("question", input, into(outcome));
    EXPECT_TRUE(run_until(loop, [&] { return outcome.has_value(); }));
    return outcome.value_or(Error{Errc::internal, "no answer"});
  }

  static Completion<std::string> into(std::optional<Result<std::string>>& outcome) {
    return Completion<std::string>(
        [&outcome](Result<std::string> said) { outcome = std::move(said); });
  }

  boost::asio::io_context loop;
};

TEST_F(ProgramLineTest, GetsItsInputAndAnswersItsOutput) {
  EXPECT_EQ(*said(shell("echo \"$TINKERBELL_EVENT\"; cat"), "hello\n"), "question\nhello\n");
}

TEST_F(ProgramLineTest, TakesAnInputAndGivesAnOutputThatNoPipeHolds) {
  const std::string long_text(1 << 20, 'x');
  LineSettings settings = shell("cat");
  settings.output_bytes_max = long_text.size();
  EXPECT_EQ(*said(settings, long_text), long_text);
  settings.output_bytes_max = long_text.size() - 1;
  EXPECT_EQ(said(settings, long_text).error().code, Errc::too_large);
}

TEST_F(ProgramLineTest, OfOneFromWhomNobodyWantsAnyWordWhatItWritesIsLetGo) {
  LineSettings settings = shell("head -c 1000000 /dev/zero; touch \"$0/written\"");
  settings.output_bytes_max = 0;
  const Result<std::string> nothing = said(std::move(settings));
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_EQ(*nothing, "");
  EXPECT_TRUE(std::filesystem::exists(dir() / "written"));
}

TEST_F(ProgramLineTest, HasNothingOfTheDaemonsEnvironmentAndDescriptors) {
  ASSERT_EQ(::setenv("OPENAI_API_KEY", "secret", 1), 0);
  const UniqueFd open_on_exec(::open("/dev/null", O_RDONLY));  // NOLINT: that is the point
  const Result<std::string> seen = said(shell("env; ls /proc/self/fd; pwd"));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->find("OPENAI_API_KEY"), std::string::npos) << *seen;
  EXPECT_NE(seen->find("PATH="), std::string::npos);
  EXPECT_TRUE(seen->ends_with("0\n1\n2\n3\n/\n")) << *seen;  // 3 is that of ls itself
}

TEST_F(ProgramLineTest, SaysHowItEndedIfItFailed) {
  EXPECT_EQ(said(shell("echo yes; exit 3")).error().message, "it ended with 3");
  EXPECT_EQ(said(shell("kill -9 $$")).error().message, "killed by 9");
  EXPECT_EQ(said({.argv = {"/nonexistent/program"}}).error().code, Errc::not_found);
}

TEST_F(ProgramLineTest, IsKilledWithAllThatItBeganWhenItsTimeIsUp) {
  LineSettings settings = shell("sleep 1000 & echo $! > $0/pid; wait");
  settings.timeout = 300ms;
  EXPECT_EQ(said(settings).error().code, Errc::timed_out);
  const pid_t child = std::stoi(dir().read("pid"));
  EXPECT_TRUE(run_until(loop, [&] { return ::kill(child, 0) != 0 && errno == ESRCH; }));
}

TEST_F(ProgramLineTest, LeavesNothingBehindWhenItHasEnded) {
  EXPECT_EQ(*said(shell("sleep 1000 & echo $! > $0/left; echo done")), "done\n");
  const pid_t child = std::stoi(dir().read("left"));
  EXPECT_TRUE(run_until(loop, [&] { return ::kill(child, 0) != 0 && errno == ESRCH; }));
}

TEST_F(ProgramLineTest, RunsSoManyAtOnceAndBoundsTheLine) {
  LineSettings settings = shell("while [ ! -e $0/go ]; do sleep 0.01; done; echo went");
  settings.at_once = 1;
  settings.waiting_max = 1;
  ProgramLine line(loop.get_executor(), settings);
  std::vector<std::optional<Result<std::string>>> outcomes(3);
  for (auto& outcome : outcomes)
    (void)line.run("question", {}, into(outcome));
  ASSERT_TRUE(outcomes[2]);
  EXPECT_EQ(outcomes[2]->error().code, Errc::exhausted);
  EXPECT_FALSE(outcomes[0] || outcomes[1]);
  dir().write("go", "");
  EXPECT_TRUE(run_until(loop, [&] { return outcomes[0] && outcomes[1]; }));
  EXPECT_EQ(**outcomes[1], "went\n");
  std::filesystem::remove(dir() / "go");
}

TEST_F(ProgramLineTest, EndsARunThatNobodyWaitsForAndGoesOn) {
  LineSettings settings = shell("[ \"$TINKERBELL_EVENT\" = quick ] || sleep 1000; echo went");
  settings.at_once = 1;
  ProgramLine line(loop.get_executor(), settings);
  std::vector<std::optional<Result<std::string>>> outcomes(3);
  const auto stuck = line.run("slow", {}, into(outcomes[0]));
  const auto waiting = line.run("slow", {}, into(outcomes[1]));
  (void)line.run("quick", {}, into(outcomes[2]));
  line.end(waiting);
  line.end(stuck);
  EXPECT_TRUE(run_until(loop, [&] { return outcomes[2].has_value(); }));
  EXPECT_EQ(outcomes[0]->error().code, Errc::abandoned);
  EXPECT_EQ(outcomes[1]->error().code, Errc::abandoned);
  ASSERT_TRUE(*outcomes[2]) << outcomes[2]->error().message;
  EXPECT_EQ(**outcomes[2], "went\n");
}

TEST_F(ProgramLineTest, EndsWithTheLine) {
  std::optional<Result<std::string>> outcome;
  {
    ProgramLine line(loop.get_executor(),
                     shell("echo $$ > $0/mine.new; mv $0/mine.new $0/mine; sleep 1000"));
    (void)line.run("question", {}, into(outcome));
    ASSERT_TRUE(run_until(loop, [&] { return std::filesystem::exists(dir() / "mine"); }));
  }
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error().code, Errc::abandoned);
  const pid_t program = std::stoi(dir().read("mine"));
  EXPECT_TRUE(run_until(loop, [&] {  // a zombie of ours has no command line any more
    return dir().read("/proc/" + std::to_string(program) + "/cmdline").empty();
  }));
}

}  // namespace
}  // namespace tinkerbell

#include "tinkerbell/drivers/process/server_process.hpp"

#include "support/built_program.hpp"
#include "support/process_lives.hpp"
#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

namespace tinkerbell {
namespace {

class ServerProcessTest : public testing::Test {
 protected:
  ServerProcessTest() {
    settings_.shim = built_program("tinkerbell-shim");
    settings_.runs_directory = state_ / "runs";
    settings_.drafts = Drafts(state_ / "drafts");
    settings_.sandbox = ProcessSandbox::none;
  }

  Result<ServerProcess> start(std::string script) {
    return start_server({.argv = {"sh", "-c", std::move(script)}, .env = {}, .access = {}},
                        workspace_.path().string(), kNoTask, settings_);
  }

  static bool has_ended(const ServerProcess& process) {
    pollfd event{process.shim.get(), POLLIN, 0};
    return ::poll(&event, 1, 0) == 1;
  }

  /// The number in a file of the workspace, once it is there; 0: it does not come.
  pid_t number_in(std::string_view name) {
    if (!wait_until([&] { return workspace_.read(name).ends_with('\n'); })) return 0;
    return std::stoi(workspace_.read(name));
  }

  TempDir state_;
  TempDir workspace_;
  ProcessSettings settings_;
};

TEST_F(ServerProcessTest, TalksOnItsPipesAndEndsWithItsInput) {
  Result<ServerProcess> server = start("echo began >&2; cat");
  ASSERT_TRUE(server) << server.error().message;
  ASSERT_EQ(::write(server->input.get(), "hello\n", 6), 6);
  std::array<char, 16> answer{};
  ASSERT_TRUE(
      wait_until([&] { return ::read(server->output.get(), answer.data(), answer.size()) == 6; }));
  EXPECT_STREQ(answer.data(), "hello\n");
  ASSERT_TRUE(wait_until(
      [&] { return ::read(server->complaints.get(), answer.data(), answer.size()) == 6; }));
  EXPECT_STREQ(answer.data(), "began\n");
  server->input.reset();
  EXPECT_TRUE(wait_until([&] { return has_ended(*server); }));
  reap_server(server->shim.get());
}

TEST_F(ServerProcessTest, S73_EndsWithAllThatItStartedWhenItIsAsked) {
  Result<ServerProcess> server =
      start("trap '' TERM; setsid sh -c 'echo $$ > child; sleep 1000' & sleep 1000");
  ASSERT_TRUE(server) << server.error().message;
  const pid_t child = number_in("child");
  ASSERT_GT(child, 0);
  end_server(server->shim.get());
  EXPECT_TRUE(wait_until([&] { return has_ended(*server); }));
  EXPECT_FALSE(process_lives(child));
  reap_server(server->shim.get());
}

TEST_F(ServerProcessTest, S73_EndsWithTheDaemonThatItIsFor) {
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    const Result<ServerProcess> server = start("echo $$ > server; sleep 1000");
    ::pause();
    ::_exit(server ? 0 : 1);
  }
  const pid_t server = number_in("server");
  ASSERT_GT(server, 0);
  EXPECT_TRUE(process_lives(server)) << "the control";
  ::kill(daemon, SIGKILL);
  ::waitpid(daemon, nullptr, 0);
  EXPECT_TRUE(wait_until([&] { return !process_lives(server); }));
}

}  // namespace
}  // namespace tinkerbell

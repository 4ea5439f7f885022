#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

namespace tinkerbell {
namespace {

constexpr std::size_t kTasks = 50;
constexpr std::size_t kLastTurn = 5;

/// Five tool calls, then the end. The first answer waits until all tasks have come.
LlmReply reply_in(const LlmRequest& request) {
  const std::string file = request.goal() + ".txt";
  switch (request.turn()) {
    case 0: {
      LlmReply reply = calls("read_file", {{"path", "README"}});
      reply.hold = 0;
      return reply;
    }
    case 1:
      return calls("write_file", {{"path", file}, {"content", "one\n"}});
    case 2:
      return calls("edit_file", {{"path", file}, {"old_text", "one"}, {"new_text", "two"}});
    case 3:
      return calls("read_file", {{"path", file}});
    case 4:
      return calls("list_files", Json::object());
    default:
      return calls("finish", {{"summary", request.goal()}});
  }
}

/// Submits one half by the command line and one half by curl, all at once.
void submit_all(const RealDaemon& daemon) {
  std::vector<std::jthread> people;
  for (std::size_t i = 0; i < kTasks; ++i) {
    people.emplace_back([&daemon, i] {
      const std::string goal = "task-" + std::to_string(i);
      if (i % 2 == 0) {
        EXPECT_NE(daemon.run(goal, true), 0);
      } else {
        const Json request = {
            {"goal", goal}, {"workspace", daemon.workspace()}, {"approve_all", true}};
        EXPECT_EQ(daemon.curl("/v1/tasks", request).status, 201);
      }
    });
  }
}

/// How many answers each task had asked for when the first task asked for its last.
std::map<std::string, std::size_t> progress_when_the_first_finished(const ScriptedLlm& model) {
  std::map<std::string, std::size_t> asked;
  for (const LlmRequest& request : model.ledger()) {
    ++asked[request.goal()];
    if (request.turn() == kLastTurn) break;
  }
  return asked;
}

/// Asks the daemon how it is until told to stop.
class StatusPoll {
 public:
  explicit StatusPoll(const RealDaemon& daemon)
      : thread_([this, &daemon](const std::stop_token& stop) {
          while (!stop.stop_requested())
            look(daemon);
        }) {}

  [[nodiscard]] std::size_t answered() const { return answered_; }

  [[nodiscard]] std::size_t failed() const { return failed_; }

 private:
  void look(const RealDaemon& daemon) {
    const auto answer = UnixHttpClient(daemon.socket()).request("GET", "/v1/status");
    const Result<Json> status = answer ? parse_json(answer->body) : Result<Json>(answer.error());
    const bool good = status && answer->status == 200 && status->value("pid", 0) == daemon.pid();
    ++(good ? answered_ : failed_);
  }

  std::atomic<std::size_t> answered_ = 0;
  std::atomic<std::size_t> failed_ = 0;
  std::jthread thread_;
};

TEST(FiftyTasksTest, FromCliAndApiTheyAdvanceTogetherAndAllFinishWhileTheDaemonAnswers) {
  ScriptedLlm model(reply_in);
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const StatusPoll poll(daemon);

  submit_all(daemon);
  ASSERT_TRUE(wait_until([&] { return model.held() == kTasks; })) << model.held() << " have come";
  model.open_gate();
  for (std::uint64_t task = 1; task <= kTasks; ++task)
    EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");

  const auto progress = progress_when_the_first_finished(model);
  EXPECT_EQ(progress.size(), kTasks);
  for (const auto& [goal, asked] : progress)
    EXPECT_GE(asked + 3, kLastTurn + 1) << goal << " was left behind";
  EXPECT_EQ(model.ledger().size(), kTasks * (kLastTurn + 1));
  for (std::size_t i = 0; i < kTasks; ++i)
    EXPECT_EQ(daemon.file("task-" + std::to_string(i) + ".txt"), "two\n");
  EXPECT_GT(poll.answered(), 0);
  EXPECT_EQ(poll.failed(), 0);
}

}  // namespace
}  // namespace tinkerbell

#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <barrier>
#include <sstream>
#include <thread>

/// Whatever the command line can do, curl can do.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

Json submission(const RealDaemon& daemon, const std::string& goal) {
  return {{"goal", goal}, {"workspace", daemon.workspace()}};
}

std::uint64_t submit(const RealDaemon& daemon, const std::string& goal) {
  const RealDaemon::Answer created = daemon.curl("/v1/tasks", submission(daemon, goal));
  EXPECT_EQ(created.status, 201) << created.body;
  return created.body.value("id", std::uint64_t{0});
}

std::string task_path(std::uint64_t task, std::string_view rest = {}) {
  return "/v1/tasks/" + std::to_string(task) + std::string(rest);
}

std::string approval_path(const Json& question) {
  return "/v1/approvals/" + question.at("id").dump();
}

/// The data of a task's events, which end with the task.
std::vector<Json> events_of(const RealDaemon& daemon, std::uint64_t task, std::uint64_t after) {
  const std::string target = task_path(task, "/events?after=" + std::to_string(after));
  const Finished curl = run_to_end(
      {"curl", "-sSN", "-m", "60", "--unix-socket", daemon.socket(), "http://localhost" + target});
  EXPECT_EQ(curl.exit, 0) << curl.err;
  std::vector<Json> events;
  std::istringstream lines(curl.out);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("data: ")) events.push_back(*parse_json(line.substr(6)));
  }
  return events;
}

TEST(CurlTest, SubmitsApprovesAnswersAndReadsBackATask) {
  ScriptedLlm model(
      ScriptedLlm::in_turn({calls("write_file", {{"path", "a.txt"}, {"content", "mine\n"}}),
                            calls("write_file", {{"path", "b.txt"}, {"content", "no\n"}}),
                            calls("ask_user", {{"question", "Which colour?"}}),
                            calls("finish", {{"summary", "painted"}})}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();

  const std::uint64_t task = submit(daemon, "paint");
  const Json first = daemon.wait_for_question(task);
  EXPECT_EQ(daemon.curl(approval_path(first)).body, first);
  EXPECT_EQ(daemon.curl("/v1/status").body.at("approvals_open"), 1);
  EXPECT_EQ(daemon.curl(approval_path(first), Json{{"answer", "approve"}}).status, 200);
  ASSERT_TRUE(wait_until([&] { return daemon.wait_for_question(task) != first; }));
  const Json second = daemon.wait_for_question(task);
  const Json denial = {{"answer", "deny"}, {"text", "not that one"}};
  EXPECT_EQ(daemon.curl(approval_path(second), denial).body.at("state"), "denied");
  ASSERT_TRUE(wait_until([&] { return daemon.wait_for_question(task) != second; }));
  const Json third = daemon.wait_for_question(task);
  EXPECT_EQ(third.at("kind"), "answer");
  const Json words = {{"answer", "answer"}, {"text", "blue"}};
  EXPECT_EQ(daemon.curl(approval_path(third), words).body.at("state"), "answered");
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");

  const Json shown = daemon.curl(task_path(task)).body;
  EXPECT_EQ(shown, daemon.cli_json({"show", std::to_string(task)}));
  EXPECT_THAT(shown.at("result").get<std::string>(), HasSubstr("painted"));
  EXPECT_EQ(shown.at("origin").at("via"), "api");
  EXPECT_EQ(daemon.curl("/v1/tasks").body.at("tasks").size(), 1);
  const Json steps = daemon.curl(task_path(task, "/steps?full=1")).body;
  EXPECT_EQ(steps, daemon.cli_json({"steps", "--full", std::to_string(task)}));
  const Json diff = daemon.curl(task_path(task, "/diff")).body;
  EXPECT_EQ(diff, daemon.cli_json({"diff", std::to_string(task)}));
  ASSERT_EQ(diff.at("files").size(), 1);
  EXPECT_THAT(diff["files"][0].at("diff").get<std::string>(), HasSubstr("+mine"));
  const std::vector<LlmRequest> ledger = model.ledger();
  ASSERT_EQ(ledger.size(), 4);
  EXPECT_THAT(ledger[2].last(), HasSubstr("not that one"));
  EXPECT_EQ(ledger[3].last(), "blue");
}

TEST(CurlTest, EventsGoOnAfterTheNumberThatWasSeenLast) {
  ScriptedLlm model(ScriptedLlm::in_turn(
      {calls("read_file", {{"path", "README"}}), calls("finish", {{"summary", "read it"}})}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::uint64_t task = submit(daemon, "read");
  daemon.wait_for_end(task);

  const std::vector<Json> all = events_of(daemon, task, 0);
  ASSERT_GT(all.size(), 5);
  EXPECT_EQ(all.front().at("name"), "task.created");
  EXPECT_EQ(all.back().at("name"), "task.ended");
  const std::size_t middle = all.size() / 2;
  const auto seen = all[middle - 1].at("seq").get<std::uint64_t>();
  EXPECT_EQ(events_of(daemon, task, seen),
            std::vector<Json>(all.begin() + static_cast<std::ptrdiff_t>(middle), all.end()));
}

TEST(CurlTest, PausesResumesAndCancels) {
  ScriptedLlm model([](const LlmRequest& request) {
    LlmReply reply = calls("read_file", {{"path", "README"}});
    if (request.turn() == 0) reply.hold = 0;
    if (request.turn() == 1) reply = calls("ask_user", {{"question", "Go on?"}});
    return reply;
  });
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::uint64_t task = submit(daemon, "wait");
  ASSERT_TRUE(wait_until([&] { return model.held() == 1; }));

  EXPECT_EQ(daemon.curl(task_path(task, "/pause"), Json::object()).status, 200);
  model.open_gate();
  EXPECT_TRUE(
      wait_until([&] { return daemon.curl(task_path(task)).body.at("state") == "suspended"; }));
  EXPECT_EQ(model.ledger().size(), 1);
  EXPECT_EQ(daemon.curl(task_path(task, "/resume"), Json::object()).status, 200);
  const Json question = daemon.wait_for_question(task);
  EXPECT_EQ(daemon.curl(task_path(task, "/cancel"), Json::object()).status, 200);
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "cancelled");
  EXPECT_GE(
      daemon.curl(approval_path(question), Json{{"answer", "answer"}, {"text", "yes"}}).status,
      400);
  EXPECT_EQ(daemon.curl(task_path(task, "/cancel"), Json::object()).status, 409);
}

TEST(CurlTest, TheSecondAnswerIsToldThatTheFirstWon) {
  ScriptedLlm model(
      ScriptedLlm::in_turn({calls("write_file", {{"path", "a.txt"}, {"content", "mine\n"}})}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const Json question = daemon.wait_for_question(submit(daemon, "write"));
  EXPECT_EQ(daemon.cli_json({"approvals"}).at("approvals").front(), question);

  EXPECT_EQ(daemon.curl(approval_path(question), Json{{"answer", "deny"}}).status, 200);

  const RealDaemon::Answer second =
      daemon.curl(approval_path(question), Json{{"answer", "approve"}});
  EXPECT_EQ(second.status, 409);
  EXPECT_THAT(second.body["error"]["message"].get<std::string>(),
              testing::AllOf(HasSubstr("already answered"), HasSubstr("deny"), HasSubstr("uid")));
  const Finished third = daemon.cli({"approve", question.at("id").dump()});
  EXPECT_EQ(third.exit, 1);
  EXPECT_THAT(third.err, HasSubstr("already answered"));
}

TEST(CurlTest, S34_OfTwoAnswersAtOnceExactlyOneWins) {
  constexpr std::size_t kRounds = 50;
  ScriptedLlm model([](const LlmRequest& request) {
    const std::string file = std::to_string(request.turn()) + ".txt";
    if (request.turn() == kRounds) return calls("finish", {{"summary", "done"}});
    return calls("write_file", {{"path", file}, {"content", "x"}});
  });
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const RealDaemon::Answer created = daemon.curl(
      "/v1/tasks", Json{{"goal", "race"}, {"workspace", daemon.workspace()}, {"steps_max", 1000}});
  const auto task = created.body.at("id").get<std::uint64_t>();

  for (std::size_t round = 0; round < kRounds; ++round) {
    const Json question = daemon.wait_for_question(task);
    std::barrier together(2);
    RealDaemon::Answer answers[2];
    const auto answer = [&](std::size_t who, const char* what) {
      together.arrive_and_wait();
      answers[who] = daemon.ask(approval_path(question), Json{{"answer", what}});
    };
    {
      const std::jthread approver(answer, 0, "approve");
      const std::jthread denier(answer, 1, "deny");
    }
    const bool approved = answers[0].status == 200;
    EXPECT_EQ(answers[approved ? 0 : 1].status, 200);
    EXPECT_EQ(answers[approved ? 1 : 0].status, 409);
    ASSERT_TRUE(wait_until([&] { return model.ledger().size() == round + 2; }));
    EXPECT_EQ(daemon.file(std::to_string(round) + ".txt"), approved ? "x" : "");
  }
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
}

}  // namespace
}  // namespace tinkerbell

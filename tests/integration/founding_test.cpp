#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

/// The use case for which all this was begun: an edit, a commit, a call of an API and a question to
/// a model as tasks that work together, and a daemon that is killed at each of their steps.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

constexpr std::string_view kApiGoal = "API";

/// How the API is called: by a program, which has the network where there is no sandbox. Another
/// way is another call here.
LlmReply call_of_api() {
  return calls("run_program", {{"argv", {"./call-api"}}});
}

/// The program: the server takes its question like any other, and its key tells it from others.
std::string program_for(const ScriptedLlm& server) {
  return "#!/bin/sh\nexec curl -s --max-time 30 -H \"Idempotency-Key: api\" "
         "-H 'Content-Type: application/json' -d "
         "'{\"model\":\"api\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"" +
         std::string(kApiGoal) + "\"}]}' " + server.base_url() + "/chat/completions\n";
}

LlmReply start(const char* goal) {
  return calls("start_task", {{"goal", goal}, {"steps_max", 10}});
}

LlmReply done(const char* summary) {
  return calls("finish", {{"summary", summary}});
}

/// What a model that works on `goal` answers in its `turn`.
LlmReply answer(const std::string& goal, std::size_t turn) {
  const auto in_turn = [turn](std::vector<LlmReply> replies) {
    return replies.at(std::min(turn, replies.size() - 1));
  };
  const LlmReply wait = calls("wait", {{"all", true}});
  if (goal == kApiGoal) return says("API ANSWER");
  if (goal == "Edit") {
    return in_turn(
        {calls("write_file", {{"path", "notes.txt"}, {"content", "one\n"}}), done("EDITED")});
  }
  if (goal == "Commit") {
    return in_turn({calls("run_program", {{"argv", {"git", "add", "notes.txt"}}}),
                    calls("run_program", {{"argv", {"git", "commit", "-q", "-m", "notes"}}}),
                    done("COMMITTED")});
  }
  if (goal == "Call") return in_turn({call_of_api(), done("CALLED")});
  if (goal == "Ask") return says("ANSWERED");
  return in_turn({start("Edit"), wait, start("Commit"), start("Call"), wait, start("Ask"), wait,
                  done("ALL FOUR")});
}

/// Runs all of it; the daemon is killed while the n-th question to a model waits for its answer (0:
/// never). Returns how many questions there were.
std::size_t run_all(std::size_t killed_at) {
  std::set<std::string> keys;
  ScriptedLlm model([&](const LlmRequest& request) {
    const bool is_model = request.goal() != kApiGoal;
    if (is_model) keys.insert(request.key);
    LlmReply reply = answer(request.goal(), request.turn());
    if (is_model && request.asked == 1 && keys.size() == killed_at) reply.hold = 0;
    return reply;
  });
  RealDaemon daemon(config_for(model, "none"));
  daemon.put("call-api", program_for(model), true);
  daemon.start();
  const std::uint64_t task = daemon.run("Do all four", true);
  if (killed_at != 0) {
    EXPECT_TRUE(wait_until([&] { return model.held() > 0; })) << killed_at << daemon.log();
    daemon.kill9();
    model.open_gate();
    daemon.start();
  }
  const Json end = daemon.wait_for_end(task);
  EXPECT_EQ(end.at("state"), "completed") << killed_at << daemon.log();
  EXPECT_THAT(end.at("result").get<std::string>(), HasSubstr("ALL FOUR")) << killed_at;
  EXPECT_EQ(daemon.file("notes.txt"), "one\n") << killed_at;
  EXPECT_EQ(daemon.commits().size(), 2U)
      << killed_at << daemon.cli({"steps", "3", "--full"}).out << daemon.log();
  EXPECT_EQ(daemon.commits().front(), "notes") << killed_at;
  std::size_t calls_of_api = 0;
  std::string told;
  for (const LlmRequest& request : model.ledger()) {
    calls_of_api += request.goal() == kApiGoal ? 1U : 0U;
    if (request.goal() == "Do all four") told += request.last();
  }
  EXPECT_EQ(calls_of_api, 1U) << killed_at;
  for (const char* part : {"EDITED", "COMMITTED", "CALLED", "ANSWERED"})
    EXPECT_THAT(told, HasSubstr(part)) << killed_at;
  EXPECT_EQ(daemon.cli({"replay", std::to_string(task), "--check"}).exit, 0) << killed_at;
  return keys.size();
}

TEST(FoundingUseCase, EditCommitApiCallAndModelQueryAreDoneOnceWhereverTheDaemonIsKilled) {
  const std::size_t questions = run_all(0);
  ASSERT_GE(questions, 15U);
  for (std::size_t n = 1; n <= questions; ++n)
    run_all(n);
}

}  // namespace
}  // namespace tinkerbell

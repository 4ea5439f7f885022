#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

/// What holds for each kind of service, with a real daemon and our own server.
namespace tinkerbell {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ServiceTest : public testing::TestWithParam<Wire> {
 protected:
  static Json cost_of(const RealDaemon& daemon, std::uint64_t task) {
    return daemon.cli_json({"cost", std::to_string(task)}).at("total");
  }
};

INSTANTIATE_TEST_SUITE_P(Services, ServiceTest,
                         testing::Values(Wire::openai_chat, Wire::openai_responses, Wire::anthropic,
                                         Wire::ollama),
                         [](const auto& wire) {
                           std::string name(name_of(wire.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

/// Writes a file, edits it, and finishes once it has been told of both.
LlmReply writes_and_edits(const LlmRequest& request) {
  switch (request.turn()) {
    case 0:
      return calls("write_file", {{"path", "note.txt"}, {"content", "Grüße 👋\n"}}, request.wire);
    case 1:
      return calls("edit_file",
                   {{"path", "note.txt"}, {"old_text", "Grüße"}, {"new_text", "Viele Grüße"}},
                   request.wire);
    default:
      return calls("finish", {{"summary", "done: " + request.last()}}, request.wire);
  }
}

TEST_P(ServiceTest, TheSameTaskPasses) {
  ScriptedLlm model(writes_and_edits);
  RealDaemon daemon(config_for(model, "none", GetParam()));
  daemon.start();
  const std::uint64_t task = daemon.run("write a note", true);
  const Json end = daemon.wait_for_end(task);
  EXPECT_EQ(end.at("state"), "completed") << daemon.log();
  EXPECT_EQ(daemon.file("note.txt"), "Viele Grüße 👋\n");
  EXPECT_THAT(end.at("result").dump(), AllOf(HasSubstr("done: "), HasSubstr("note.txt")));
  for (const LlmRequest& request : model.ledger()) {
    EXPECT_EQ(request.wire, GetParam());
    EXPECT_THAT(request.goal(), HasSubstr("write a note"));
  }
  const Json total = cost_of(daemon, task);
  EXPECT_EQ(total.at("calls"), 3);
  EXPECT_EQ(total.at("calls_estimated"), 0);
  EXPECT_EQ(total.at("tokens_in"), 30);
  EXPECT_EQ(total.at("tokens_out"), 15);
}

TEST_P(ServiceTest, F52_AnotherModelAnswersAndSaysNothingOfUsage) {
  ScriptedLlm model([](const LlmRequest& request) {
    return answers({.text = "done", .model = "another-2", .has_usage = false}, request.wire);
  });
  RealDaemon daemon(config_for(model, "none", GetParam()) + "[budget]\ntokens = 1000000\n");
  daemon.start();
  const std::uint64_t task = daemon.run("say it");
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed") << daemon.log();
  const Json total = cost_of(daemon, task);
  EXPECT_EQ(total.at("calls_estimated"), 1);
  EXPECT_GT(total.at("tokens_out"), 1'000) << "all that was held back for it";
}

TEST_P(ServiceTest, F52_AnEndForAReasonThatNobodyKnowsIsNoAnswerAndNothingRuns) {
  ScriptedLlm model([](const LlmRequest& request) {
    return answers({.text = "I write it.",
                    .calls = {{"write_file", R"({"path":"a.txt","content":"x"})"}},
                    .reason = "surprise"},
                   request.wire);
  });
  RealDaemon daemon(config_for(model, "none", GetParam()));
  daemon.start();
  const std::uint64_t task = daemon.run("write it", true);
  const Json end = daemon.wait_for_end(task);
  EXPECT_EQ(end.at("state"), "failed");
  EXPECT_THAT(end.at("error").at("message"), HasSubstr("I write it."));
  EXPECT_EQ(daemon.file("a.txt"), "");
  EXPECT_EQ(cost_of(daemon, task).at("tokens_out"), 5) << "it has its price";
}

TEST_P(ServiceTest, F41_F44_AnAnswerThatIsCutOffAndAnOverloadAreOutlasted) {
  std::size_t asked = 0;
  ScriptedLlm model([&](const LlmRequest& request) -> LlmReply {
    ++asked;
    if (asked == 1) return responds(529, "application/json", R"({"error":"overloaded"})");
    LlmReply reply = writes_and_edits(request);
    if (asked == 2) {
      reply.pieces.pop_back();
      reply.cut = true;
    }
    return reply;
  });
  RealDaemon daemon(config_for(model, "none", GetParam()) + "[retry]\npause_max = \"1ms\"\n");
  daemon.start();
  EXPECT_EQ(daemon.wait_for_end(daemon.run("write a note", true)).at("state"), "completed")
      << daemon.log();
  EXPECT_EQ(daemon.file("note.txt"), "Viele Grüße 👋\n");
  const std::vector<LlmRequest> ledger = model.ledger();
  ASSERT_EQ(ledger.size(), 5U);
  EXPECT_EQ(ledger[2].asked, 3U) << "one question, one key";
}

TEST(OutageTest, F53_WhenAServiceIsBackTasksComeOneAfterTheOther) {
  constexpr std::ptrdiff_t kTasks = 8;
  std::ptrdiff_t refused = 0;
  ScriptedLlm model([&](const LlmRequest& /*request*/) -> LlmReply {
    if (refused < kTasks) {
      ++refused;
      return responds(503, "application/json", R"({"error":"no network"})");
    }
    LlmReply reply = says("done");
    reply.hold = 0;
    return reply;
  });
  RealDaemon daemon(config_for(model, "none") + "[retry]\npause_max = \"1ms\"\n");
  daemon.start();
  std::vector<std::uint64_t> tasks;
  for (std::ptrdiff_t i = 0; i < kTasks; ++i)
    tasks.push_back(daemon.run("say it"));
  const auto in_line = [&](std::uint64_t task) {
    const Json view = daemon.ask("/v1/tasks/" + std::to_string(task)).body;
    return view.at("waiting_for").get<std::string>().contains("its turn at scripted");
  };
  EXPECT_TRUE(wait_until([&] {
    return model.held() == 1 && std::ranges::count_if(tasks, in_line) == kTasks - 1;
  })) << daemon.log();
  model.open_gate();
  for (const std::uint64_t task : tasks)
    EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed") << daemon.log();
}

}  // namespace
}  // namespace tinkerbell

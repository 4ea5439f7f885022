#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

/// An agent in long work, with a real daemon: what it is told, and what is left of that when its
/// conversation was shortened.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

constexpr std::string_view kPlan = R"({"steps":[{"text":"read it all","state":"doing"}]})";

bool is_for_summary(const LlmRequest& request) {
  return !request.body.contains("tools");
}

/// Says its plan, reads a long file again and again, sums up when it is asked to, and is done with
/// the first answer after that. Counts a token for four bytes.
class Reader {
 public:
  LlmReply operator()(const LlmRequest& request) {
    const std::size_t turn = turns_.emplace(request.key, turns_.size()).first->second;
    LlmReply reply = answer(request, turn);
    if (request.asked == 1 && is_for_summary(request)) reply.hold = 0;
    return with_usage(std::move(reply), {{"prompt_tokens", dump_json(request.body).size() / 4},
                                         {"completion_tokens", 5}});
  }

 private:
  LlmReply answer(const LlmRequest& request, std::size_t turn) {
    if (is_for_summary(request)) {
      has_summed_up_ = true;
      return says("IT WAS READ");
    }
    if (has_summed_up_) return calls("finish", {{"summary", "done"}});
    if (turn == 0) return calls_raw("update_plan", kPlan);
    return calls("read_file", {{"path", "long.txt"}});
  }

  std::map<std::string, std::size_t> turns_;  ///< By the key of the question.
  bool has_summed_up_ = false;
};

std::string with_small_window(std::string config) {
  constexpr std::string_view kModel = "model = \"scripted-1\"\n";
  return config.insert(config.find(kModel) + kModel.size(),
                       "context_tokens = 12000\nmax_output_tokens = 2000\n");
}

TEST(Agent, ADaemonThatIsKilledWhileAConversationIsSummedUpGoesOnToTheShorterOne) {
  ScriptedLlm model(Reader{});
  RealDaemon daemon(with_small_window(config_for(model, "none")));
  daemon.put(".git/HEAD", "ref: refs/heads/main\n");
  daemon.put("AGENTS.md", "Use tabs.\n");
  daemon.put("long.txt", std::string(8'000, 'l'));
  daemon.start();
  const std::uint64_t task = daemon.run("Read it all", true);
  ASSERT_TRUE(wait_until([&] { return model.held() > 0; })) << daemon.log();
  EXPECT_THAT(daemon.cli({"show", std::to_string(task)}).out, HasSubstr("[>] read it all\n"));
  daemon.kill9();
  model.open_gate();
  daemon.start();
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed") << daemon.log();

  const std::vector<LlmRequest> asked = model.ledger();
  const Json& first = asked.front().body.at("messages");
  const Json& last = asked.back().body.at("messages");
  EXPECT_THAT(first.at(1).at("content").get<std::string>(), HasSubstr("AGENTS.md\nUse tabs.\n"));
  EXPECT_EQ(last.at(1), first.at(1)) << "what is written down, and the goal";
  const auto recap = last.at(2).at("content").get<std::string>();
  EXPECT_THAT(recap, HasSubstr("[doing] read it all"));
  EXPECT_THAT(recap, HasSubstr("IT WAS READ"));
  EXPECT_THAT(recap, HasSubstr("Files read: long.txt"));
  std::size_t longest = 0;
  for (const LlmRequest& each : asked)
    longest = std::max(longest, dump_json(each.body.at("messages")).size());
  EXPECT_LT(dump_json(last).size(), longest / 2);
  EXPECT_THAT(daemon.cli({"steps", std::to_string(task)}).out,
              HasSubstr("look for instructions  → AGENTS.md (sha256 "));
  EXPECT_THAT(daemon.cli({"show", std::to_string(task)}).out, HasSubstr("[>] read it all\n"));
  EXPECT_EQ(daemon.cli({"replay", std::to_string(task), "--check"}).exit, 0);
}

}  // namespace
}  // namespace tinkerbell

#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// One long task through all that may come between: its conversation is shortened, its model's
/// service fails in three ways, its daemon is killed twice, and parts of it are done by others. A
/// ledger outside says what was done, and how often.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

constexpr std::size_t kChapters = 50;  ///< Four steps each.
constexpr std::size_t kVerses = 4;     ///< Of each part that another task writes.

constexpr std::string_view kGoal = "Write the book.";
constexpr std::string_view kAlpha = "Write part alpha.";
constexpr std::string_view kBeta = "Write part beta.";
constexpr std::string_view kGamma = "Write part gamma.";

std::string chapter(std::size_t number) {
  return "chapter-" + std::to_string(number);
}

/// The name of the part that a goal is about.
std::string part_of(std::string_view goal) {
  return std::string(goal.substr(goal.rfind(' ') + 1, goal.size() - goal.rfind(' ') - 2));
}

LlmCall call(std::string tool, const Json& arguments) {
  return {std::move(tool), dump_json(arguments)};
}

/// Writes a file, and has that noted outside.
std::vector<LlmCall> writes(const std::string& name, const std::string& content) {
  return {call("write_file", {{"path", name}, {"content", content}}),
          call("run_program", {{"argv", {"./tally", name}}})};
}

LlmCall starts(std::string_view goal) {
  return call("start_task", {{"goal", goal}, {"steps_max", 20}});
}

/// Since its last answer.
std::string told(const LlmRequest& request) {
  std::string text;
  for (const LlmMessage& message : messages_in(request.wire, request.body)) {
    if (message.role == "assistant")
      text.clear();
    else
      text += message.text + "\n";
  }
  return text;
}

bool is_for_summary(const LlmRequest& request) {
  return !request.body.contains("tools");
}

/// A model that knows by the key of a question which of the task's it is, not by how long the
/// conversation is. Which trouble comes at which question stands here.
class Author {
 public:
  LlmReply operator()(const LlmRequest& request) {
    if (is_for_summary(request)) {
      summaries_.insert(request.key);
      return answers(with_cost({.text = "Chapters were written."}, request), request.wire);
    }
    const std::string goal = goal_of(request);
    auto& questions = questions_[goal];
    const std::size_t number = questions.emplace(request.key, questions.size()).first->second;
    if (goal != kGoal) return answer_of_part(goal, number, request);
    if (number == 5 && request.asked <= 2) {
      return responds(503, "application/json", R"({"error":{"message":"overloaded"}})");
    }
    LlmReply reply = answers(with_cost(answer(number, told(request)), request), request.wire);
    if (number == 12 && request.asked == 1) {
      reply.pieces.pop_back();
      reply.cut = true;
    }
    if (number == 30 && request.asked == 1) reply.hold = 1;
    return reply;
  }

  [[nodiscard]] std::size_t summaries() const { return summaries_.size(); }

  /// What it was told of the others.
  [[nodiscard]] const std::string& heard() const { return heard_; }

 private:
  static std::string goal_of(const LlmRequest& request) {
    for (const std::string_view goal : {kGoal, kAlpha, kBeta, kGamma})
      if (request.goal().starts_with(goal)) return std::string(goal);
    return "none";
  }

  static LlmWords with_cost(LlmWords words, const LlmRequest& request) {
    words.tokens_in = dump_json(request.body).size() / 4;
    return words;
  }

  LlmWords answer(std::size_t number, const std::string& told) {
    if (number == 15) return {.text = "A part for another.", .calls = {starts(kAlpha)}};
    if (number == 40) return {.text = "Two more.", .calls = {starts(kBeta), starts(kGamma)}};
    if (number == 16 || number == 41) {
      return {.text = "I wait.", .calls = {call("wait", {{"all", true}})}};
    }
    if (number == 17 || number == 42) heard_ += told;
    if (chapters_.size() == kChapters && !chapters_.contains(number)) {
      return {.text = "Done.", .calls = {call("finish", {{"summary", "THE BOOK IS WRITTEN"}})}};
    }
    const std::size_t next = chapters_.emplace(number, chapters_.size()).first->second;
    LlmWords words{.text = "The next one.", .calls = writes(chapter(next), chapter(next) + "\n")};
    words.calls.push_back(call("read_file", {{"path", "style"}}));
    return words;
  }

  LlmReply answer_of_part(const std::string& goal, std::size_t number, const LlmRequest& request) {
    const std::string part = part_of(goal);
    if (number == kVerses) {
      return calls("finish", {{"summary", part + " IS WRITTEN"}}, request.wire);
    }
    const std::string name = part + "-" + std::to_string(number);
    LlmReply reply = calls_at_once(writes(name, name + "\n"), request.wire);
    const bool stalls = (goal == kAlpha && number == 2) || (goal == kGamma && number == 1);
    if (stalls && request.asked == 1) reply.hold = 1;
    return reply;
  }

  std::map<std::string, std::map<std::string, std::size_t>> questions_;  ///< By goal and key.
  std::map<std::size_t, std::size_t> chapters_;                          ///< By question.
  std::set<std::string> summaries_;
  std::string heard_;
};

std::string config_with_small_window(const ScriptedLlm& model, Wire wire) {
  std::string config = config_for(model, "none", wire);
  constexpr std::string_view kModel = "model = \"scripted-1\"\n";
  config.insert(config.find(kModel) + kModel.size(),
                "context_tokens = 12000\nmax_output_tokens = 2000\n");
  return config + "[agent]\nsteps_max = 400\n[retry]\npause_max = \"20ms\"\n";
}

class LongTaskTest : public testing::TestWithParam<Wire> {};

INSTANTIATE_TEST_SUITE_P(Services, LongTaskTest,
                         testing::Values(Wire::openai_chat, Wire::anthropic), [](const auto& wire) {
                           std::string name(name_of(wire.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_P(LongTaskTest, TwoHundredStepsAreDoneOnceThroughCompactionsOutagesAndKills) {
  const TempDir outside;
  Author author;
  ScriptedLlm model([&](const LlmRequest& request) { return author(request); });
  RealDaemon daemon(config_with_small_window(model, GetParam()));
  daemon.put("style", std::string(600, 's') + "\n");
  daemon.put("tally", "#!/bin/sh\necho \"$1\" >> " + (outside / "ledger").string() + "\n", true);
  daemon.start();
  const std::uint64_t task = daemon.run(std::string(kGoal), true);
  const auto waits_for = [&] {
    return daemon.ask("/v1/tasks/" + std::to_string(task)).body.at("waiting_for").dump();
  };

  // The first kill: an answer to another task has half come.
  ASSERT_TRUE(wait_until([&] { return model.held() == 1; })) << daemon.log();
  daemon.kill9();
  daemon.start();

  // The third outage, after an overload and an answer that was cut off: nobody is there.
  ASSERT_TRUE(wait_until([&] { return model.held() == 2; })) << daemon.log();
  model.go_away();
  ASSERT_TRUE(wait_until([&] { return waits_for().contains("refused"); })) << waits_for();
  model.come_back();

  // The second kill: two tasks are at work for the first, and one of them is being answered.
  ASSERT_TRUE(wait_until([&] { return model.held() == 1; })) << daemon.log();
  daemon.kill9();
  daemon.start();

  const Json end = daemon.wait_for_end(task);
  EXPECT_EQ(end.at("state"), "completed") << end << daemon.log();
  EXPECT_THAT(end.at("result").dump(), HasSubstr("THE BOOK IS WRITTEN"));
  EXPECT_GE(end.at("steps"), 200);
  EXPECT_GE(author.summaries(), 2U);

  std::vector<std::string> files;
  for (std::size_t i = 0; i < kChapters; ++i)
    files.push_back(chapter(i));
  for (const std::string_view goal : {kAlpha, kBeta, kGamma}) {
    const std::string part = part_of(goal);
    EXPECT_THAT(author.heard(), HasSubstr(part + " IS WRITTEN"));
    for (std::size_t i = 0; i < kVerses; ++i)
      files.push_back(part + "-" + std::to_string(i));
  }
  for (const std::string& name : files)
    EXPECT_EQ(daemon.file(name), name + "\n");
  std::vector<std::string> done;
  std::istringstream ledger(outside.read("ledger"));
  for (std::string line; std::getline(ledger, line);)
    done.push_back(line);
  EXPECT_THAT(done, testing::UnorderedElementsAreArray(files)) << "each once";
  for (std::uint64_t each = task; each <= task + 3; ++each)
    EXPECT_EQ(daemon.cli({"replay", std::to_string(each), "--check"}).exit, 0) << each;
}

}  // namespace
}  // namespace tinkerbell

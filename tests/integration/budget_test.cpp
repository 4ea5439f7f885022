#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/money.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

/// Prices and budgets with a real daemon. The model's server adds up by itself what it was asked
/// and what it answered.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

/// 1.25, 0.125 and 10 for a million tokens: 1.25, 0.125 and 10 millionths a token.
constexpr std::string_view kPrice = "price = { input = 1.25, input_cached = 0.125, output = 10 }\n";

std::string priced_config(const ScriptedLlm& model) {
  std::string config = config_for(model, "none");
  const std::string_view before = "model = \"scripted-1\"\n";
  config.insert(config.find(before) + before.size(), kPrice);
  return config;
}

/// The money side of a model's server.
class Till {
 public:
  LlmReply sell(LlmReply reply, std::uint64_t in, std::uint64_t cached, std::uint64_t out) {
    const std::scoped_lock lock(mutex_);
    const auto of_million = [](std::int64_t thousandths) {
      return Money::of_trillionths(thousandths * 1'000);
    };
    taken_ +=
        of_million(1'250) * (in - cached) + of_million(125) * cached + of_million(10'000) * out;
    return with_usage(std::move(reply), {{"prompt_tokens", in},
                                         {"completion_tokens", out},
                                         {"prompt_tokens_details", {{"cached_tokens", cached}}}});
  }

  [[nodiscard]] std::string taken() const {
    const std::scoped_lock lock(mutex_);
    return taken_.text();
  }

 private:
  mutable std::mutex mutex_;
  Money taken_;
};

/// What a task waits for, in words.
std::string waits_for(const RealDaemon& daemon, std::uint64_t task) {
  const Json view = daemon.ask("/v1/tasks/" + std::to_string(task)).body;
  return view.at("state").get<std::string>() + ": " + view.at("waiting_for").get<std::string>();
}

/// Whether a task waits for its next attempt, and no attempt is due within the next moments: a
/// daemon that is killed now cuts none off.
bool waits_between_attempts(const std::string& waiting_for) {
  constexpr std::string_view kBeforeTime = " at ";
  const std::size_t attempt = waiting_for.find(": attempt ");
  const std::size_t time = waiting_for.find(kBeforeTime, attempt);
  if (attempt == std::string::npos || time == std::string::npos) return false;
  const std::string soon =
      rfc3339(std::chrono::system_clock::now() + std::chrono::milliseconds{1'500});
  return waiting_for.substr(time + kBeforeTime.size(), soon.size()) > soon;
}

TEST(BudgetedTask, F43_SixtyStepsThreeOutagesTwoKillsAndABudgetStopCostWhatTheServerTook) {
  constexpr std::size_t kFiles = 30;
  Till till;
  std::atomic<bool> down = false;
  std::atomic<std::size_t> refused = 0;
  ScriptedLlm model([&](const LlmRequest& request) -> LlmReply {
    const std::size_t turn = request.turn();
    const bool first = request.asked == 1;
    if (turn == 12 && first) down = true;
    if (down || (turn == 5 && first) || (turn == 24 && request.asked <= 2)) {
      ++refused;
      return responds(503, "application/json", R"({"error": {"message": "overloaded"}})");
    }
    if (turn == kFiles) return till.sell(calls("finish", {{"summary", "written"}}), 4'001, 99, 7);
    const std::string name = "file" + std::to_string(turn);
    return till.sell(calls("write_file", {{"path", name}, {"content", name + "\n"}}),
                     1'000 + 101 * turn, 37 * turn, 40 + turn);
  });
  RealDaemon daemon(priced_config(model) + "[agent]\nsteps_max = 61\n");
  daemon.start();
  const Json begun = daemon.cli_json(
      {"run", "-d", "--yes", "--budget", "0.15", "-w", daemon.workspace(), "write them all"});
  const auto task = begun.at("id").get<std::uint64_t>();
  const std::string id = std::to_string(task);

  // The first kill: while the service is down, and the task waits to ask it again.
  const auto is_noted = [&] {  // the store is read behind what is being written
    return daemon.ask("/v1/tasks/" + id + "/steps").status == 200;
  };
  ASSERT_TRUE(wait_until([&] {
    return down && waits_for(daemon, task).contains(": attempt ") && is_noted() &&
           waits_between_attempts(waits_for(daemon, task));
  })) << daemon.log();
  daemon.kill9();
  daemon.start();
  EXPECT_THAT(waits_for(daemon, task), HasSubstr(": attempt "));
  down = false;

  // The second one: at the end of the budget.
  ASSERT_TRUE(wait_until([&] { return waits_for(daemon, task).starts_with("suspended: "); }))
      << daemon.log();
  EXPECT_THAT(waits_for(daemon, task), HasSubstr("a larger budget ("));
  daemon.kill9();
  daemon.start();
  EXPECT_THAT(waits_for(daemon, task), HasSubstr("suspended: a larger budget ("));
  const Json stopped = daemon.cli_json({"budget", id});
  EXPECT_EQ(stopped.at("cost"), "0.15");
  EXPECT_EQ(stopped.at("spent").at("cost"), till.taken());

  EXPECT_EQ(daemon.cli_json({"budget", id, "--add", "1.00"}).at("cost"), "1.15");
  const Json end = daemon.wait_for_end(task);
  EXPECT_EQ(end.at("state"), "completed") << daemon.log();
  EXPECT_GE(end.at("steps"), 2 * kFiles);
  for (std::size_t i = 0; i < kFiles; ++i)
    EXPECT_EQ(daemon.file("file" + std::to_string(i)), "file" + std::to_string(i) + "\n");
  EXPECT_GE(refused, 4U) << "three outages";

  const Json costs = daemon.cli_json({"cost", id});
  EXPECT_EQ(costs.at("total").at("cost"), till.taken());
  const Json budget = daemon.cli_json({"budget", id});
  EXPECT_EQ(budget.at("cost"), "1.15") << "of a task that has ended, too";
  EXPECT_EQ(budget.at("spent"), costs.at("total"));
  EXPECT_EQ(daemon.cli({"budget", id, "--add", "1"}).exit, 1) << "and it cannot be raised any more";
  EXPECT_EQ(costs.at("total").at("calls"), kFiles + 1) << "what was refused costs nothing";
  EXPECT_EQ(costs.at("total").at("calls_estimated"), 0);
  EXPECT_EQ(costs.at("lines").at(0).at("key"), "default");
}

TEST(BudgetedTask, S87_ACallThatAKillCutOffIsCharged) {
  Till till;
  ScriptedLlm model([&](const LlmRequest& request) -> LlmReply {
    LlmReply reply = till.sell(says("done"), 100, 0, 10);
    if (request.asked == 1) reply.hold = 0;
    return reply;
  });
  RealDaemon daemon(priced_config(model));
  daemon.start();
  const std::uint64_t task = daemon.run("say it");
  ASSERT_TRUE(wait_until([&] { return model.held() == 1; }));
  daemon.kill9();
  daemon.start();
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed") << daemon.log();
  const Json total = daemon.cli_json({"cost", std::to_string(task)}).at("total");
  EXPECT_EQ(total.at("calls"), 2);
  EXPECT_EQ(total.at("calls_estimated"), 1);
  EXPECT_GT(*Money::parse(total.at("cost").get<std::string>()), *Money::parse(till.taken()));
  model.open_gate();
}

TEST(BudgetedTask, ABudgetOfTheConfigHoldsWhereNothingElseIsSaid) {
  ScriptedLlm model(ScriptedLlm::in_turn({says("done")}));
  RealDaemon daemon(config_for(model, "none") + "[budget]\ntokens = 0\non_limit = \"stop\"\n");
  daemon.start();
  const Json end = daemon.wait_for_end(daemon.run("say it"));
  EXPECT_EQ(end.at("state"), "failed");
  EXPECT_EQ(end.at("error").at("code"), "exhausted");
  EXPECT_TRUE(model.ledger().empty());
  const std::uint64_t more =
      daemon.cli_json({"run", "-d", "--tokens", "100000", "-w", daemon.workspace(), "say it"})
          .at("id");
  EXPECT_EQ(daemon.wait_for_end(more).at("state"), "completed");
}

TEST(BudgetedTask, WhoWaitsIsToldHowToGoOn) {
  ScriptedLlm model(ScriptedLlm::in_turn({says("done")}));
  RealDaemon daemon(priced_config(model));
  daemon.start();
  const Finished stopped =
      daemon.cli({"run", "--wait", "--budget", "0.01", "-w", daemon.workspace(), "say it"});
  EXPECT_EQ(stopped.exit, 4);
  EXPECT_EQ(stopped.out, "1\n");
  EXPECT_THAT(stopped.err, HasSubstr("task 1 waits for: a larger budget (0.00 of 0.01 is spent"));
  EXPECT_THAT(stopped.err, HasSubstr("`tinkerbell budget 1 --add AMOUNT`"));
  EXPECT_THAT(daemon.cli({"show", "1"}).out, HasSubstr("`tinkerbell budget 1 --add AMOUNT`"));
  EXPECT_EQ(daemon.cli({"pause", "1"}).exit, 0);
  EXPECT_THAT(daemon.cli({"show", "1"}).out, HasSubstr("a larger budget"));
  EXPECT_EQ(daemon.cli({"budget", "1", "--add", "1"}).exit, 0);
  EXPECT_EQ(daemon.wait_for_end(1).at("state"), "completed");
}

TEST(BudgetedTask, ItsTimeIsBoundedToo) {
  ScriptedLlm model(ScriptedLlm::in_turn(
      {calls("run_program", {{"argv", {"true"}}}), calls("finish", {{"summary", "done"}})}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const Finished stopped =
      daemon.cli({"run", "--wait", "--yes", "--time", "0s", "-w", daemon.workspace(), "say it"});
  EXPECT_EQ(stopped.exit, 4);
  EXPECT_THAT(stopped.err, HasSubstr("a larger budget (0.0 s of 0.0 s are worked)"));
  EXPECT_EQ(daemon.cli_json({"budget", "1", "--add-time", "2h"}).at("time_ms"), 7'200'000);
  EXPECT_EQ(daemon.wait_for_end(1).at("state"), "completed");
  EXPECT_GT(daemon.cli_json({"cost", "1"}).at("total").at("time_ms"), 0) << "a program takes some";
}

TEST(BudgetedTask, S88_WhatIsNoBudgetIsRefused) {
  ScriptedLlm model(ScriptedLlm::in_turn({says("done")}));
  RealDaemon daemon(priced_config(model));
  daemon.start();
  for (const char* wrong : {"-1", "nan", "1e3", "1,5", "0x10", "", " 1", "free", "1.2.3", "$5"}) {
    EXPECT_EQ(daemon.cli({"run", "--budget=" + std::string(wrong), "x"}).exit, 64) << wrong;
    if (*wrong == '\0') continue;  // over the socket that is: as the config says
    EXPECT_EQ(daemon
                  .ask("/v1/tasks", Json{{"goal", "x"},
                                         {"workspace", daemon.workspace()},
                                         {"budget", {{"cost", wrong}}}})
                  .status,
              400)
        << wrong;
  }
  for (const Json& wrong : {Json(-1), Json(1.5), Json("5"), Json(true)}) {
    EXPECT_EQ(daemon
                  .ask("/v1/tasks", Json{{"goal", "x"},
                                         {"workspace", daemon.workspace()},
                                         {"budget", {{"tokens", wrong}}}})
                  .status,
              400)
        << dump_json(wrong);
  }
  EXPECT_TRUE(model.ledger().empty());
}

TEST(BudgetedTask, CostsAreToldByDayModelAndTask) {
  ScriptedLlm model(ScriptedLlm::in_turn({says("done")}));
  RealDaemon daemon(priced_config(model));
  daemon.start();
  for (int i = 0; i < 2; ++i)
    (void)daemon.wait_for_end(daemon.run("say it"));
  const Json by_task = daemon.cli_json({"cost", "--by", "task"});
  ASSERT_EQ(by_task.at("lines").size(), 2U);
  EXPECT_EQ(by_task.at("lines").at(0).at("key"), "2") << "the newest first";
  EXPECT_EQ(by_task.at("lines").at(0).at("spent").at("cost"), "0.0000625") << "10 in, 5 out";
  EXPECT_EQ(by_task.at("total").at("cost"), "0.000125");
  EXPECT_EQ(daemon.cli_json({"cost", "--by", "model"}).at("lines").at(0).at("key"), "default");
  const Finished table = daemon.cli({"cost"});
  EXPECT_EQ(table.exit, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("0.000125"));
  EXPECT_THAT(table.out, HasSubstr("20 in, 10 out"));
  EXPECT_EQ(daemon.cli({"cost", "--by", "hour"}).exit, 64);

  EXPECT_EQ(daemon.cli_json({"gc", "--older-than", "0s"}).at("tasks"), 2);
  EXPECT_EQ(daemon.cli_json({"cost"}).at("total").at("cost"), "0.000125")
      << "what was spent stays known";
}

}  // namespace
}  // namespace tinkerbell

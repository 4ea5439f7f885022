#include "support/syscall_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// What a family of tasks may use, and what becomes of them at the end of it.

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Money money(std::string_view amount) {
  return *Money::parse(amount);
}

/// Asks a model so many times; "asked N", or its error.
Task<Result<Json>> asks(TaskStart start) {
  const int times = start.arguments.value("times", 1);
  for (int i = 0; i < times; ++i) {
    const Result<AwaitLLMResponse::Reply> answer = co_await AwaitLLMResponse{.model = "default"};
    if (!answer) co_return answer.error();
  }
  co_return Json("asked " + std::to_string(times));
}

/// Has children that ask at the same time.
Task<Result<Json>> parent(TaskStart start) {
  std::vector<TaskId> children;
  for (int i = 0; i < start.arguments.value("children", 2); ++i) {
    const Result<Spawn::Reply> child = co_await Spawn{.kind = "asks@1"};
    if (!child) co_return child.error();
    children.push_back(child->task);
  }
  std::string states;
  for (const TaskId child : children) {
    const Result<Join::Reply> end = co_await Join{.task = child};
    if (!end) co_return end.error();
    states += end->state + " ";
  }
  co_return Json(states);
}

class BudgetTest : public testing::Test {
 protected:
  BudgetTest() {
    world.add_kind("asks@1", asks);
    world.add_kind("parent@1", parent);
    price(*world.driver);
    world.before_recovery = [this](ScriptedDriver& driver) { price(driver); };
  }

  /// Each call may take 1 000 tokens and cost 0.10.
  static Reservation of_a_call() {
    return {.model = "default", .tokens_in = 100, .tokens_out = 900, .cost = money("0.10")};
  }

  void price(ScriptedDriver& driver) const {
    driver.facts("llm.response", Prepared{.reserved = reserved});
  }

  /// What the driver says next time; 0.03 and 60 tokens, unless said.
  static Reply answer(std::string_view cost = "0.03", bool known = true) {
    AwaitLLMResponse::Reply reply{.text = "hello"};
    reply.usage = {.input = 50, .output = 10, .known = known};
    if (known) reply.cost = money(cost);
    return reply;
  }

  void answers(const Result<Reply>& reply) { world.driver->reply("llm.response", reply); }

  TaskId submit(const std::string& kind, Budget budget, Json arguments = Json::object()) {
    TaskId id = kNoTask;
    world.calls->submit({.kind = kind,
                         .workspace = "/work",
                         .arguments = std::move(arguments),
                         .budget = std::move(budget),
                         .by = {.via = "test"}},
                        Completion<TaskId>([&id](Result<TaskId> task) { id = *task; }));
    world.settle();
    return id;
  }

  Result<Budget> raise(TaskId task, const BudgetRaise& raise) {
    Result<Budget> told = Error{Errc::internal, "never told"};
    world.calls->raise_budget(task, raise, {.via = "test"},
                              Completion<Budget>([&](Result<Budget> now) { told = now; }));
    world.settle();
    return told;
  }

  Spending spent(TaskId root) {
    Spending sum;
    world.journal->read_ledger(
        {.root = root},
        Completion<std::vector<LedgerLine>>([&](const Result<std::vector<LedgerLine>>& lines) {
          for (const LedgerLine& line : *lines)
            sum += line.spent;
        }));
    world.settle();
    return sum;
  }

  std::vector<std::string> models_charged(TaskId root) {
    std::vector<std::string> models;
    world.journal->read_ledger(
        {.root = root},
        Completion<std::vector<LedgerLine>>([&](const Result<std::vector<LedgerLine>>& lines) {
          for (const LedgerLine& line : *lines)
            models.push_back(line.model);
        }));
    world.settle();
    return models;
  }

  std::string waits_for(TaskId task) {
    const std::optional<LiveView> view = world.calls->view(task);
    return view ? view->waiting_for : "";
  }

  TaskState state_of(TaskId task) { return world.calls->view(task)->state; }

  std::size_t calls_made() { return world.driver->performed().size(); }

  std::optional<Reservation> reserved = of_a_call();
  SyscallWorld world;
};

TEST_F(BudgetTest, ACallIsChargedWithWhatItUsed) {
  answers(answer());
  const TaskId task = submit("asks@1", {.cost = money("1")}, {{"times", 2}});
  EXPECT_EQ(world.end_of(task).value, Json("asked 2"));
  const Spending sum = spent(task);
  EXPECT_EQ(sum.calls, 2U);
  EXPECT_EQ(sum.calls_estimated, 0U);
  EXPECT_EQ(sum.tokens_in, 100U);
  EXPECT_EQ(sum.tokens_out, 20U);
  EXPECT_EQ(sum.cost, money("0.06"));
}

TEST_F(BudgetTest, ACallIsChargedToTheModelThatAnswered) {
  auto from_spare = std::get<AwaitLLMResponse::Reply>(answer());
  from_spare.fallback = "spare";
  answers(from_spare);
  const TaskId task = submit("asks@1", {.cost = money("1")}, {{"times", 1}});
  EXPECT_EQ(world.end_of(task).value, Json("asked 1"));
  EXPECT_THAT(models_charged(task), ElementsAre("spare"));
}

TEST_F(BudgetTest, S87_ItIsHeldBeforeACallThatMayBeTooMuchAndGoesOnWithMore) {
  answers(answer());
  const TaskId task = submit("asks@1", {.cost = money("0.12")}, {{"times", 2}});
  EXPECT_EQ(calls_made(), 1U);
  EXPECT_EQ(state_of(task), TaskState::suspended);
  EXPECT_EQ(waits_for(task),
            "a larger budget (0.03 of 0.12 is spent, and it may cost 0.10): ask model default (0 "
            "messages)");
  const Result<Budget> now = raise(task, {.cost = money("0.005")});
  ASSERT_TRUE(now.ok());
  EXPECT_EQ(now->cost, money("0.125"));
  EXPECT_EQ(state_of(task), TaskState::suspended) << "it still is too little";
  EXPECT_THAT(waits_for(task), HasSubstr("0.03 of 0.125 is spent"));

  ASSERT_TRUE(raise(task, {.cost = money("1")}).ok());
  EXPECT_EQ(world.end_of(task).value, Json("asked 2"));
  EXPECT_EQ(spent(task).cost, money("0.06"));
}

TEST_F(BudgetTest, ABoundOfTokensHoldsAsWell) {
  answers(answer());
  const TaskId task = submit("asks@1", {.tokens = 1'050}, {{"times", 2}});
  EXPECT_EQ(calls_made(), 1U);
  EXPECT_THAT(waits_for(task), HasSubstr("60 of 1050 tokens are used, and it may take 1000"));
  ASSERT_TRUE(raise(task, {.tokens = 10}).ok());
  EXPECT_EQ(world.end_of(task).value, Json("asked 2"));
}

TEST_F(BudgetTest, S87_ABoundOfCallsHoldsAsWell) {
  answers(answer());
  const TaskId task = submit("asks@1", {.calls = 2}, {{"times", 4}});
  EXPECT_EQ(state_of(task), TaskState::suspended);
  EXPECT_THAT(waits_for(task), HasSubstr("2 of 2 model calls are made"));
  EXPECT_FALSE(raise(task, {.tokens = 5}).ok()) << "it has no such bound";
  ASSERT_TRUE(raise(task, {.calls = 2}).ok());
  EXPECT_EQ(world.end_of(task).value, Json("asked 4"));
}

TEST_F(BudgetTest, WhereNobodyIsToBeAskedTheCallFails) {
  answers(answer());
  const TaskId task = submit("asks@1", {.cost = money("0.12"), .asks = false}, {{"times", 2}});
  EXPECT_EQ(world.end_of(task).error_code, "exhausted");
  EXPECT_EQ(world.end_of(task).error, "its budget: 0.03 of 0.12 is spent, and it may cost 0.10");
  EXPECT_EQ(calls_made(), 1U);
}

TEST_F(BudgetTest, S88_ZeroIsNothingAndNotAny) {
  for (const Budget& nothing : {Budget{.cost = Money{}}, Budget{.tokens = 0}}) {
    const TaskId task = submit("asks@1", nothing);
    EXPECT_EQ(state_of(task), TaskState::suspended);
  }
  EXPECT_EQ(calls_made(), 0U);
}

TEST_F(BudgetTest, S88_WithoutAPriceABoundOfMoneyLetsNothingThrough) {
  reserved->cost.reset();
  price(*world.driver);
  const TaskId task = submit("asks@1", {.cost = money("100")});
  EXPECT_EQ(calls_made(), 0U);
  EXPECT_THAT(waits_for(task), HasSubstr("the model \"default\" has no price in the config"));
}

TEST_F(BudgetTest, WithoutAPriceTokensAreCountedAndTheCallIsMarked) {
  reserved->cost.reset();
  price(*world.driver);
  AwaitLLMResponse::Reply reply{.text = "hello"};
  reply.usage = {.input = 7, .output = 3, .known = true};
  answers(Reply(reply));
  const TaskId task = submit("asks@1", {.tokens = 5'000});
  EXPECT_EQ(spent(task).calls_unpriced, 1U);
  EXPECT_EQ(spent(task).tokens_in, 7U);
  EXPECT_EQ(spent(task).cost, Money{});
}

TEST_F(BudgetTest, UnknownUsageIsChargedAsItWasReservedAndMarked) {
  answers(answer("", /*known=*/false));
  const TaskId task = submit("asks@1", {.cost = money("1")});
  EXPECT_EQ(spent(task).calls_estimated, 1U);
  EXPECT_EQ(spent(task).cost, money("0.10"));
  EXPECT_EQ(spent(task).tokens_in, 100U);
  EXPECT_EQ(spent(task).tokens_out, 900U);
}

TEST_F(BudgetTest, AFailureCostsWhatWasReservedIfItMayHaveCostAnything) {
  Error cut{Errc::protocol, "cut off"};
  cut.may_have_cost = true;
  answers(cut);
  const TaskId cut_off = submit("asks@1", {.cost = money("1")});
  EXPECT_EQ(spent(cut_off).cost, money("0.10"));
  EXPECT_EQ(spent(cut_off).calls_estimated, 1U);

  answers(Error{Errc::unauthorized, "no key"});
  const TaskId refused = submit("asks@1", {.cost = money("1")});
  EXPECT_EQ(spent(refused), Spending{});
}

TEST_F(BudgetTest, AnAnswerThatWasTurnedDownIsChargedWithWhatItUsedAndToTheModelThatGaveIt) {
  Error no_json{Errc::protocol, "no JSON"};
  no_json.may_have_cost = true;
  auto from_spare = std::get<AwaitLLMResponse::Reply>(answer());
  from_spare.fallback = "spare";
  no_json.rejected = std::make_shared<const Reply>(from_spare);
  answers(no_json);
  const TaskId task = submit("asks@1", {.cost = money("1")});
  EXPECT_EQ(spent(task).cost, money("0.03"));
  EXPECT_EQ(spent(task).calls_estimated, 0U);
  EXPECT_THAT(models_charged(task), ElementsAre("spare"));

  no_json.rejected = std::make_shared<const Reply>(answer("", /*known=*/false));
  answers(no_json);
  EXPECT_EQ(spent(submit("asks@1", {.cost = money("1")})).calls_estimated, 1U);
}

TEST_F(BudgetTest, EachAttemptIsChargedByItself) {
  Error cut{Errc::protocol, "cut off", world.clock.wall() + 1min};
  cut.may_have_cost = true;
  world.driver->next_reply("llm.response", cut);
  answers(answer());
  const TaskId task = submit("asks@1", {.cost = money("1")});
  EXPECT_EQ(spent(task).cost, money("0.10"));
  world.pass(1min);
  EXPECT_EQ(world.end_of(task).value, Json("asked 1"));
  EXPECT_EQ(spent(task).cost, money("0.13"));
  EXPECT_EQ(spent(task).calls, 2U);
}

TEST_F(BudgetTest, TheNextAttemptIsHeldToTheBudgetToo) {
  Error cut{Errc::protocol, "cut off", world.clock.wall() + 1min};
  cut.may_have_cost = true;
  world.driver->next_reply("llm.response", cut);
  answers(answer());
  const TaskId task = submit("asks@1", {.cost = money("0.15")});
  world.pass(1min);
  EXPECT_EQ(calls_made(), 1U);
  EXPECT_EQ(state_of(task), TaskState::suspended);
  ASSERT_TRUE(raise(task, {.cost = money("0.05")}).ok());
  EXPECT_EQ(world.end_of(task).value, Json("asked 1"));
}

// ---- time ----

/// Runs a program so many times; "ran N", or its error.
Task<Result<Json>> runs(TaskStart start) {
  const int times = start.arguments.value("times", 1);
  for (int i = 0; i < times; ++i) {
    const Result<AwaitProcess::Reply> ran = co_await AwaitProcess{.argv = {"make"}};
    if (!ran) co_return ran.error();
  }
  co_return Json("ran " + std::to_string(times));
}

/// What a model says that took so long.
Reply after(Milliseconds took) {
  return AwaitLLMResponse::Reply{.text = "hello", .took = took};
}

TEST_F(BudgetTest, S87_ABoundOfTimeHoldsForModelCallsAsWell) {
  answers(after(600ms));
  const TaskId task = submit("asks@1", {.time = 1s}, {{"times", 4}});
  EXPECT_EQ(calls_made(), 2U)
      << "0.6 s left room for another one, and nobody knew how long it takes";
  EXPECT_EQ(state_of(task), TaskState::suspended);
  EXPECT_THAT(waits_for(task), HasSubstr("1.2 s of 1.0 s are worked"));
  EXPECT_FALSE(raise(task, {.tokens = 5}).ok()) << "it has no such bound";
  ASSERT_TRUE(raise(task, {.time = 201ms}).ok());
  EXPECT_EQ(calls_made(), 3U);
  ASSERT_TRUE(raise(task, {.time = 1h}).ok());
  EXPECT_EQ(world.end_of(task).value, Json("asked 4"));
  EXPECT_EQ(spent(task).time, 2'400ms);
}

TEST_F(BudgetTest, S87_ABoundOfTimeHoldsForProgramsOverACrashToo) {
  world.add_kind("runs@1", runs);
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.reply("process.run", Reply(AwaitProcess::Reply{.duration = 400ms}));
    driver.recovery("process.run", Reply(AwaitProcess::Reply{.duration = 700ms}));
  };
  world.driver->next_reply("process.run", Reply(AwaitProcess::Reply{.duration = 300ms}));
  TaskId task = kNoTask;
  world.calls->submit({.kind = "runs@1",
                       .workspace = "/work",
                       .arguments = {{"times", 3}},
                       .approve_all = true,
                       .budget = {.time = 1s},
                       .by = {.via = "test"}},
                      Completion<TaskId>([&task](Result<TaskId> id) { task = *id; }));
  world.settle();
  EXPECT_EQ(calls_made(), 2U) << "and the second is under way";
  EXPECT_EQ(spent(task).time, 300ms);
  world.crash();
  EXPECT_EQ(spent(task).time, 1s) << "the second was found again, and says how long it took";
  EXPECT_EQ(spent(task).calls, 0U);
  EXPECT_EQ(calls_made(), 0U);
  EXPECT_THAT(waits_for(task), HasSubstr("1.0 s of 1.0 s are worked"));
  ASSERT_TRUE(raise(task, {.time = 1ms}).ok());
  EXPECT_EQ(world.end_of(task).value, Json("ran 3"));
  EXPECT_EQ(spent(task).time, 1'400ms);
}

TEST_F(BudgetTest, EachAttemptIsChargedWithItsOwnTime) {
  Error cut{Errc::protocol, "cut off", world.clock.wall() + 1min};
  cut.may_have_cost = true;
  cut.took = 300ms;
  world.driver->next_reply("llm.response", cut);
  answers(after(500ms));  // 300 of the attempt before, as the driver tells
  const TaskId task = submit("asks@1", {});
  EXPECT_EQ(spent(task).time, 300ms);
  world.pass(1min);
  EXPECT_EQ(world.end_of(task).value, Json("asked 1"));
  EXPECT_EQ(spent(task).time, 500ms);
}

TEST_F(BudgetTest, S87_ZeroTimeIsNoneAndAFamilyHasItTogether) {
  const TaskId none = submit("asks@1", {.time = 0ms});
  EXPECT_EQ(state_of(none), TaskState::suspended);
  EXPECT_EQ(calls_made(), 0U);

  const TaskId root = submit("parent@1", {.time = 1s}, {{"children", 2}});
  ASSERT_EQ(calls_made(), 2U) << "nothing of it is held back: they work side by side";
  for (std::size_t i : {0U, 1U})
    world.driver->release(world.driver->performed()[i].id, after(600ms));
  world.settle();
  EXPECT_EQ(world.end_of(root).value, Json("completed completed "));
  EXPECT_EQ(spent(root).time, 1'200ms);
}

// ---- families ----

TEST_F(BudgetTest, S87_AFamilyHasOneBudgetAndWhoDoesNotFitWaitsForWhatIsHeld) {
  const TaskId root = submit("parent@1", {.cost = money("0.25")}, {{"children", 3}});
  ASSERT_EQ(calls_made(), 2U) << "the third would be too much, if both took all of theirs";
  const TaskId third{number(root) + 3};
  EXPECT_EQ(state_of(third), TaskState::waiting);
  EXPECT_THAT(waits_for(third), HasSubstr("other calls of its family"));

  world.driver->release(world.driver->performed()[0].id, answer());
  world.settle();
  EXPECT_EQ(calls_made(), 3U) << "0.07 came back";
  world.driver->release(world.driver->performed()[1].id, answer());
  world.driver->release(world.driver->performed()[2].id, answer());
  world.settle();
  EXPECT_EQ(world.end_of(root).value, Json("completed completed completed "));
  EXPECT_EQ(spent(root).cost, money("0.09"));
}

TEST_F(BudgetTest, S87_WhatOneOfThemTakesIsTheOthersLoss) {
  const TaskId root = submit("parent@1", {.cost = money("0.25")}, {{"children", 3}});
  for (std::size_t i : {0U, 1U})
    world.driver->release(world.driver->performed()[i].id, answer("0.10"));
  world.settle();
  EXPECT_EQ(calls_made(), 2U);
  const TaskId third{number(root) + 3};
  EXPECT_EQ(state_of(third), TaskState::suspended);
  ASSERT_TRUE(raise(root, {.cost = money("0.05")}).ok()) << "asked of any of the family";
  EXPECT_EQ(calls_made(), 3U);
}

/// Begins two of its own kind, and so do they.
Task<Result<Json>> breeds(TaskStart /*start*/) {
  for (int i = 0; i < 2; ++i) {
    const Result<Spawn::Reply> child = co_await Spawn{.kind = "breeds@1"};
    if (!child) co_return child.error();
  }
  co_return Json("bred");
}

TEST_F(BudgetTest, S87_TasksThatBeginOthersComeToAnEndOverACrashToo) {
  world.add_kind("breeds@1", breeds);
  const TaskId root = submit("breeds@1", {.tasks = 10});
  EXPECT_EQ(spent(root).tasks, 10U);
  world.crash();
  world.settle();
  EXPECT_EQ(spent(root).tasks, 10U) << "and none more";
  const TaskId last{number(root) + 10};
  EXPECT_EQ(state_of(last), TaskState::suspended);
  EXPECT_THAT(waits_for(last), HasSubstr("10 of 10 tasks were begun"));
  EXPECT_FALSE(world.calls->view(TaskId{number(last) + 1}));
  ASSERT_TRUE(raise(last, {.tasks = 3}).ok());
  EXPECT_EQ(spent(root).tasks, 13U);
}

TEST_F(BudgetTest, S87_WhereNobodyIsToBeAskedTheNextTaskIsNotBegun) {
  answers(answer());
  const TaskId root = submit("parent@1", {.asks = false, .tasks = 1}, {{"children", 2}});
  EXPECT_EQ(world.end_of(root).error_code, "exhausted");
  EXPECT_EQ(spent(root).tasks, 1U);
}

/// Begins others of its kind until that fails, and stays.
Task<Result<Json>> spreads(TaskStart /*start*/) {
  while (true) {
    const Result<Spawn::Reply> child = co_await Spawn{.kind = "spreads@1"};
    if (!child) break;
  }
  (void)co_await Receive{};
  co_return Json();
}

TEST_F(BudgetTest, S87_ATaskThatBeginsOthersWithoutEndIsBoundedInDepthAndWidthOverACrashToo) {
  world.depth_max = 2;
  world.children_max = 3;
  world.crash();  // with these bounds
  world.add_kind("spreads@1", spreads);
  const TaskId root = submit("spreads@1", {});
  EXPECT_EQ(world.calls->live_tasks(), 1U + 3 + 9);
  world.crash();
  EXPECT_EQ(world.calls->live_tasks(), 1U + 3 + 9);

  const auto told = [this](TaskId task) {
    return error_in_outcome(world.newest(task, RecordKind::result).payload)->value().message;
  };
  const TaskId last{number(root) + 12};
  EXPECT_THAT(told(last), HasSubstr("there are 2 tasks above this one"));
  EXPECT_THAT(told(root), HasSubstr("3 of its children are at work, as many as it may have"));
}

/// Begins one child after the other, each when the one before has ended; "begun N".
Task<Result<Json>> begins_in_turn(TaskStart start) {
  const int times = start.arguments.value("times", 1);
  for (int i = 0; i < times; ++i) {
    const Result<Spawn::Reply> child = co_await Spawn{.kind = "asks@1"};
    if (!child) co_return child.error();
    const Result<Join::Reply> end = co_await Join{.task = child->task};
    if (!end) co_return end.error();
  }
  co_return Json("begun " + std::to_string(times));
}

TEST_F(BudgetTest, ChildrenThatHaveEndedLeaveRoomForOthers) {
  world.add_kind("begins@1", begins_in_turn);
  answers(answer());
  const TaskId root = submit("begins@1", {}, {{"times", 20}});
  EXPECT_EQ(world.end_of(root).value, Json("begun 20"));
}

/// Begins a task of no kind, then one that there is.
Task<Result<Json>> tries(TaskStart /*start*/) {
  const Result<Spawn::Reply> none = co_await Spawn{.kind = "nothing@1"};
  const Result<Spawn::Reply> child = co_await Spawn{.kind = "asks@1"};
  co_return Json(!none && child ? "one of two" : "no");
}

TEST_F(BudgetTest, ATaskThatCannotBeBegunIsNotCounted) {
  world.add_kind("tries@1", tries);
  const TaskId root = submit("tries@1", {.tasks = 1});
  EXPECT_EQ(world.end_of(root).value, Json("one of two"));
  EXPECT_EQ(spent(root).tasks, 1U);
}

TEST_F(BudgetTest, OneThatEndsInTheMiddleLeavesItsPlace) {
  const TaskId root = submit("parent@1", {.cost = money("0.25")}, {{"children", 3}});
  const TaskId first{number(root) + 1};
  world.driver->on_cancel({Errc::cancelled, "before it was asked"});
  world.calls->cancel_task(first, "enough", {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  EXPECT_EQ(calls_made(), 3U);
}

TEST_F(BudgetTest, OneThatIsQueuedOrHeldCanBeCancelled) {
  const TaskId root = submit("parent@1", {.cost = money("0.15")}, {{"children", 2}});
  const TaskId second{number(root) + 2};
  const TaskId held = submit("asks@1", {.cost = Money{}});
  for (const TaskId task : {second, held}) {
    world.calls->cancel_task(task, "enough", {.via = "test"}, Completion<void>([](auto) {}));
    world.settle();
    EXPECT_EQ(world.end_of(task).state, "cancelled");
  }
}

// ---- over restarts ----

TEST_F(BudgetTest, S87_ACallThatACrashCutOffIsChargedAsItWasReserved) {
  const TaskId task = submit("asks@1", {.cost = money("0.25")});
  ASSERT_EQ(calls_made(), 1U);
  world.crash();
  ASSERT_EQ(calls_made(), 1U) << "asked again, with its key";
  EXPECT_EQ(spent(task).cost, money("0.10"));
  EXPECT_EQ(spent(task).calls_estimated, 1U);
  world.crash();
  EXPECT_EQ(calls_made(), 0U) << "what a crash leaves open counts before it is in the ledger";
  EXPECT_EQ(state_of(task), TaskState::suspended);
  EXPECT_THAT(waits_for(task), HasSubstr("0.20 of 0.25 is spent"));

  answers(answer());
  ASSERT_TRUE(raise(task, {.cost = money("0.20")}).ok());
  EXPECT_EQ(world.end_of(task).value, Json("asked 1"));
  EXPECT_EQ(spent(task).cost, money("0.23"));
}

TEST_F(BudgetTest, WhatWasSpentIsKnownAfterARestart) {
  answers(answer());
  const TaskId task = submit("asks@1", {.cost = money("0.12")}, {{"times", 2}});
  world.crash();
  answers(answer());
  EXPECT_EQ(calls_made(), 0U);
  EXPECT_EQ(state_of(task), TaskState::suspended);
  EXPECT_THAT(waits_for(task), HasSubstr("0.03 of 0.12 is spent"));
  ASSERT_TRUE(raise(task, {.cost = money("0.01")}).ok());
  EXPECT_EQ(world.end_of(task).value, Json("asked 2"));
}

TEST_F(BudgetTest, MoreThatWasGivenHoldsAfterARestart) {
  answers(answer());
  const TaskId task = submit("asks@1", {.cost = money("0.12")}, {{"times", 3}});
  ASSERT_TRUE(raise(task, {.cost = money("0.02")}).ok());
  EXPECT_EQ(calls_made(), 2U);
  world.crash();
  answers(answer());
  EXPECT_THAT(waits_for(task), HasSubstr("0.06 of 0.14 is spent"));
}

TEST_F(BudgetTest, ACrashAfterMoreWasGivenHoldsNobodyBack) {
  const TaskId task = submit("asks@1", {.cost = money("0.05")});
  ASSERT_TRUE(raise(task, {.cost = money("1")}).ok());
  world.crash_with(world.memory->records.size() - 1);  // the attempt was not durable yet
  answers(answer());
  world.driver->release(world.driver->performed().at(0).id, answer());
  world.settle();
  EXPECT_EQ(world.end_of(task).value, Json("asked 1"));
}

TEST_F(BudgetTest, AChildOutlivesItsParentWithTheSameBudget) {
  world.add_kind("leaves@1", [](TaskStart) -> Task<Result<Json>> {
    (void)co_await Spawn{.kind = "asks@1", .arguments = {{"times", 2}}};
    co_return Json("gone");
  });
  answers(answer());
  const TaskId root = submit("leaves@1", {.cost = money("0.12")});
  const TaskId child{number(root) + 1};
  EXPECT_EQ(world.end_of(root).value, Json("gone"));
  EXPECT_EQ(state_of(child), TaskState::suspended);
  world.crash();
  answers(answer());
  EXPECT_THAT(waits_for(child), HasSubstr("0.03 of 0.12 is spent"));
  ASSERT_TRUE(raise(child, {.cost = money("1")}).ok());
  EXPECT_EQ(world.end_of(child).value, Json("asked 2"));
  EXPECT_EQ(spent(root).cost, money("0.06"));
}

// ---- people ----

TEST_F(BudgetTest, MoreOfWhatHasNoBoundIsRefused) {
  answers(answer());
  const TaskId task = submit("asks@1", {.cost = money("0.05")});
  EXPECT_EQ(raise(task, {.tokens = 5}).error().code, Errc::invalid);
  EXPECT_EQ(raise(TaskId{99}, {.cost = money("1")}).error().code, Errc::not_found);
  ASSERT_TRUE(raise(task, {.cost = money("1")}).ok());
  EXPECT_EQ(raise(task, {.cost = money("1")}).error().code, Errc::conflict) << "it has ended";
}

TEST_F(BudgetTest, WhoLetsItGoWithoutMoreFindsItHeldAgain) {
  const TaskId task = submit("asks@1", {.cost = money("0.05")});
  world.calls->resume(task, {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  EXPECT_EQ(calls_made(), 0U);
  EXPECT_TRUE(world.calls->view(task)->wants_budget);
  EXPECT_EQ(world.payload_of<SignalPayload>(task, RecordKind::signal).signal, Signal::held)
      << "those who follow it are told";
}

TEST_F(BudgetTest, ABreakpointAndTheBudgetBothHold) {
  answers(answer());
  const TaskId task = submit("asks@1", {.cost = money("0.12")}, {{"times", 2}});
  world.calls->pause(task, {.via = "test"}, Completion<void>([](auto) {}));
  world.settle();
  ASSERT_TRUE(raise(task, {.cost = money("1")}).ok());
  EXPECT_EQ(world.end_of(task).value, Json("asked 2"))
      << "who gives more lets that one go; the next one stops";
}

}  // namespace
}  // namespace tinkerbell

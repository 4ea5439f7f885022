#include "support/syscall_world.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

constexpr ApprovalId kFirst{1};

Task<Result<Json>> writes_twice(TaskStart start) {
  for (int i = 0; i < 2; ++i) {
    const Result<AwaitFileWrite::Reply> written = co_await AwaitFileWrite{
        .path = start.arguments.value("path", "docs/a.md"), .content = std::to_string(i)};
    if (!written) co_return written.error();
  }
  co_return Json("wrote");
}

/// What a goal says would be masked in the task's arguments.
Task<Result<Json>> writes_a_secret_name(TaskStart /*start*/) {
  const Result<AwaitFileWrite::Reply> written =
      co_await AwaitFileWrite{.path = "hunter2secret.md", .content = "x"};
  if (!written) co_return written.error();
  co_return Json("wrote");
}

Task<Result<Json>> asks_a_person(TaskStart /*start*/) {
  const Result<AwaitUserApproval::Reply> yes = co_await AwaitUserApproval{.question = "Send it?"};
  if (!yes) co_return yes.error();
  co_return Json(yes->granted);
}

class StandingRulesOfTasks : public testing::Test {
 protected:
  StandingRulesOfTasks() {
    world.add_kind("writer@1", writes_twice);
    world.add_kind("person@1", asks_a_person);
    world.add_kind("secret@1", writes_a_secret_name);
    use_driver();
  }

  /// Every run has another one.
  void use_driver() {
    world.driver->facts("file.write", {.facts = {.object = "docs/a.md"}});
    world.driver->reply("file.write", Reply(AwaitFileWrite::Reply{}));
  }

  TaskId write(const std::string& path = "docs/a.md") {
    world.driver->facts("file.write", {.facts = {.object = path}});
    return world.submit("writer@1", false, {{"path", path}});
  }

  Result<void> always(ApprovalId id, RuleWish wish = {}) {
    Result<void> told = Error{Errc::internal, "never told"};
    world.calls->answer({.approval = id,
                         .answer = Answer::approve,
                         .scope = Scope::always,
                         .by = {.via = "test", .uid = 7}},
                        Completion<ApprovalPayload>([&](const Result<ApprovalPayload>& decided) {
                          told = decided ? Result<void>() : Result<void>(decided.error());
                        }),
                        wish);
    world.settle();
    return told;
  }

  std::vector<StandingRule> rules() {
    std::vector<StandingRule> listed;
    world.calls->list_rules(Completion<std::vector<StandingRule>>(
        [&](Result<std::vector<StandingRule>> all) { listed = *std::move(all); }));
    world.settle();
    return listed;
  }

  Errc remove(std::uint64_t number) {
    Errc told = Errc::internal;
    world.calls->remove_rule(number, {},
                             Completion<StandingRule>([&](const Result<StandingRule>& removed) {
                               told = removed ? Errc{} : removed.error().code;
                             }));
    world.settle();
    return told;
  }

  bool has_ended(TaskId task) { return !world.calls->check_live(task); }

  std::string verdict_of(TaskId task) {
    return from_canonical<IntentPayload>(world.newest(task, RecordKind::intent).payload)
        ->verdict.rule;
  }

  SyscallWorld world;
};

TEST_F(StandingRulesOfTasks, HoldForThisTaskAndEveryOtherAtOnce) {
  const TaskId first = write();
  ASSERT_TRUE(always(kFirst));
  EXPECT_TRUE(has_ended(first));
  const TaskId second = write();
  EXPECT_TRUE(has_ended(second));
  EXPECT_TRUE(verdict_of(second).starts_with("standing rule 1, by uid 7 on "));

  ASSERT_EQ(rules().size(), 1U);
  EXPECT_EQ(rules().front().used, 3U);  // not by what was approved itself
  EXPECT_EQ(rules().front().last_used_unix_ns, unix_nanoseconds(world.clock.wall()));
  EXPECT_FALSE(has_ended(write("docs/b.md")));
}

TEST_F(StandingRulesOfTasks, AreInTheRecordAndTheStoreInOneTransaction) {
  const TaskId task = write();
  const std::size_t before = world.memory->records.size();
  ASSERT_TRUE(always(kFirst));
  const auto approval =
      from_canonical<ApprovalPayload>(world.newest(task, RecordKind::approval).payload);
  ASSERT_TRUE(approval->rule);
  EXPECT_EQ(approval->rule->number, 1U);
  ASSERT_FALSE(world.memory->rules.empty());
  EXPECT_EQ(world.memory->rules.front().first, before + 1);
}

TEST_F(StandingRulesOfTasks, AreNotThereIfTheApprovalIsNot) {
  const TaskId task = write();
  const std::size_t before = world.memory->records.size();
  ASSERT_TRUE(always(kFirst));
  world.crash_with(before);
  EXPECT_TRUE(rules().empty());
  EXPECT_FALSE(has_ended(task));
  EXPECT_NE(world.calls->approvals().find_open(kFirst), nullptr);
}

TEST_F(StandingRulesOfTasks, AreThereAfterACrash) {
  write();
  ASSERT_TRUE(always(kFirst));
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.reply("file.write", Reply(AwaitFileWrite::Reply{}));
  };
  world.crash();
  ASSERT_EQ(rules().size(), 1U);
  EXPECT_EQ(rules().front().used, 1U);
  EXPECT_TRUE(has_ended(write()));
}

TEST_F(StandingRulesOfTasks, AreWhatTheQuestionShowedAlsoAfterACrash) {
  write();
  world.before_recovery = [](ScriptedDriver& driver) {
    driver.facts("file.write", {.facts = {.object = "docs/a.md"}});
    driver.reply("file.write", Reply(AwaitFileWrite::Reply{}));
  };
  world.crash();
  const Question* const question = world.calls->approvals().find_open(kFirst);
  ASSERT_NE(question, nullptr);
  ASSERT_TRUE(question->offer.rule);
  const std::string shown = in_words(*question->offer.rule);
  ASSERT_TRUE(always(kFirst));
  EXPECT_EQ(in_words(rules().front()), shown);
}

TEST_F(StandingRulesOfTasks, AllowNothingFromTheMomentTheyAreRemoved) {
  write();
  ASSERT_TRUE(always(kFirst));
  EXPECT_EQ(remove(1), Errc{});
  EXPECT_FALSE(has_ended(write()));
  EXPECT_TRUE(rules().empty());
  EXPECT_EQ(remove(1), Errc::not_found);
  world.crash();
  EXPECT_TRUE(rules().empty());
}

TEST_F(StandingRulesOfTasks, DoNotLetGoWhatIsHeldOnceTheyAreRemoved) {
  write();
  ASSERT_TRUE(always(kFirst));
  const TaskId held = world.submit("writer@1");
  ASSERT_TRUE(has_ended(held));
  TaskId stepping = kNoTask;
  world.calls->submit(
      {.kind = "writer@1", .workspace = "/work", .stepping = true, .by = {.via = "test", .uid = 7}},
      Completion<TaskId>([&](const Result<TaskId>& task) { stepping = *task; }));
  world.settle();
  ASSERT_EQ(remove(1), Errc{});
  world.calls->resume(stepping, {}, Completion<void>([](const Result<void>& /*done*/) {}));
  world.settle();
  const std::size_t performed = world.driver->performed().size();
  EXPECT_EQ(performed, 4U);  // two tasks with a rule, and nothing of this one
}

TEST_F(StandingRulesOfTasks, CanBeForADirectoryAndForSomeTime) {
  write();
  ASSERT_TRUE(always(kFirst, {.directory = true, .valid = Milliseconds(1h)}));
  EXPECT_TRUE(has_ended(write("docs/b.md")));
  world.pass(1h);
  EXPECT_FALSE(has_ended(write("docs/b.md")));
  ASSERT_EQ(rules().size(), 1U);  // a person sees that it has expired
}

TEST_F(StandingRulesOfTasks, AreMadeOfPermissionsThatOfferOne) {
  world.submit("person@1");
  EXPECT_EQ(always(kFirst).error().code, Errc::invalid);
  write(".git/config");
  const Result<void> guarded = always(ApprovalId{2});
  ASSERT_FALSE(guarded);
  EXPECT_NE(guarded.error().message.find("protected path"), std::string::npos);
  EXPECT_TRUE(rules().empty());
}

TEST_F(StandingRulesOfTasks, AreBoundedInNumber) {
  for (std::uint64_t number = 1; number <= StandingRules::kRulesMax; ++number) {
    world.memory->rules.emplace_back(
        0,
        KeptRule{1'000'000 + number, canonical_bytes(StandingRule{.number = 1'000'000 + number})});
  }
  world.crash();
  use_driver();
  write();
  const Result<void> told = always(kFirst);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Errc::exhausted);
  EXPECT_NE(world.calls->approvals().find_open(kFirst), nullptr);
  EXPECT_EQ(remove(1'000'001), Errc{});
  EXPECT_TRUE(always(kFirst));
}

TEST_F(StandingRulesOfTasks, ThatCannotBeReadAllowNothing) {
  world.memory->rules.emplace_back(0, KeptRule{5, "nonsense"});
  world.memory->rules.emplace_back(
      0, KeptRule{6, canonical_bytes(StandingRule{.number = 5, .command = "file.write"})});
  world.crash();
  EXPECT_TRUE(rules().empty());
}

TEST_F(StandingRulesOfTasks, AreNotOfferedWhereTheyWouldHoldASecret) {
  world.masker.add("hunter2secret");
  world.driver->facts("file.write", {.facts = {.object = "hunter2secret.md"}});
  world.submit("secret@1");
  const Question* const question = world.calls->approvals().find_open(kFirst);
  ASSERT_NE(question, nullptr);
  EXPECT_FALSE(question->offer.rule);
  EXPECT_EQ(question->offer.why_not, "it holds a secret");
}

}  // namespace
}  // namespace tinkerbell

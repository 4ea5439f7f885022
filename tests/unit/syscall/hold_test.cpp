#include "support/syscall_world.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

/// Stopping a task before its commands: pause, step, resume, breakpoints.
namespace tinkerbell {
namespace {

Task<Result<Json>> works(TaskStart /*start*/) {
  (void)co_await AwaitFileRead{.path = "src/a.txt"};
  (void)co_await Sleep{.duration = Milliseconds{0}};
  (void)co_await AwaitProcess{.argv = {"git", "push"}};
  const Result<AwaitFileWrite::Reply> written =
      co_await AwaitFileWrite{.path = "docs/a.md", .content = "new"};
  if (!written) co_return written.error();
  co_return Json("over");
}

constexpr std::optional<Errc> kDone = std::nullopt;

class Hold : public testing::Test {
 protected:
  Hold() {
    world.add_kind("worker@1", works);
    world.before_recovery = [](ScriptedDriver& driver) { prepare_driver(driver); };
    prepare_driver(*world.driver);
  }

  static void prepare_driver(ScriptedDriver& driver) {
    driver.reply("file.read", Reply(AwaitFileRead::Reply{"text"}));
    driver.reply("process.run", Reply(AwaitProcess::Reply{}));
    driver.reply("file.write", Reply(AwaitFileWrite::Reply{.bytes = 3}));
  }

  /// Asks for the task kTask; what comes of it is seen in the records.
  void submit(bool stepping, bool approve_all = true) {
    world.calls->submit({.kind = "worker@1",
                         .workspace = "/work",
                         .approve_all = approve_all,
                         .stepping = stepping,
                         .by = {.via = "test"}},
                        Completion<TaskId>([](const Result<TaskId>& /*task*/) {}));
  }

  TaskId submit_and_settle(bool stepping, bool approve_all = true) {
    submit(stepping, approve_all);
    world.settle();
    return TaskId{1};
  }

  /// The task, told to stop at `pattern` before it takes its first step.
  void submit_with_breakpoint(const std::string& pattern) {
    submit(/*stepping=*/true);
    EXPECT_EQ(set_breakpoint(pattern), kDone);
    resume();
  }

  /// What a person's wish is answered with, if not with success.
  std::optional<Errc> told(const std::function<void(Completion<void>)>& request) {
    std::optional<Errc> answer = Errc::internal;
    request(Completion<void>([&answer](const Result<void>& done) {
      answer = done ? std::nullopt : std::optional(done.error().code);
    }));
    world.settle();
    return answer;
  }

  std::optional<Errc> step() {
    return told([&](auto done) { world.calls->step(kTask, {.via = "test"}, std::move(done)); });
  }

  std::optional<Errc> resume() {
    return told([&](auto done) { world.calls->resume(kTask, {.via = "test"}, std::move(done)); });
  }

  std::optional<Errc> pause() {
    return told([&](auto done) { world.calls->pause(kTask, {.via = "test"}, std::move(done)); });
  }

  std::optional<Errc> set_breakpoint(const std::string& pattern) {
    return told([&](auto done) {
      world.calls->set_breakpoint(kTask, pattern, {.via = "test"}, std::move(done));
    });
  }

  std::optional<Errc> clear(std::uint32_t number) {
    return told([&](auto done) {
      world.calls->clear_breakpoints(kTask, number, {.via = "test"}, std::move(done));
    });
  }

  /// What the task waits for while it is suspended; otherwise "(state)".
  std::string stop() {
    const std::optional<LiveView> view = world.calls->view(kTask);
    if (!view) return "(ended)";
    if (view->state == TaskState::suspended) return view->waiting_for;
    return "(" + std::string(name_of(view->state)) + ")";
  }

  std::size_t performed() { return world.driver->performed().size(); }

  std::size_t held_records() {
    std::size_t count = 0;
    for (const Record& record : world.memory->records) {
      if (record.kind != RecordKind::signal) continue;
      if (from_canonical<SignalPayload>(record.payload)->signal == Signal::held) ++count;
    }
    return count;
  }

  static constexpr TaskId kTask{1};
  SyscallWorld world;
};

TEST_F(Hold, WhatIsLetGoIsLookedAtAnewAndWithoutTheOldFacts) {
  world.driver->facts("file.read", {.facts = {.object = "src/a.txt"}, .pre_image = {}});
  submit_and_settle(/*stepping=*/true);
  EXPECT_EQ(resume(), kDone);
  ASSERT_GE(world.driver->prepared().size(), 2U);
  for (const Call& call : world.driver->prepared())
    EXPECT_EQ(call.facts, Facts{}) << "driver.hpp: empty during prepare";
}

TEST_F(Hold, ATaskThatIsSteppedShowsEachCommandBeforeItTakesIt) {
  submit_and_settle(/*stepping=*/true);
  EXPECT_EQ(stop(), "step or resume, told to stop before: read src/a.txt");
  EXPECT_EQ(performed(), 0U);
  EXPECT_EQ(step(), kDone);
  EXPECT_EQ(stop(), "step or resume, told to stop before: sleep 0.0 s");
  EXPECT_EQ(performed(), 1U);
  EXPECT_EQ(step(), kDone);
  EXPECT_EQ(stop(), "step or resume, told to stop before: run git push");
  EXPECT_EQ(performed(), 1U);
  EXPECT_EQ(step(), kDone);
  EXPECT_EQ(stop(), "step or resume, told to stop before: write docs/a.md (3 bytes)");
  EXPECT_EQ(resume(), kDone);
  EXPECT_EQ(stop(), "(ended)");
  EXPECT_EQ(performed(), 3U);
  EXPECT_EQ(world.end_of(kTask).state, "completed");
}

TEST_F(Hold, ThePlaceWhereATaskStoppedIsTheSameAfterACrash) {
  submit_and_settle(/*stepping=*/true);
  step();
  step();
  const std::string before = stop();
  for (int crash = 0; crash < 3; ++crash) {
    world.crash();
    EXPECT_EQ(stop(), before);
    EXPECT_EQ(performed(), 0U);
  }
  EXPECT_EQ(held_records(), 3U);  // none of the crashes wrote it again
  step();
  EXPECT_EQ(stop(), "step or resume, told to stop before: write docs/a.md (3 bytes)");
}

TEST_F(Hold, WhatWasLetGoIsNotHeldAgainAfterACrashBeforeItBegan) {
  submit_and_settle(/*stepping=*/true);
  step();
  step();
  const std::size_t records = world.memory->records.size();
  resume();
  world.crash_with(records + 1);  // the wish to go on, and nothing after it
  EXPECT_EQ(stop(), "(ended)");
  EXPECT_EQ(world.end_of(kTask).state, "completed");
}

TEST_F(Hold, WhatAnEarlierRunHeldIsLetGoAlsoWhileItIsLookedAtAgain) {
  submit_with_breakpoint("process.run");
  const std::string before = stop();
  EXPECT_EQ(before, "step or resume, at breakpoint 1 (process.run) before: run git push");
  world.before_recovery = [](ScriptedDriver& driver) {
    prepare_driver(driver);
    driver.begin_looks();
  };
  world.crash();
  EXPECT_EQ(resume(), kDone);
  world.driver->end_looks();
  world.settle();
  EXPECT_EQ(stop(), "(ended)");
}

TEST_F(Hold, WhatWasApprovedAndHeldIsLetGoAlsoWhileItIsLookedAtAgain) {
  world.rules.rules = {{.name = "all ask", .decision = Decision::ask, .commands = {"file.read"}}};
  submit_and_settle(/*stepping=*/false, /*approve_all=*/false);
  EXPECT_EQ(pause(), kDone);
  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(stop(), "step or resume, told to stop before: read src/a.txt");
  world.before_recovery = [](ScriptedDriver& driver) {
    prepare_driver(driver);
    driver.begin_looks();
  };
  world.crash();
  EXPECT_EQ(step(), kDone);
  world.driver->end_looks();
  world.settle();
  EXPECT_EQ(performed(), 1U);
  EXPECT_EQ(stop(), "step or resume, told to stop before: sleep 0.0 s");
}

TEST_F(Hold, AStepThatWasLetGoBeforeACrashIsTakenAfterItAndTheNextIsHeld) {
  submit_and_settle(/*stepping=*/true);
  step();
  step();
  const std::size_t records = world.memory->records.size();
  step();
  world.crash_with(records + 1);
  EXPECT_EQ(stop(), "step or resume, told to stop before: write docs/a.md (3 bytes)");
  EXPECT_EQ(performed(), 1U);
}

TEST_F(Hold, ATaskStopsAtEachCommandThatMatchesABreakpoint) {
  submit_with_breakpoint("program=git push");
  EXPECT_EQ(stop(), "step or resume, at breakpoint 1 (program=git push) before: run git push");
  EXPECT_EQ(performed(), 1U);
  EXPECT_EQ(resume(), kDone);
  EXPECT_EQ(stop(), "(ended)");
}

TEST_F(Hold, ABreakpointLooksAtWhatTheDriverFound) {
  world.driver->facts("file.write", {.facts = {.object = "real/a.md"}});
  submit_with_breakpoint("path=real/*");
  EXPECT_EQ(stop(),
            "step or resume, at breakpoint 1 (path=real/*) before: write docs/a.md (3 bytes)");
}

TEST_F(Hold, ABreakpointIsThereAfterACrashUntilItIsCleared) {
  submit(/*stepping=*/true);
  set_breakpoint("file.*");
  set_breakpoint("program=git");
  world.crash();
  EXPECT_EQ(world.calls->breakpoints(kTask),
            (std::map<std::uint32_t, std::string>{{1, "file.*"}, {2, "program=git"}}));
  EXPECT_EQ(clear(1), kDone);
  EXPECT_EQ(clear(1), Errc::not_found);
  world.crash();
  EXPECT_EQ(world.calls->breakpoints(kTask),
            (std::map<std::uint32_t, std::string>{{2, "program=git"}}));
  set_breakpoint("host=a");
  EXPECT_TRUE(world.calls->breakpoints(kTask).contains(3));  // a number is not used again
  EXPECT_EQ(clear(0), kDone);
  EXPECT_TRUE(world.calls->breakpoints(kTask).empty());
  resume();
  EXPECT_EQ(stop(), "(ended)");
}

TEST_F(Hold, ABreakpointThatMakesNoSenseChangesNothing) {
  submit_and_settle(/*stepping=*/true);
  const std::size_t records = world.memory->records.size();
  EXPECT_EQ(set_breakpoint("fil.write"), Errc::invalid);
  EXPECT_EQ(world.memory->records.size(), records);
}

TEST_F(Hold, ATaskHasSoManyBreakpointsAndNoMore) {
  submit_and_settle(/*stepping=*/true);
  for (std::size_t i = 0; i < SystemCalls::kBreakpointsMax; ++i)
    EXPECT_EQ(set_breakpoint("file.*"), kDone);
  EXPECT_EQ(set_breakpoint("file.*"), Errc::exhausted);
}

TEST_F(Hold, ATaskThatIsHeldCanBeCancelled) {
  submit_and_settle(/*stepping=*/true);
  EXPECT_EQ(told([&](auto done) {
              world.calls->cancel_task(kTask, "enough", {.via = "test"}, std::move(done));
            }),
            kDone);
  EXPECT_EQ(world.end_of(kTask).state, "cancelled");
  EXPECT_EQ(performed(), 0U);
}

TEST_F(Hold, ACommandThatIsApprovedWhileItsTaskIsPausedWaitsUntilItIsResumed) {
  world.rules.rules = {{.name = "all ask", .decision = Decision::ask, .commands = {"file.read"}}};
  submit_and_settle(/*stepping=*/false, /*approve_all=*/false);
  EXPECT_EQ(pause(), kDone);
  EXPECT_TRUE(world.answer(ApprovalId{1}, Answer::approve));
  EXPECT_EQ(stop(), "step or resume, told to stop before: read src/a.txt");
  EXPECT_EQ(performed(), 0U);
  world.crash();
  EXPECT_EQ(stop(), "step or resume, told to stop before: read src/a.txt");
  EXPECT_EQ(step(), kDone);
  EXPECT_EQ(performed(), 1U);
  EXPECT_EQ(stop(), "step or resume, told to stop before: sleep 0.0 s");
}

TEST_F(Hold, AnUnknownTaskAndOneThatHasEndedAreTold) {
  EXPECT_EQ(step(), Errc::not_found);
  submit_and_settle(/*stepping=*/false);
  EXPECT_EQ(stop(), "(ended)");
  EXPECT_EQ(step(), Errc::conflict);
  EXPECT_EQ(set_breakpoint("*"), Errc::conflict);
  EXPECT_EQ(clear(0), Errc::conflict);
}

}  // namespace
}  // namespace tinkerbell

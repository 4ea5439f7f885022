#include "support/source_root.hpp"
#include "support/syscall_world.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"
#include "tinkerbell/tasks/agent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

/// Agents of journals of earlier versions (tests/fixtures/journal): today's agent replays them.
namespace tinkerbell {
namespace {

namespace fs = std::filesystem;

class OldJournal : public testing::TestWithParam<std::string> {
 protected:
  OldJournal() {
    const fs::path fixture = source_root() / "tests/fixtures/journal";
    fs::copy_file(fixture / (GetParam() + ".db"), dir / "journal.db");
    fs::permissions(dir / "journal.db", fs::perms::owner_read | fs::perms::owner_write);
    std::ifstream file(fixture / (GetParam() + ".json"), std::ios::binary);
    expected = Json::parse(std::string{std::istreambuf_iterator<char>(file), {}});
    world.registry.add(std::string(kAgentKind),
                       {.freeze = [](const Json& arguments) { return freeze_agent(arguments, {}); },
                        .start = run_agent,
                        .title = agent_title});
  }

  /// All that the store has of the journal, after it was brought to today's schema.
  void read() {
    const Result<std::unique_ptr<Store>> store = open_sqlite_store(dir.path(), Durability::power);
    ASSERT_TRUE(store) << store.error().message;
    StoreMemory& memory = *world.memory;
    memory.store_id = (*store)->state().store_id;
    memory.last_approval = (*store)->state().last_approval;
    memory.epoch = (*store)->state().epoch;
    for (const TaskHead& head : *(*store)->tasks(Store::Which::all, kNoTask, 1'000)) {
      memory.tasks.emplace(head.task, head);
      const auto records = (*store)->records(head.task);
      ASSERT_TRUE(records) << records.error().message;
      memory.records.insert(memory.records.end(), records->begin(), records->end());
    }
    std::ranges::sort(memory.records, {}, &Record::lsn);
    ASSERT_EQ(memory.records.back().lsn, (*store)->state().last_lsn);
    ASSERT_EQ(memory.records.size(), number(memory.records.back().lsn)) << "some are missing";
  }

  TempDir dir;
  Json expected;
  SyscallWorld world;
};

TEST_P(OldJournal, SaysOfEachTaskWhatItsDaemonSaid) {
  read();
  ASSERT_EQ(world.memory->tasks.size(), expected.size());
  for (const Json& task : expected) {
    const TaskHead& head = world.head(TaskId{task.at("id").get<std::uint64_t>()});
    EXPECT_EQ(Json(head.kind), task.at("kind"));
    EXPECT_EQ(Json(head.title), task.at("title"));
    EXPECT_EQ(Json(number(head.parent)), task.at("parent"));
    EXPECT_EQ(Json(head.steps), task.at("steps"));
    const bool ended = task.at("state") != "waiting";
    EXPECT_EQ(head.ended, ended) << task;
    if (!ended) continue;
    EXPECT_EQ(Json(head.state), task.at("state"));
    const DonePayload done = world.end_of(head.task);
    EXPECT_EQ(Json(done.state), task.at("state"));
    const std::string result = task.at("result");
    if (done.value.contains("summary")) EXPECT_EQ(done.value.at("summary"), Json(result));
  }
}

TEST_P(OldJournal, ItsAgentsAreReplayedAndGoOn) {
  read();
  world.crash();
  std::vector<TaskId> agents;
  for (const auto& [task, head] : world.memory->tasks) {
    if (!head.ended && head.kind == kAgentKind) agents.push_back(task);
  }
  ASSERT_FALSE(agents.empty());
  for (const TaskId task : agents) {
    ASSERT_TRUE(world.calls->view(task));
    EXPECT_EQ(world.calls->view(task)->state, TaskState::waiting);
    EXPECT_TRUE(world.driver->performed().empty()) << "something was done a second time";
    const std::vector<const Question*> open = world.calls->approvals().shown();
    const auto question = std::ranges::find_if(
        open, [task](const Question* each) { return each->command.task == task; });
    ASSERT_NE(question, open.end());
    EXPECT_EQ((*question)->line, "write note.txt (5 bytes)");
    world.driver->next_reply("llm.response",
                             Reply(AwaitLLMResponse::Reply{.text = "Then I will not."}));
    ASSERT_TRUE(world.answer((*question)->id, Answer::deny));
    EXPECT_EQ(world.end_of(task).value, (Json{{"summary", "Then I will not."}}));
  }
}

INSTANTIATE_TEST_SUITE_P(Of, OldJournal, testing::Values("version-2", "version-3", "version-4"),
                         [](const auto& each) {
                           return "version_" + each.param.substr(each.param.find('-') + 1);
                         });

}  // namespace
}  // namespace tinkerbell

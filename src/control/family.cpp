#include "control/family.hpp"

#include "tinkerbell/protocol/task.hpp"
#include "tinkerbell/syscall/registry.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

namespace tinkerbell::control {

namespace {

/// A family that is being read.
struct Reading {
  Context& context;
  TaskId task = kNoTask;
  std::vector<TaskHead> heads;  ///< Of all tasks from that one on; later by id, the newest last.
  std::size_t next = 0;
  Family family;
  Completion<Family> done;

  [[nodiscard]] bool has(TaskId task_id) const {
    return task_id != kNoTask &&
           std::ranges::any_of(family.members, [task_id](const Family::Member& member) {
             return member.head.task == task_id;
           });
  }
};

/// Whether its records must be read to know whether it belongs to a family.
bool may_work_for_others(const TaskHead& head) {
  return head.kind == kAcceptKind || head.kind == kDropKind || head.kind == kUndoKind;
}

/// For whom such a task works.
TaskId client_of(const TaskPayload& task) {
  if (task.kind != kUndoKind) return task.draft;
  const Json restore = task.arguments.value("restore", Json::object());
  return TaskId{restore.value("of", std::uint64_t{0})};
}

bool belongs(const Reading& reading, const TaskHead& head, const TaskPayload& task) {
  if (head.task == reading.task || reading.has(head.parent)) return true;
  return may_work_for_others(head) && reading.has(client_of(task));
}

/// What the steps of models said is much, and changes nothing.
void forget_what_changes_no_files(std::vector<Record>& records) {
  for (Record& record : records) {
    const bool needed = record.kind == RecordKind::task || record.effect == EffectClass::local ||
                        record.effect == EffectClass::probeable;
    if (!needed) record.payload = {};
  }
}

void take(Reading& reading, const TaskHead& head, std::vector<Record> records) {
  if (records.empty() || records.front().kind != RecordKind::task) return;
  Result<TaskPayload> task = from_canonical<TaskPayload>(records.front().payload);
  if (!task || !belongs(reading, head, *task)) return;
  forget_what_changes_no_files(records);
  reading.family.members.push_back({head, *std::move(task), std::move(records)});
}

void read_next(std::shared_ptr<Reading> reading) {
  for (; reading->next < reading->heads.size(); ++reading->next) {
    const TaskHead& head = reading->heads[reading->next];
    if (head.task == reading->task || reading->has(head.parent) || may_work_for_others(head)) break;
  }
  if (reading->next == reading->heads.size()) {
    return reading->done(std::move(reading->family));
  }
  const TaskHead& head = reading->heads[reading->next++];
  reading->context.parts.journal.read_records(
      head.task,
      Completion<std::vector<Record>>([reading, head](Result<std::vector<Record>> records) mutable {
        const bool removed = !records && records.error().code == Errc::not_found;
        if (!records && !removed) {
          return reading->done(records.error().with("task " + std::to_string(number(head.task))));
        }
        if (records) take(*reading, head, *std::move(records));
        read_next(std::move(reading));
      }));
}

/// The heads of all tasks that are not older, page by page.
void read_heads(std::shared_ptr<Reading> reading, TaskId before) {
  Journal& journal = reading->context.parts.journal;
  journal.read_tasks(
      Store::Which::all, before, protocol::TaskList::kLimitMax,
      Completion<std::vector<TaskHead>>([reading](Result<std::vector<TaskHead>> page) mutable {
        if (!page) return reading->done(page.error());
        const bool last = page->size() < protocol::TaskList::kLimitMax;
        std::ranges::move(*page, std::back_inserter(reading->heads));
        std::vector<TaskHead>& heads = reading->heads;
        if (!last && heads.back().task > reading->task) {
          const TaskId oldest = heads.back().task;
          return read_heads(std::move(reading), oldest);
        }
        while (!heads.empty() && heads.back().task < reading->task)
          heads.pop_back();
        if (heads.empty() || heads.back().task != reading->task) {
          return reading->done(
              Error{Errc::not_found, "no task " + std::to_string(number(reading->task))});
        }
        std::ranges::reverse(heads);
        read_next(std::move(reading));
      }));
}

}  // namespace

void read_family(Context& context, TaskId task, Completion<Family> done) {
  read_heads(
      std::make_shared<Reading>(Reading{
          .context = context, .task = task, .heads = {}, .family = {}, .done = std::move(done)}),
      kNoTask);
}

TaskChanges changes_of(const Family& family) {
  TaskChanges all;
  for (const Family::Member& member : family.members) {
    TaskChanges changes = changes_of_task(member.records);
    std::ranges::move(changes.workspace, std::back_inserter(all.workspace));
    std::ranges::move(changes.unknown, std::back_inserter(all.unknown));
    if (member.task.draft == family.self().task.draft) {
      std::ranges::move(changes.draft, std::back_inserter(all.draft));
    }
  }
  return all;
}

Result<void> keep_contents(const std::vector<Record>& records, const std::set<Sha256>& wanted,
                           ContentStore& contents) {
  return for_each_content(records,
                          [&](const Sha256& hash, std::string_view content) -> Result<void> {
                            if (!wanted.contains(hash) || contents.has(hash)) return {};
                            const Result<Sha256> put = contents.put(content);
                            return put ? Result<void>() : put.error();
                          });
}

}  // namespace tinkerbell::control

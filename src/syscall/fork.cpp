#include "tinkerbell/syscall/fork.hpp"

#include "syscall/stations.hpp"

#include <algorithm>
#include <ranges>

// A task that begins with the first steps of another one. What it has of them are copies of
// records, so that nothing that becomes of the other one concerns it.

namespace tinkerbell {

namespace {

std::string in_words(TaskId task) {
  return "task " + std::to_string(number(task));
}

/// The RESULT of that step; of step 0 the TASK itself.
Result<const Record*> end_of(const std::vector<Record>& records, Seq step) {
  if (step == Seq{0}) return &records.front();
  const Record* newest = nullptr;
  for (const Record& record : records) {
    if (record.seq == step && record.kind == RecordKind::result) return &record;
    if (newest == nullptr || record.seq > newest->seq) newest = &record;
  }
  const std::string name = in_words(records.front().task);
  if (step <= newest->seq) {
    return Error{Errc::conflict,
                 "step " + std::to_string(number(step)) + " of " + name + " is still under way"};
  }
  return Error{Errc::not_found, name + " has no step " + std::to_string(number(step)) +
                                    ": its newest is " + std::to_string(number(newest->seq))};
}

/// Signals by which it differs from what its steps say. Errors: invalid.
Result<bool> is_past_of_fork(const Record& signal) {
  SignalPayload payload;
  if (Result<void> read = read_payload(signal, payload); !read) return read.error();
  if (payload.signal == Signal::cancel) {
    return Error{Errc::conflict,
                 in_words(signal.task) + " had been told to end by then: take an earlier step"};
  }
  return payload.signal == Signal::message || payload.signal == Signal::say;
}

/// An approval for the whole task was one for that task.
Result<Record> for_once(Record answer) {
  ApprovalPayload payload;
  if (Result<void> read = read_payload(answer, payload); !read) return read.error();
  if (payload.scope == Scope::once) return answer;
  payload.scope = Scope::once;
  answer.payload = canonical_bytes(payload);
  return answer;
}

/// All that the task may use by now.
Result<Budget> budget_in(const std::vector<Record>& records, Budget budget) {
  for (const Record& record : records) {
    if (record.kind != RecordKind::signal) continue;
    SignalPayload payload;
    if (Result<void> read = read_payload(record, payload); !read) return read.error();
    if (payload.signal == Signal::budget && payload.budget) budget = *payload.budget;
  }
  return budget;
}

bool is_draft_open(const Record& record) {
  if (record.kind != RecordKind::intent) return false;
  const Result<IntentPayload> intent = from_canonical<IntentPayload>(record.payload);
  return intent && intent->command == AwaitDraftOpen::kName;
}

/// What stands before the title of a fork, in lists too.
std::string fork_in_words(const TaskPayload& task) {
  return "fork of " + std::to_string(number(task.forked_from)) + " at " +
         std::to_string(task.forked_step) + ": ";
}

TaskPayload payload_of(const TaskHead& head, TaskPayload task, Seq step) {
  if (task.title.starts_with(fork_in_words(task))) task.title.erase(0, fork_in_words(task).size());
  task.forked_from = head.task;
  task.forked_step = number(step);
  task.parent = kNoTask;
  task.root = kNoTask;
  task.depth = 0;
  task.shares.clear();
  task.ends_with_parent = false;
  task.approve_all = false;
  task.title.insert(0, fork_in_words(task));
  if (task.began_unix_ns == 0) task.began_unix_ns = unix_nanoseconds(head.created);
  return task;
}

Result<void> add_to_past(const Record& record, std::vector<Record>& past) {
  const auto copy = [&](Record each) {
    each.branch = kCopiedBranch;
    past.push_back(std::move(each));
  };
  switch (record.kind) {
    case RecordKind::task:
    case RecordKind::done:
      return {};
    case RecordKind::signal: {
      const Result<bool> belongs = is_past_of_fork(record);
      if (!belongs) return belongs.error();
      if (*belongs) copy(record);
      return {};
    }
    case RecordKind::approval: {
      Result<Record> answer = for_once(record);
      if (!answer) return answer.error();
      copy(*std::move(answer));
      return {};
    }
    case RecordKind::snapshot:  // the newest says it all
      std::erase_if(past, [](const Record& each) { return each.kind == RecordKind::snapshot; });
      copy(record);
      return {};
    case RecordKind::intent:
    case RecordKind::start:
    case RecordKind::result:
    case RecordKind::file:
    case RecordKind::unsure:
    case RecordKind::resolved:
    case RecordKind::deferred:
      copy(record);
      return {};
  }
  return {};
}

/// The state is the other task's, all else the fork's.
void become(const ForkPlan& plan, Record& snapshot) {
  Result<SnapshotPayload> payload = from_canonical<SnapshotPayload>(snapshot.payload);
  if (!payload) return;  // replay says so
  payload->task = plan.task;
  payload->created_unix_ns = unix_nanoseconds(plan.created);
  payload->before_each = false;
  payload->breakpoints.clear();
  payload->last_breakpoint = 0;
  payload->grants.clear();
  payload->totals = {.children = std::move(payload->totals.children), .cost = {}};
  snapshot.payload = canonical_bytes(*payload);
}

}  // namespace

Result<ForkPlan> plan_fork(const TaskHead& head, const std::vector<Record>& records, Seq step) {
  const Result<const Record*> end = end_of(records, step);
  if (!end) return end.error();
  ForkPlan plan{.task = {}, .end = (*end)->lsn, .past = {}, .to_replay = {}};
  TaskPayload task;
  if (Result<void> read = read_payload(records.front(), task); !read) return read.error();
  const Result<Budget> budget = budget_in(records, task.budget);
  if (!budget) return budget.error();
  plan.task = payload_of(head, std::move(task), step);
  plan.task.budget = *budget;
  for (const Record& record : records) {
    if (record.lsn > plan.end) break;
    if (Result<void> added = add_to_past(record, plan.past); !added) return added.error();
  }
  plan.task.draft_is_made = !std::ranges::any_of(plan.past, is_draft_open);
  return plan;
}

void become(TaskId task, WallTime now, ForkPlan& plan) {
  plan.created = now;
  plan.task.draft = task;
  auto from = plan.past.begin();
  for (auto each = plan.past.begin(); each != plan.past.end(); ++each) {
    each->task = task;
    if (each->kind != RecordKind::snapshot) continue;
    become(plan, *each);
    from = each;
  }
  plan.to_replay.assign(from, plan.past.end());
}

void SystemCalls::fork(ForkOrder order, Completion<TaskId> done) {
  const TaskKind* const kind = parts_.registry.find(order.kind);
  if (kind == nullptr) {
    done(Error{Errc::invalid, "there is no task kind \"" + order.kind + "\""});
    return;
  }
  if (!kind->may_fork) {
    done(Error{Errc::invalid, "a task of kind \"" + order.kind + "\" cannot be forked"});
    return;
  }
  if (live_tasks() >= parts_.tasks_max) {
    done(too_many_tasks());
    return;
  }
  last_task_ = TaskId{number(last_task_) + 1};
  auto plan = std::move(order.plan);
  plan(last_task_, Completion<ForkPlan>([this, open = std::weak_ptr<bool>(open_), task = last_task_,
                                         order = std::move(order),
                                         done = std::move(done)](Result<ForkPlan> made) mutable {
         if (open.expired()) return done(Error{Errc::unavailable, "the daemon stops"});
         if (!made) return done(made.error());
         begin_fork(task, *std::move(made), std::move(order), std::move(done));
       }));
}

/// All of it is one transaction: there is either no fork or a whole one.
void SystemCalls::begin_fork(TaskId task, ForkPlan plan, ForkOrder order, Completion<TaskId> done) {
  LiveTask fork;
  fork.head = {.task = task,
               .kind = plan.task.kind,
               .title = plan.task.title,
               .state = std::string(name_of(TaskState::ready)),
               .created = plan.created,
               .changed = plan.created,
               .steps = static_cast<std::uint32_t>(plan.task.forked_step)};
  std::vector<Record> records = std::move(plan.past);
  records.insert(records.begin(), make_record(fork, RecordKind::task, canonical_bytes(plan.task)));
  records.front().wall = plan.created;
  std::vector<Record> to_replay = std::move(plan.to_replay);
  to_replay.insert(to_replay.begin(), records.front());
  if (!order.say.empty()) {
    const SignalPayload words{.signal = Signal::say,
                              .reason = parts_.masker.masked(std::move(order.say)),
                              .by = order.by,
                              .seq = Seq{fork.head.steps}};
    records.push_back(make_record(fork, RecordKind::signal, canonical_bytes(words)));
    to_replay.push_back(records.back());
  }
  const Lsn lsn = parts_.journal.append(std::move(records), {fork.head}, last_approval_);
  gate_->when_durable(
      lsn, [this, open = std::weak_ptr<bool>(open_), head = fork.head, past = std::move(to_replay),
            by = std::move(order.by), done = std::move(done)]() mutable {
        if (!open.expired()) fork_is_there(head, std::move(past), std::move(by), std::move(done));
      });
}

/// Now it is what a task is that an earlier run of the daemon has left.
void SystemCalls::fork_is_there(const TaskHead& head, std::vector<Record> past, Person by,
                                Completion<TaskId> done) {
  (void)bring_back(head, std::move(past));
  run_until_replayed(head.task);
  const LiveTask* const live = find(head.task);
  if (live == nullptr || state_of(*live) != TaskState::diverged) return done(head.task);
  const Error why{Errc::conflict, in_words(head.task) + " asks for something else than " +
                                      in_words(live->payload.forked_from) +
                                      " did, and was cancelled"};
  cancel_task(
      head.task, why.message, std::move(by),
      Completion<void>([why, done = std::move(done)](const Result<void>& cancelled) mutable {
        done(cancelled ? why : cancelled.error());
      }));
}

}  // namespace tinkerbell

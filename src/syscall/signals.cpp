#include "syscall/stations.hpp"

#include <algorithm>

// What people ask for, and the beginning and end of a task.

namespace tinkerbell {

/// A kind may come from another program than ours: what it throws ends nobody.
Result<Admission> admit(const TaskKind& kind, const Json& arguments) {
  try {
    Result<Json> definition = kind.freeze(arguments);
    if (!definition) return definition.error();
    if (is_too_deep(arguments) || is_too_deep(*definition)) {
      return Error{Errc::invalid, "arguments: nested deeper than 1000 levels"};
    }
    return Admission{.definition = *std::move(definition), .title = kind.title(arguments)};
  } catch (const std::exception& error) {
    return Error{Errc::invalid, std::string("arguments: ") + error.what()};
  }
}

namespace {

std::string in_words(TaskId task) {
  return "task " + std::to_string(number(task));
}

Task<Result<Json>> ends_with(Error error) {
  co_return error;
}

}  // namespace

Task<Result<Json>> begun(const TaskKind& kind, TaskStart start) {
  try {
    return kind.start(std::move(start));
  } catch (const std::exception& thrown) {
    return ends_with({Errc::internal, std::string("it could not begin: ") + thrown.what()});
  }
}

TaskStart start_of(LiveTask& live) {
  const std::int64_t first = live.payload.began_unix_ns;  // of a fork: of whom it is one
  BegunWith begun{.arguments = std::exchange(live.payload.arguments, {}),
                  .definition = std::exchange(live.payload.definition, {})};
  live.begun_with = canonical_bytes(begun);
  return {.task = live.head.task,
          .created = first == 0 ? live.head.created : wall_from_unix_nanoseconds(first),
          .workspace = live.payload.workspace,
          .draft = live.payload.draft,
          .arguments = std::move(begun.arguments),
          .definition = std::move(begun.definition),
          .state = std::exchange(live.state, std::nullopt),
          .draft_is_made = live.payload.draft_is_made};
}

namespace {

/// The longest value that a task may return, in canonical bytes.
constexpr std::size_t kValueBytesMax = std::size_t{8} << 20;

Result<void> check_value(const Json& value) {
  if (is_too_deep(value)) {
    return Error{Errc::invalid, "what it returned is nested deeper than 1000 levels"};
  }
  if (canonical_bytes(value).size() <= kValueBytesMax) return {};
  return Error{Errc::too_large, "what it returned is longer than 8 MiB"};
}

}  // namespace

DonePayload done_payload(const Exit& exit) {
  const auto* const value = exit.value_as<Json>();
  DonePayload payload{
      .state = std::string(name_of(exit.state)),
      .value = value != nullptr ? *value : Json(),
      .turns = exit.turns,
      .cpu_us = static_cast<std::uint64_t>(exit.cpu / std::chrono::microseconds{1})};
  if (exit.error) {
    payload.error_code = std::string(to_string(exit.error->code));
    payload.error = exit.error->message;
  }
  if (const Result<void> fits = check_value(payload.value); !fits) {
    payload.state = name_of(TaskState::failed);
    payload.value = Json();
    payload.error_code = to_string(fits.error().code);
    payload.error = fits.error().message;
  }
  return payload;
}

namespace {

/// In whose draft the new task `task` is to work.
TaskId draft_of(const Submission& submission, const TaskKind& kind, TaskId task) {
  if (submission.draft != kNoTask) return submission.draft;
  const bool own =
      submission.files == Files::usual ? kind.in_draft : submission.files == Files::draft;
  return own ? task : kNoTask;
}

}  // namespace

void SystemCalls::submit(Submission submission, Completion<TaskId> done) {
  const TaskKind* const kind = parts_.registry.find(submission.kind);
  if (kind == nullptr) {
    done(Error{Errc::invalid, "there is no task kind \"" + submission.kind + "\""});
    return;
  }
  if (live_tasks() >= parts_.tasks_max) {
    done(too_many_tasks());
    return;
  }
  Result<Admission> admitted = admit(*kind, submission.arguments);
  if (!admitted) {
    done(admitted.error());
    return;
  }
  CassetteRef cassette;
  if (submission.cassette) {
    mask_strings(*submission.cassette, parts_.masker);
    cassette = CassetteRef(*std::move(submission.cassette));
  }
  last_task_ = TaskId{number(last_task_) + 1};
  const TaskId draft = draft_of(submission, *kind, last_task_);
  LiveTask& live = begin_task(last_task_, {.kind = std::move(submission.kind),
                                           .workspace = std::move(submission.workspace),
                                           .arguments = std::move(submission.arguments),
                                           .definition = std::move(admitted->definition),
                                           .origin = submission.by,
                                           .approve_all = submission.approve_all,
                                           .title = std::move(admitted->title),
                                           .budget = submission.budget,
                                           .cassette = std::move(cassette),
                                           .draft = draft});
  std::vector<Record> records;
  records.push_back(make_record(live, RecordKind::task, canonical_bytes(live.payload)));
  if (submission.stepping) {
    const SignalPayload stop{.signal = Signal::pause, .by = std::move(submission.by)};
    (void)follow_signal(stop, live.stops);
    records.push_back(make_record(live, RecordKind::signal, canonical_bytes(stop)));
  }
  live.last_result = append(live, std::move(records));  // nothing goes out before the task itself
  gate_->when_durable(live.last_result,
                      [id = live.head.task, done = std::move(done)]() mutable { done(id); });
  run_task(live, *kind);
}

Error SystemCalls::too_many_tasks() const {
  return {Errc::exhausted,
          "there are " + std::to_string(live_tasks()) + " tasks, as many as the config allows"};
}

LiveTask& SystemCalls::begin_task(TaskId id, TaskPayload payload) {
  // Before the task sees them, so that it sees the same in replay.
  mask_strings(payload.arguments, parts_.masker);
  mask_strings(payload.definition, parts_.masker);
  mask_strings(payload.title, parts_.masker);
  auto task = std::make_unique<LiveTask>();
  task->head = {.task = id,
                .parent = payload.parent,
                .kind = payload.kind,
                .title = payload.title,
                .state = std::string(name_of(TaskState::ready)),
                .created = parts_.clock.wall()};
  task->taint = payload.taint;
  task->payload = std::move(payload);
  LiveTask& placed = *task;
  live_.emplace(id, std::move(task));
  return placed;
}

void SystemCalls::run_task(LiveTask& live, const TaskKind& kind) {
  scheduler_.spawn_as(live.head.task, {.name = live.payload.kind, .parent = live.payload.parent},
                      begun(kind, start_of(live)),
                      [this](TaskId task, const Exit& exit) { task_ended(task, exit); });
}

void SystemCalls::task_ended(TaskId task, const Exit& exit) {
  LiveTask* const live = find(task);
  TINKERBELL_ASSERT(live != nullptr);
  if (!live->past.empty()) {
    ended_early(*live, exit);
    return;
  }
  end(*live, done_payload(exit));
}

/// Whether its end is all that there is to accept: what it did is in the workspace already.
bool SystemCalls::is_accepted_at_its_end(const LiveTask& live, const DonePayload& payload) const {
  const TaskKind* const kind = parts_.registry.find(live.payload.kind);
  return payload.state == name_of(TaskState::completed) && live.payload.draft == kNoTask &&
         live.payload.parent == kNoTask && kind != nullptr && kind->accepted_at_end;
}

/// Writes DONE, tells those who wait for it, and forgets the task.
void SystemCalls::end(LiveTask& live, DonePayload payload) {
  mask_strings(payload, parts_.masker);
  payload.secrets = live.taint.secrets;
  const auto ended = live_.extract(live.head.task);
  live.head.state = payload.state;
  live.head.ended = true;
  // The end and the news of it are one transaction: of a task that has ended nobody knows any more
  // who waited for it first.
  const Result<Reply> news =
      Reply(Join::Reply{payload.state, payload.value, payload.error, payload.secrets});
  const auto news_for = [&](const LiveTask& joiner) {
    Record record = make_record(joiner, RecordKind::result, canonical_outcome(news));
    record.seq = newest_command(joiner);
    record.effect = Join::kEffect;
    return record;
  };
  const std::vector<LiveTask*> joiners = joiners_of(live);
  const std::vector<LiveTask*> orphans = orphans_of(live);
  std::vector<Record> records;
  std::vector<LiveTask*> touched{&live};
  records.push_back(make_record(live, RecordKind::done, canonical_bytes(payload)));
  for (LiveTask* const joiner : joiners) {
    records.push_back(news_for(*joiner));
    touched.push_back(joiner);
  }
  std::vector<SignalPayload> ends;
  for (LiveTask* const orphan : orphans) {
    ends.push_back(
        cancel_signal(*orphan, "its parent has ended",
                      {.via = in_words(live.head.task), .uid = live.payload.origin.uid}));
    records.push_back(make_record(*orphan, RecordKind::signal, canonical_bytes(ends.back())));
    if (std::ranges::count(touched, orphan) == 0) touched.push_back(orphan);
  }
  std::vector<Charge> charges = settle_cut_off(live);
  if (is_accepted_at_its_end(live, payload)) charges.push_back(charge_for_acceptance(live));
  const Lsn last = append(std::move(records), touched, std::move(charges));
  std::vector<TaskId> told;
  for (std::size_t i = 0; i < orphans.size(); ++i) {
    orphans[i]->cancel = cancel_request(ends[i], last);
    told.push_back(orphans[i]->head.task);
  }
  serve_queued(live);
  for (LiveTask* const joiner : joiners) {
    joiner->last_result = last;
    if (joiner->past.empty()) {
      deliver(*joiner, news);
    } else {  // it comes to it in replay
      Record record = news_for(*joiner);
      record.lsn = last;
      joiner->past.add(std::move(record));
    }
  }
  wake_waiters(live);
  for (const TaskId orphan : told) {
    if (LiveTask* const child = find(orphan); child != nullptr && !child->cancel->passed_on) {
      ask_to_end(*child);
    }
  }
}

/// Those of its children that live and end with it. A task that does not run here has not said
/// which are its own.
std::vector<LiveTask*> SystemCalls::orphans_of(const LiveTask& ended) const {
  std::vector<LiveTask*> orphans;
  const auto look_at = [&](LiveTask* child) {
    if (child == nullptr || child->payload.parent != ended.head.task) return;
    if (child->payload.ends_with_parent && !child->cancel) orphans.push_back(child);
  };
  if (ended.set_aside) {
    for (const auto& [task, live] : live_)
      look_at(live.get());
    std::ranges::sort(orphans, {}, [](const LiveTask* live) { return live->head.task; });
  } else {
    for (const TaskId child : ended.children)
      look_at(find(child));
  }
  return orphans;
}

/// Those that end with a task, and with these, the oldest first.
std::vector<TaskId> SystemCalls::led_by(TaskId task) const {
  std::vector<const LiveTask*> led;
  for (const auto& [id, live] : live_) {
    if (live->payload.ends_with_parent) led.push_back(live.get());
  }
  std::ranges::sort(led, {}, [](const LiveTask* live) { return live->head.task; });
  std::vector<TaskId> family{task};  // a child is younger than its parent
  for (const LiveTask* const live : led) {
    if (std::ranges::count(family, live->payload.parent) > 0) family.push_back(live->head.task);
  }
  family.erase(family.begin());
  return family;
}

/// The signal is in the newest transaction of the journal; the first one counts.
void SystemCalls::request_end(LiveTask& live, const SignalPayload& signal) {
  if (live.cancel) return;
  live.cancel = cancel_request(signal, parts_.journal.last_lsn());
  ask_to_end(live);
}

/// While a task is replayed, its past must reach it first; replay passes the wish on at its place.
void SystemCalls::ask_to_end(LiveTask& live) {
  if (live.set_aside) {
    end(live, {.state = std::string(name_of(TaskState::cancelled)),
               .value = {},
               .error_code = std::string(to_string(Errc::cancelled)),
               .error = live.cancel->reason});
  } else if (live.past.empty()) {
    pass_on_cancel(live);
  }
}

/// What has diverged is not let go on, not even to clean up: it is not what was journalled.
void SystemCalls::pass_on_cancel(LiveTask& live) {
  live.cancel->passed_on = true;
  const TaskId task = live.head.task;
  const bool diverged = live.flight && live.flight->station == Station::diverged;
  (void)scheduler_.kill(task, live.cancel->reason);
  if (diverged) scheduler_.end_by_force(task);
}

// ---- signals ----

Result<void> SystemCalls::check_live(TaskId task) const {
  if (find(task) != nullptr || is_resting(task)) return {};
  const std::string name = "task " + std::to_string(number(task));
  const bool existed = task != kNoTask && number(task) <= number(last_task_);
  if (existed) return Error{Errc::conflict, name + " has ended"};
  return Error{Errc::not_found, "no " + name};
}

Lsn SystemCalls::note(LiveTask& live, const SignalPayload& payload) {
  std::vector<Record> records;
  records.push_back(make_record(live, RecordKind::signal, canonical_bytes(payload)));
  live.newest_signal = append(live, std::move(records));
  return live.newest_signal;
}

void SystemCalls::signal(TaskId task, const SignalPayload& payload, Completion<void> done) {
  if (const Result<void> live = check_live(task); !live) {
    done(live.error());
    return;
  }
  const Lsn lsn = note(*find(task), payload);
  gate_->when_durable(lsn, [done = std::move(done)]() mutable { done(Result<void>{}); });
}

SignalPayload cancel_signal(const LiveTask& live, std::string reason, Person by) {
  return {.signal = Signal::cancel,
          .reason = std::move(reason),
          .by = std::move(by),
          .seq = newest_command(live),
          .unrecorded = live.past.empty() ? live.unrecorded : 0};
}

void SystemCalls::cancel_task(TaskId task, std::string reason, Person by, Completion<void> done) {
  when_awake(task, std::move(done),
             [this, task, reason = parts_.masker.masked(std::move(reason)),
              by = std::move(by)](Completion<void> asked) mutable {
               LiveTask* const live = find(task);
               if (live == nullptr) return signal(task, {}, std::move(asked));
               for (const TaskId led : led_by(task)) {
                 LiveTask* const child = find(led);
                 if (child == nullptr) continue;  // ended with one that was told before
                 const SignalPayload end = cancel_signal(*child, reason, by);
                 note(*child, end);
                 request_end(*child, end);
               }
               const SignalPayload payload = cancel_signal(*live, std::move(reason), std::move(by));
               signal(task, payload, std::move(asked));
               request_end(*live, payload);
             });
}

void SystemCalls::say(TaskId task, std::string words, Person by, Completion<Said> done) {
  when_awake(
      task, std::move(done),
      [this, task, words = std::move(words), by = std::move(by)](Completion<Said> asked) mutable {
        say_awake(task, std::move(words), std::move(by), std::move(asked));
      });
}

namespace {

/// Whether the task waits for words of a person.
bool asks_for_words(const LiveTask& live) {
  return live.flight && live.flight->station == Station::asking &&
         std::holds_alternative<AwaitUserAnswer>(live.flight->command());
}

}  // namespace

void SystemCalls::say_awake(TaskId task, std::string words, Person by, Completion<Said> done) {
  if (const Result<void> lives = check_live(task); !lives) return done(lives.error());
  LiveTask& live = *find(task);
  const TaskState state = state_of(live);
  if (state == TaskState::diverged || state == TaskState::quarantined) {
    return done(Error{Errc::unavailable, in_words(task) + " is " + std::string(name_of(state)) +
                                             ", and hears nothing"});
  }
  const Seq step = newest_command(live);
  if (asks_for_words(live)) {
    const ApprovalId question = live.flight->approval;
    return answer_awake(
        {.approval = question,
         .answer = Answer::text,
         .text = std::move(words),
         .by = std::move(by)},
        {},
        Completion<ApprovalPayload>(
            [step, question, done = std::move(done)](const Result<ApprovalPayload>& told) mutable {
              told ? done(Said{.step = step, .answered = question}) : done(told.error());
            }));
  }
  if (live.words.size() >= kWordsMax) {
    return done(Error{Errc::exhausted, in_words(task) + " has not heard " +
                                           std::to_string(kWordsMax) + " words yet"});
  }
  SignalPayload payload =
      cancel_signal(live, parts_.masker.masked(std::move(words)), std::move(by));
  payload.signal = Signal::say;
  const Lsn lsn = note(live, payload);
  live.words.push_back({{payload.reason, payload.seq, payload.unrecorded}, lsn});
  const bool wakes = wait_of(live) != nullptr;
  if (wakes) conclude(live, Reply(Wait::Reply{.event = "words"}));
  gate_->when_durable(lsn, [step, wakes, done = std::move(done)]() mutable {
    done(Said{.step = step, .wakes = wakes});
  });
}

}  // namespace tinkerbell

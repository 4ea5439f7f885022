#include "tinkerbell/syscall/offline_replay.hpp"

#include "syscall/stations.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

/// A task that has not come to another command after so many turns goes round in a circle.
constexpr std::size_t kTurnsMax = 1'000'000;

/// "task.send", "edit src/a.cpp".
std::string words_of(const Result<PastCommand>& past) {
  return past ? past->intent.line : "a record that cannot be read: " + past.error().message;
}

std::string words_of_end(const std::string& state, const std::string& error) {
  return "its end: " + state + (error.empty() ? "" : ", " + error);
}

/// What of the arguments is not as it was, where both commands are called the same.
std::string differing_arguments(const IntentPayload& recorded, const TaskCommand& found) {
  const Result<TaskCommand> then =
      command_from_canonical(recorded.command, recorded.arguments.bytes);
  if (!then || recorded.arguments.bytes.empty() || name_of(*then) != name_of(found)) return {};
  const Json before = arguments_json(*then);
  const Json now = arguments_json(found);
  const bool is_model_call = std::holds_alternative<AwaitLLMResponse>(found);
  std::string names;
  for (const auto& argument : now.items()) {
    // Of a model call the journal keeps neither conversation nor tools.
    const bool kept = !is_model_call || argument.key() == "model" || argument.key() == "tokens_max";
    if (kept && before.contains(argument.key()) && before[argument.key()] != argument.value()) {
      names += (names.empty() ? "" : ", ") + argument.key();
    }
  }
  if (!names.empty()) return " (with another " + names + ")";
  return is_model_call ? " (with another conversation, other tools or another schema)" : "";
}

/// The past that is to be gone through: one that begins at the beginning has no snapshots.
std::vector<Record> records_from(ReplayFrom from, std::vector<Record> records) {
  if (from == ReplayFrom::beginning) {
    std::erase_if(records, [](const Record& each) { return each.kind == RecordKind::snapshot; });
  }
  return records;
}

/// Past goes by the order of commands.
Result<void> check_order(const std::vector<Record>& records) {
  Seq newest{0};
  for (const Record& record : records) {
    if (record.seq == Seq{0}) continue;  // the task itself
    if (record.seq < newest) {
      return Error{Errc::invalid,
                   "record " + std::to_string(number(record.lsn)) + " is out of order"};
    }
    newest = record.seq;
  }
  return {};
}

/// How the task ended, if it did. Errors: invalid.
Result<std::optional<DonePayload>> done_in(const std::vector<Record>& records) {
  if (records.empty() || records.back().kind != RecordKind::done) {
    return std::optional<DonePayload>();
  }
  DonePayload done;
  if (Result<void> read = read_payload(records.back(), done); !read) return read.error();
  return std::optional(std::move(done));
}

bool is_same_end(const DonePayload& then, const DonePayload& now) {
  return then.state == now.state && then.value == now.value && then.error_code == now.error_code &&
         then.error == now.error;
}

}  // namespace

OfflineReplay::OfflineReplay(std::optional<Lsn> masked_from)
    : masked_from_(masked_from), scheduler_(*this) {}

OfflineReplay::~OfflineReplay() = default;

Result<std::unique_ptr<OfflineReplay>> OfflineReplay::begin(const Registry& registry,
                                                            RecordedTask recorded,
                                                            ReplayFrom from) {
  if (recorded.records.empty() || recorded.records.front().kind != RecordKind::task) {
    return Error{Errc::invalid, "the records do not begin with that of the task"};
  }
  if (Result<void> ordered = check_order(recorded.records); !ordered) return ordered.error();
  Result<std::optional<DonePayload>> done = done_in(recorded.records);
  if (!done) return done.error();
  Result<LiveTask> live = live_task_from({.task = recorded.task, .created = recorded.created},
                                         records_from(from, std::move(recorded.records)));
  if (!live) return live.error();
  const TaskKind* const kind = registry.find(live->payload.kind);
  if (kind == nullptr) {
    return Error{Errc::not_found, "this program has no task kind \"" + live->payload.kind + "\""};
  }
  std::unique_ptr<OfflineReplay> replay(new OfflineReplay(recorded.masked_from));
  replay->live_ = std::make_unique<LiveTask>(*std::move(live));
  replay->done_ = *std::move(done);
  replay->scheduler_.spawn_as(recorded.task, {.name = replay->live_->payload.kind},
                              begun(*kind, start_of(*replay->live_)),
                              [at = replay.get()](TaskId, const Exit& exit) { at->ended(exit); });
  replay->pass_on_between_commands();
  return replay;
}

const TaskPayload& OfflineReplay::task() const {
  return live_->payload;
}

// ---- going on ----

bool OfflineReplay::next() {
  if (end_) return false;
  if (trap_ != nullptr) give_answer();
  if (!end_) run_turns();
  if (end_) return false;
  ++steps_;
  return true;
}

/// Until the task stands at its next command, or there is none.
void OfflineReplay::run_turns() {
  const auto goes_on = [this] { return trap_ == nullptr && !end_; };
  for (std::size_t turns = 0; goes_on() && turns < kTurnsMax; ++turns) {
    if (!scheduler_.has_ready()) {
      const SteadyTime due = scheduler_.next_deadline();
      if (due == kNever) break;
      now_ = std::max(now_, due);  // nobody has to wait for it
    }
    scheduler_.run(1, now_);
  }
  if (!goes_on()) return;
  if (live_->past.empty() && !done_) {
    end_ = ReplayEnd{.kind = ReplayEnd::Kind::open, .recorded = {}, .found = {}};
    return;
  }
  const std::string recorded = live_->past.empty() ? words_of_end(done_->state, done_->error)
                                                   : words_of(live_->past.read_oldest());
  const Seq at = live_->past.empty() ? Seq{0} : live_->past.oldest();
  diverge(at, recorded, "nothing: it comes to no further command");
}

void OfflineReplay::dispatch(TaskId task, Trap& trap) {
  auto& call = static_cast<CommandTrap&>(trap);
  if (task != live_->head.task) {
    call.outcome = Error{Errc::unsupported, std::string(name_of(call.command)) +
                                                ": only durable tasks may yield commands"};
    scheduler_.wake(task, trap);
    return;
  }
  if (!is_recorded(call.command)) {
    call.outcome = answer_unrecorded(*live_, call.command);
    scheduler_.wake(task, trap);
    pass_on_between_commands();
    return;
  }
  live_->last_seq = tinkerbell::next(live_->last_seq);
  live_->unrecorded = 0;
  trap_ = &call;
  same_ = false;
  compare(call.command);
}

void OfflineReplay::compare(const TaskCommand& command) {
  Past& past = live_->past;
  const Seq seq = live_->last_seq;
  if (past.empty()) return beyond_records(command);
  if (past.oldest() != seq) return diverge(seq, "nothing", command_line(command));
  const Result<PastCommand> recorded = past.read_oldest();
  if (!recorded) return diverge(seq, words_of(recorded), command_line(command));
  const bool same = is_masked(past.lsn())
                        ? recorded->intent.command == name_of(command)
                        : past.fingerprint() == fingerprint_of(canonical_command(command));
  if (!same) {
    return diverge(seq, recorded->intent.line,
                   command_line(command) + differing_arguments(recorded->intent, command));
  }
  same_ = true;
}

/// The task asks for more than it has asked for then.
void OfflineReplay::beyond_records(const TaskCommand& command) {
  if (!done_) {
    end_ = ReplayEnd{.kind = ReplayEnd::Kind::open,
                     .at = live_->last_seq,
                     .recorded = {},
                     .found = command_line(command)};
  } else if (was_cancelled()) {
    end_by_force();
  } else {
    diverge(live_->last_seq, words_of_end(done_->state, done_->error), command_line(command));
  }
}

void OfflineReplay::give_answer() {
  Past& past = live_->past;
  const Record* const result = past.result();
  if (result == nullptr) {
    if (done_ && was_cancelled()) {
      past.pop();
      return end_by_force();
    }
    end_ = ReplayEnd{.kind = ReplayEnd::Kind::open,
                     .at = live_->last_seq,
                     .recorded = {},
                     .found = command_line(trap_->command)};
    return;
  }
  Result<Result<Reply>> outcome = outcome_from_canonical(trap_->command, result->payload);
  if (!outcome) {
    return diverge(live_->last_seq, "a result that cannot be read: " + outcome.error().message,
                   command_line(trap_->command));
  }
  const bool told_here = live_->cancel && live_->cancel->newest == live_->last_seq;
  const bool told_before_result = told_here && live_->cancel->lsn < result->lsn;
  past.pop();
  CommandTrap& trap = *std::exchange(trap_, nullptr);
  if (told_before_result) pass_on_cancel();
  trap.outcome = *std::move(outcome);
  scheduler_.wake(live_->head.task, trap);
  pass_on_between_commands();
}

void OfflineReplay::pass_on_cancel() {
  live_->cancel->passed_on = true;
  (void)scheduler_.kill(live_->head.task, live_->cancel->reason);
}

void OfflineReplay::pass_on_between_commands() {
  if (is_to_be_told_between_commands(*live_)) pass_on_cancel();
}

/// The recorded answer says what came of the wish to end.
void OfflineReplay::cancel(TaskId /*task*/, Trap& /*trap*/) {}

/// Nobody has armed a command's deadline.
void OfflineReplay::expired(TaskId /*task*/, Trap& /*trap*/) {}

// ---- the end ----

/// Somebody ended it. Where it stood then may have been its last place: its frames were destroyed,
/// or it was set aside.
bool OfflineReplay::was_cancelled() const {
  return live_->cancel && done_->state == name_of(TaskState::cancelled);
}

void OfflineReplay::end_by_force() {
  trap_ = nullptr;
  live_->past.clear();
  scheduler_.end_by_force(live_->head.task);
}

void OfflineReplay::ended(const Exit& exit) {
  trap_ = nullptr;
  const DonePayload now = done_payload(exit);
  const std::string found = words_of_end(now.state, now.error);
  if (!live_->past.empty()) {
    return diverge(live_->past.oldest(), words_of(live_->past.read_oldest()), found);
  }
  if (!done_) {
    end_ = ReplayEnd{.kind = ReplayEnd::Kind::open, .recorded = {}, .found = found};
    return;
  }
  const bool by_state = was_cancelled() || masked_from_.has_value();
  if (by_state ? now.state != done_->state : !is_same_end(*done_, now)) {
    const bool same_words = done_->state == now.state && done_->error == now.error;
    return diverge(Seq{0}, words_of_end(done_->state, done_->error),
                   found + (same_words ? " (with another value)" : ""));
  }
  end_ = ReplayEnd{.recorded = {}, .found = found};
}

void OfflineReplay::diverge(Seq at, std::string recorded, std::string found) {
  end_ = ReplayEnd{.kind = ReplayEnd::Kind::diverged,
                   .at = at,
                   .recorded = std::move(recorded),
                   .found = std::move(found)};
}

// ---- looking ----

Result<ReplayedStep> OfflineReplay::step() const {
  if (trap_ == nullptr) return Error{Errc::not_found, "the task stands at no command"};
  ReplayedStep step{.seq = live_->last_seq,
                    .command = trap_->command,
                    .facts = {},
                    .verdict = {},
                    .pre_image = {},
                    .outcome = {}};
  if (!same_) return step;
  Result<PastCommand> past = live_->past.read_oldest();
  if (!past) return past.error();
  step.asked = past->asked;
  step.facts = std::move(past->intent.facts);
  step.verdict = std::move(past->intent.verdict);
  step.pre_image = std::move(past->pre_image);
  if (const Record* const result = live_->past.result()) {
    Result<Result<Reply>> outcome = outcome_from_canonical(step.command, result->payload);
    if (!outcome) return outcome.error();
    step.outcome = *std::move(outcome);
  }
  return step;
}

std::vector<std::source_location> OfflineReplay::calls() const {
  const std::optional<TaskInspection> seen = scheduler_.inspect(live_->head.task);
  return seen ? seen->calls : std::vector<std::source_location>();
}

namespace {

Result<ReplayReport> run_again(const Registry& registry, const RecordedTask& recorded,
                               ReplayFrom from) {
  const Result<std::unique_ptr<OfflineReplay>> replay =
      OfflineReplay::begin(registry, recorded, from);
  if (!replay) return replay.error();
  while ((*replay)->next()) {
  }
  return ReplayReport{.steps = (*replay)->steps(), .end = *(*replay)->end(), .from = from};
}

}  // namespace

Result<ReplayReport> check_replay(const Registry& registry, const RecordedTask& recorded) {
  Result<ReplayReport> whole = run_again(registry, recorded, ReplayFrom::beginning);
  const auto is_snapshot = [](const Record& each) { return each.kind == RecordKind::snapshot; };
  const bool good = whole && whole->end.kind != ReplayEnd::Kind::diverged;
  if (!good || std::ranges::none_of(recorded.records, is_snapshot)) return whole;
  const Result<ReplayReport> rest = run_again(registry, recorded, ReplayFrom::snapshot);
  if (!rest || rest->end.kind == ReplayEnd::Kind::diverged) return rest;
  return whole;
}

}  // namespace tinkerbell

#include "tinkerbell/syscall/syscalls.hpp"

#include "syscall/account.hpp"
#include "syscall/stations.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/command/render.hpp"

namespace tinkerbell {

SystemCalls::SystemCalls(const Parts& parts)
    : parts_(parts),
      standing_(parts.journal.kept_rules(), parts.logger),
      gate_(std::make_unique<Gate>()),
      resting_(std::make_unique<RestingTasks>()),
      accounts_(std::make_unique<Accounts>()),
      last_task_(parts.journal.store_state().last_task),
      last_approval_(parts.journal.store_state().last_approval),
      scheduler_(*this, &parts.kernel_observer, parts.scheduling) {
  book_.durable(parts.journal.durable_lsn());
  gate_->durable(parts.journal.durable_lsn());
}

SystemCalls::~SystemCalls() = default;

void SystemCalls::stop() {
  open_.reset();
  awakening_.clear();
}

void SystemCalls::durable(const std::vector<Record>& records) {
  book_.durable(records.back().lsn);
  for (const Record& record : records)
    parts_.observer.recorded(record);
  gate_->durable(records.back().lsn);
  put_idle_to_rest();
}

// ---- records ----

Record SystemCalls::make_record(const LiveTask& live, RecordKind kind, std::string payload) const {
  Record record;
  record.task = live.head.task;
  record.kind = kind;
  record.wall = parts_.clock.wall();
  record.payload = std::move(payload);
  return record;
}

Record SystemCalls::make_command_record(const LiveTask& live, RecordKind kind,
                                        std::string payload) const {
  Record record = make_record(live, kind, std::move(payload));
  record.seq = live.flight->id.seq;
  record.effect = effect_of(live.flight->command());
  record.attempt = live.flight->attempt;
  return record;
}

namespace {

/// What the journal keeps of a command's arguments for people. A model call's conversation is left
/// out: its messages are in the results that they came from, and N turns must cost O(N).
CanonicalValue journalled_arguments(const InFlight& flight, const Masker& masker) {
  if (is_oversized(flight)) return {};
  const TaskCommand& command = flight.command();
  if (std::holds_alternative<Checkpoint>(command)) return {};  // in the SNAPSHOT, once
  if (const auto* const call = std::get_if<AwaitLLMResponse>(&command)) {
    return {canonical_bytes(AwaitLLMResponse{.model = masker.masked(call->model),
                                             .messages = {},
                                             .tools = {},
                                             .tokens_max = call->tokens_max})};
  }
  const std::string_view arguments = arguments_in(flight.form);
  if (!masker.finds_secret_in(arguments)) return {std::string(arguments)};
  TaskCommand masked = command;
  std::visit([&](auto& each) { mask_strings(each, masker); }, masked);
  return {canonical_arguments(masked)};
}

}  // namespace

Record SystemCalls::make_intent(const LiveTask& live, bool started,
                                std::optional<QuestionKind> question) const {
  const InFlight& flight = *live.flight;
  IntentPayload payload{
      .command = std::string(name_of(flight.command())),
      .arguments = journalled_arguments(flight, parts_.masker),
      .line = command_line(flight.command(), flight.facts),
      .facts = flight.facts,
      .verdict = flight.verdict,
      .approval = flight.approval,
      .question = question,
      .hash = flight.hash.empty() ? std::string() : flight.hash.hex(),
      .started = started,
      .deadline_unix_ns = unix_nanoseconds(flight.deadline),
      .reserved = flight.reserved,
      .offer = flight.offer,
  };
  mask_strings(payload, parts_.masker);
  Record record = make_command_record(live, RecordKind::intent, canonical_bytes(payload));
  record.wall = flight.asked;  // a question keeps its time over a restart
  record.fingerprint = fingerprint_of(flight.form);
  return record;
}

namespace {

/// What the head of a live task says: the scheduler knows better, unless it rests.
TaskState state_at_rest(const std::optional<Rest>& rest) {
  if (!rest) return TaskState::ready;
  return rest->unsure ? TaskState::unsure : TaskState::waiting;
}

}  // namespace

Lsn SystemCalls::append(std::vector<Record> records, const std::vector<LiveTask*>& touched,
                        std::vector<Charge> charges) {
  std::vector<TaskHead> heads;
  for (LiveTask* const live : touched) {
    live->head.changed = records.back().wall;
    live->head.steps = number(newest_command(*live));
    live->head.rest = std::exchange(live->next_rest, std::nullopt);
    if (!live->head.ended) live->head.state = name_of(state_at_rest(live->head.rest));
    heads.push_back(live->head);
  }
  return parts_.journal.append(std::move(records), std::move(heads), last_approval_,
                               std::move(charges), standing_.take_changed());
}

Lsn SystemCalls::append(LiveTask& live, std::vector<Record> records, std::vector<Charge> charges) {
  return append(std::move(records), {&live}, std::move(charges));
}

// ---- finding one's way ----

LiveTask* SystemCalls::find(TaskId task) const {
  const auto found = live_.find(task);
  return found == live_.end() ? nullptr : found->second.get();
}

LiveTask* SystemCalls::find_at(CommandId id, Station station) const {
  LiveTask* const live = find(id.task);
  if (live == nullptr || !live->flight) return nullptr;
  const bool same = live->flight->id == id && live->flight->station == station;
  return same ? live : nullptr;
}

Driver* SystemCalls::driver_for(const TaskCommand& command) const {
  return drivers_[command.index()];
}

Call SystemCalls::call_of(LiveTask& live) const {
  InFlight& flight = *live.flight;
  const bool pure = effect_of(flight.command()) == EffectClass::pure;
  if (!pure && flight.key.empty()) flight.key = key_of(flight.id);
  return {.id = flight.id,
          .attempt = flight.attempt,
          .command = flight.command(),
          .workspace = live.payload.workspace,
          .draft = live.payload.draft,
          .only = live.payload.narrowing.directory,
          .key = flight.key,
          .asked = flight.asked,
          .facts = flight.facts,
          .pre_image = flight.pre_image,
          .cassette = live.payload.cassette,
          .worked = flight.worked};
}

/// Derived, never stored: the same after every restart.
std::string SystemCalls::key_of(CommandId id) const {
  CanonicalWriter key;
  key.text(parts_.journal.store_state().store_id);
  key.unsigned_integer(number(id.task));
  key.unsigned_integer(number(id.seq));
  return sha256(key.bytes()).hex().substr(0, 32);
}

Seq SystemCalls::newest_step(TaskId task) const {
  const LiveTask* const live = find(task);
  return live == nullptr ? Seq{0} : live->last_seq;
}

bool SystemCalls::is_recovering() const {
  return std::ranges::any_of(live_, [](const auto& each) {
    const std::optional<InFlight>& flight = each.second->flight;
    return flight && flight->station == Station::recovering;
  });
}

std::size_t SystemCalls::live_tasks() const {
  return live_.size() + resting_->size();
}

// ---- looking ----

TaskState SystemCalls::state_of(const LiveTask& live) const {
  if (live.quarantined) return TaskState::quarantined;
  return live.set_aside ? TaskState::diverged : *scheduler_.state_of(live.head.task);
}

std::map<TaskState, std::size_t> SystemCalls::states() const {
  std::map<TaskState, std::size_t> counts;
  for (const auto& [task, live] : live_)
    ++counts[state_of(*live)];
  const std::size_t unsure = resting_->unsure();
  const std::size_t waiting = resting_->size() - unsure;
  if (unsure > 0) counts[TaskState::unsure] += unsure;
  if (waiting > 0) counts[TaskState::waiting] += waiting;
  return counts;
}

namespace {

std::string waits_for(const LiveTask& live, bool asked) {
  const InFlight& flight = *live.flight;
  std::string line = command_line(flight.command());
  switch (flight.station) {
    case Station::held:
      return live.stops.waits_for;
    case Station::asking:
      if (!asked) return "the disk, before it is asked about: " + line;
      return asks_for(flight.approval, QuestionKind::permission, flight.command(), {});
    case Station::unsure:
      if (!asked) return "the disk, before it is asked about: " + line;
      return asks_for(flight.approval, QuestionKind::outcome, flight.command(), flight.doubt);
    case Station::queued:
      return "other calls of its family, which hold what is left of the budget: " + line;
    case Station::gated:
      return "the disk, before: " + line;
    case Station::deferred:
      return next_attempt(flight);
    case Station::diverged:
      return "help: after an upgrade it asked for something else: " + line;
    case Station::preparing:
    case Station::rechecking:
    case Station::performing:
    case Station::inside:
    case Station::recovering:
    case Station::replaying:
      return line;
  }
  return line;
}

}  // namespace

std::optional<LiveView> SystemCalls::view(TaskId task) const {
  const LiveTask* const live = find(task);
  if (live == nullptr) return std::nullopt;
  LiveView view{.state = state_of(*live)};
  if (live->set_aside) {
    view.waiting_for = (live->quarantined ? "resume or cancel: " : "help: ") + *live->set_aside;
    view.waiting_since = live->head.changed;
  } else if (live->flight) {
    const bool asked = book_.find_open(live->flight->approval) != nullptr;
    view.waiting_for = waits_for(*live, asked);
    if (live->flight->station == Station::performing) {
      const std::string still = driver_for(live->flight->command())->waits_for(live->flight->id);
      if (!still.empty()) view.waiting_for = still + ": " + view.waiting_for;
    }
    view.waiting_since = live->flight->asked;
    view.wants_budget = held_for_budget(*live) != Seq{0};
  }
  view.waiting_for = parts_.masker.masked(std::move(view.waiting_for));
  return view;
}

}  // namespace tinkerbell

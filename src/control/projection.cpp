#include "control/projection.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/render.hpp"

#include <algorithm>

namespace tinkerbell::control {

namespace {

std::string text_of(const Json& arguments, std::string_view key) {
  const auto found = arguments.find(key);
  return found != arguments.end() && found->is_string() ? found->get<std::string>() : "";
}

/// What a task returned, for people: its summary if it has one, its output if that is all.
std::string result_text(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("output")) return dump_json(value["output"]);
  const std::string summary = text_of(value, "summary");
  return summary.empty() ? dump_json(value) : summary;
}

/// Of two points in calendar time, which may have been set back between them.
std::uint64_t microseconds_between(WallTime from, WallTime to) {
  const auto between = std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(between, 0));
}

/// The part of an agent's noted state that is shown.
struct NotedPlan {
  std::vector<PlanStep> plan;

  static constexpr auto fields() { return described(field("plan", &NotedPlan::plan)); }
};

std::vector<protocol::PlanStepView> plan_view(const std::vector<PlanStep>& plan) {
  std::vector<protocol::PlanStepView> view;
  for (const PlanStep& step : plan)
    view.push_back({.text = step.text, .state = std::string(name_of(step.state))});
  return view;
}

std::vector<protocol::PlanStepView> plan_in_state(const Json& state) {
  const auto essentials = state.find("essentials");
  if (essentials == state.end()) return {};
  const Result<NotedPlan> noted = from_json_value<NotedPlan>(*essentials);
  return noted ? plan_view(noted->plan) : std::vector<protocol::PlanStepView>();
}

std::string_view step_state(const Result<Reply>& outcome) {
  if (outcome) return "done";
  return outcome.error().code == Errc::denied ? "denied" : "failed";
}

}  // namespace

std::string decided_state(Answer answer) {
  switch (answer) {
    case Answer::approve:
      return "approved";
    case Answer::deny:
      return "denied";
    case Answer::text:
      return "answered";
    case Answer::happened:
    case Answer::run_again:
    case Answer::abort:
      return std::string(name_of(answer));
  }
  return {};
}

protocol::ApprovalView approval_view(const Question& question) {
  const std::optional<StandingRule>& rule = question.offer.rule;
  const std::optional<StandingRule> wider = rule ? for_directory(*rule) : std::nullopt;
  return {.id = question.id,
          .task = question.command.task,
          .seq = question.command.seq,
          .kind = std::string(name_of(question.kind)),
          .state = "open",
          .line = question.line,
          .card = question.card,
          .hash = question.hash.hex(),
          .rule = question.rule,
          .choices = question.choices,
          .opened = rfc3339(question.opened),
          .requested_by = "task " + std::to_string(number(question.command.task)),
          .decided_by = {},
          .decided_at = {},
          .text = {},
          .result = {},
          .command = question.name,
          .always = rule ? in_words(*rule) : "",
          .always_directory = wider ? in_words(*wider) : "",
          .always_not = question.offer.why_not};
}

std::string rule_made(const ApprovalPayload& decision) {
  if (!decision.rule) return {};
  return "standing rule " + std::to_string(decision.rule->number) + ": " + in_words(*decision.rule);
}

Projection::Projection(const TaskHead& head) : task_(task_view(head)) {}

std::vector<protocol::EventView> Projection::apply(const Record& record) {
  Events events;
  is_copy_ = record.branch == kCopiedBranch;
  if (!is_copy_) task_.changed = rfc3339(record.wall);
  switch (record.kind) {
    case RecordKind::task:
      task_begun(record, events);
      break;
    case RecordKind::intent:
      asked(record, events);
      break;
    case RecordKind::start:
      started(record, events);
      break;
    case RecordKind::deferred:
      deferred(record, events);
      break;
    case RecordKind::result:
      concluded(record, events);
      break;
    case RecordKind::approval:
      answered(record, events);
      break;
    case RecordKind::unsure:
      doubted(record, events);
      break;
    case RecordKind::signal:
      signalled(record, events);
      break;
    case RecordKind::done:
      ended(record, events);
      break;
    case RecordKind::snapshot:
      resumed(record);
      break;
    case RecordKind::file:
    case RecordKind::resolved:
      break;
  }
  if (is_copy_) events.clear();
  return events;
}

void Projection::emit(const Record& record, std::string_view name, Json data,
                      Events& events) const {
  events.push_back({.seq = event_number(record.lsn, events.size()),
                    .task = record.task,
                    .name = std::string(name),
                    .time = rfc3339(record.wall),
                    .data = std::move(data)});
}

/// What it was started with.
void Projection::begin(TaskId task, const TaskPayload& payload, WallTime created) {
  task_.id = task;
  task_.parent = payload.parent;
  task_.root = payload.root == kNoTask ? task : payload.root;
  task_.kind = payload.kind;
  task_.goal = text_of(payload.arguments, "goal");
  task_.title = payload.title;
  task_.workspace = payload.workspace;
  task_.model = text_of(payload.definition, "model");
  task_.has_cassette = static_cast<bool>(payload.cassette);
  task_.draft = payload.draft;
  task_.forked_from = payload.forked_from;
  task_.forked_step = payload.forked_step;
  task_.state = "ready";
  task_.created = rfc3339(created);
  task_.origin = {.via = payload.origin.via, .uid = payload.origin.uid, .pid = payload.origin.pid};
}

void Projection::task_begun(const Record& record, Events& events) {
  const Result<TaskPayload> payload = from_canonical<TaskPayload>(record.payload);
  if (!payload) return;
  begin(record.task, *payload, record.wall);
  emit(record, protocol::event_name::kTaskCreated, to_json_value(task_), events);
}

/// The first record of a task whose past was not read. To others it tells nothing new.
void Projection::resumed(const Record& record) {
  if (task_.id != kNoTask) return;
  const Result<SnapshotPayload> payload = from_canonical<SnapshotPayload>(record.payload);
  if (!payload) return;
  begin(record.task, payload->task, wall_from_unix_nanoseconds(payload->created_unix_ns));
  task_.steps = number(record.seq);
  task_.usage.input = payload->totals.tokens_in;
  task_.usage.output = payload->totals.tokens_out;
  add_cost(payload->totals.cost);
  task_.questions.asked = payload->totals.questions;
  task_.children = payload->totals.children;
  std::erase_if(task_.children, [&](TaskId child) { return child < record.task; });  // of a fork
  task_.plan = plan_in_state(payload->state);
}

void Projection::asked(const Record& record, Events& events) {
  Result<IntentPayload> payload = from_canonical<IntentPayload>(record.payload);
  if (!payload) return;
  intent_ = *std::move(payload);
  step_ = {.seq = record.seq,
           .command = intent_.command,
           .line = intent_.line,
           .state = "asked",
           .verdict = std::string(name_of(intent_.verdict.decision)),
           .rule = explained(intent_.verdict),
           .approval = intent_.approval,
           .attempt = record.attempt,
           .outcome = {},
           .started = rfc3339(record.wall),
           .ended = {},
           .arguments = {},
           .reply = {},
           .asked = rfc3339(record.wall),
           .call = {},
           .result = {},
           .next_attempt = {},
           .fingerprint = record.fingerprint.hex()};
  const std::string arguments = std::exchange(intent_.arguments, {}).bytes;
  has_arguments_ = !arguments.empty();
  command_.reset();
  if (auto command = command_from_canonical(intent_.command, arguments)) {
    command_ = *std::move(command);
  }
  if (keep_payloads_) step_.arguments = shown_arguments();
  if (calls_) show_calls(*calls_);
  asked_at_ = record.wall;
  started_at_ = record.wall;
  task_.steps = number(record.seq);
  if (intent_.question) step_.state = "waiting";
  emit(record, protocol::event_name::kStepAsked, to_json_value(step_), events);
  if (intent_.question) {
    open_approval(record, intent_.approval, *intent_.question, intent_.hash, {}, events);
  }
  if (intent_.started) {
    step_.state = "started";
    emit(record, protocol::event_name::kStepStarted, to_json_value(step_), events);
  }
}

void Projection::show_calls(std::size_t text_max) {
  calls_ = text_max;
  if (command_) step_.call = call_line(intent_.command, shown_arguments(), text_max);
}

/// Those that the journal has.
Json Projection::shown_arguments() const {
  if (!command_ || !has_arguments_) return Json::object();
  const auto* const call = std::get_if<AwaitLLMResponse>(&*command_);
  if (call == nullptr) return arguments_json(*command_);
  return {{"model", call->model}, {"tokens_max", call->tokens_max}};
}

void Projection::open_approval(const Record& record, ApprovalId id, QuestionKind kind,
                               const std::string& hash, const Doubt& doubt, Events& events) {
  if (!is_copy_) ++task_.questions.asked;
  question_at_ = record.wall;
  const bool permission = kind == QuestionKind::permission;
  Question question{.id = id,
                    .command = {record.task, record.seq},
                    .kind = kind,
                    .name = intent_.command,
                    .line = intent_.line,
                    .card = {},
                    .hash = Sha256::from_hex(hash),
                    .rule = permission ? explained(intent_.verdict) : "",
                    .choices = {},
                    .opened = record.wall,
                    .offer = permission ? intent_.offer : RuleOffer{}};
  if (command_) put_in_words(question, *command_, intent_.facts, doubt);
  emit(record, protocol::event_name::kApprovalOpened, to_json_value(approval_view(question)),
       events);
}

void Projection::started(const Record& record, Events& events) {
  step_.state = "started";
  step_.outcome.clear();
  step_.next_attempt.clear();
  step_.attempt = record.attempt;
  step_.started = rfc3339(record.wall);
  started_at_ = record.wall;
  step_.waited_us = microseconds_between(asked_at_, started_at_);
  emit(record, protocol::event_name::kStepStarted, to_json_value(step_), events);
}

void Projection::deferred(const Record& record, Events& events) {
  const Result<DeferredPayload> payload = from_canonical<DeferredPayload>(record.payload);
  if (!payload) return;
  step_.state = "deferred";
  step_.outcome = payload->error;
  step_.next_attempt = rfc3339(wall_from_unix_nanoseconds(payload->until_unix_ns));
  emit(record, protocol::event_name::kStepDeferred, to_json_value(step_), events);
}

void Projection::answered(const Record& record, Events& events) {
  const Result<ApprovalPayload> payload = from_canonical<ApprovalPayload>(record.payload);
  if (!payload) return;
  if (payload->approval == step_.approval) {
    step_.answered_us += microseconds_between(question_at_, record.wall);
  }
  const protocol::DecisionView view{.id = payload->approval,
                                    .state = decided_state(payload->answer),
                                    .by = in_words(payload->by),
                                    .at = rfc3339(record.wall),
                                    .rule = rule_made(*payload)};
  emit(record, protocol::event_name::kApprovalDecided, to_json_value(view), events);
}

void Projection::add_cost(Money cost) {
  cost_ += cost;
  task_.usage.cost = cost_.text();
}

void Projection::count(const Reply& reply) {
  if (const auto* const said = std::get_if<AwaitLLMResponse::Reply>(&reply)) {
    task_.usage.input += said->usage.input;
    task_.usage.output += said->usage.output;
    add_cost(said->cost.value_or(Money{}));
  }
  if (const auto* const spawned = std::get_if<Spawn::Reply>(&reply)) {
    task_.children.push_back(spawned->task);
  }
}

void Projection::concluded(const Record& record, Events& events) {
  step_.next_attempt.clear();
  if (!command_) return;
  const Result<Result<Reply>> outcome = outcome_from_canonical(*command_, record.payload);
  if (!outcome) return;
  if (*outcome) {
    if (const auto* const update = std::get_if<UpdatePlan>(&*command_)) {
      task_.plan = plan_view(update->steps);
    }
    if (!is_copy_) count(**outcome);
    if (keep_payloads_) step_.reply = reply_json(**outcome);
  }
  if (calls_) step_.result = call_result(*outcome, *calls_);
  step_.state = std::string(step_state(*outcome));
  step_.attempt = record.attempt;
  step_.outcome = outcome_line(*outcome);
  step_.ended = rfc3339(record.wall);
  step_.duration_us = microseconds_between(started_at_, record.wall);
  step_.duration_ms = step_.duration_us / 1000;
  emit(record, protocol::event_name::kStepDone, to_json_value(step_), events);
}

void Projection::doubted(const Record& record, Events& events) {
  const Result<UnsurePayload> payload = from_canonical<UnsurePayload>(record.payload);
  if (!payload) return;
  step_.state = "waiting";
  step_.approval = payload->approval;
  emit(record, protocol::event_name::kStepAsked, to_json_value(step_), events);
  open_approval(record, payload->approval, QuestionKind::outcome, payload->hash,
                {.started = started_at_, .evidence = payload->evidence}, events);
}

void Projection::signalled(const Record& record, Events& events) {
  const Result<SignalPayload> payload = from_canonical<SignalPayload>(record.payload);
  if (!payload) return;
  switch (payload->signal) {
    case Signal::cancel:
      task_.state = "cancelling";
      task_.waiting_for.clear();
      task_.to_stop = false;
      break;
    case Signal::held:
      task_.state = "suspended";
      task_.waiting_for = payload->reason;
      task_.to_stop = false;
      break;
    case Signal::quarantined:
      task_.state = "quarantined";
      task_.waiting_for = "resume or cancel: " + payload->reason;
      break;
    case Signal::budget:
      if (payload->seq == Seq{0}) return;  // it was not held for want of it
      task_.state = "ready";
      task_.waiting_for.clear();
      break;
    case Signal::resume:
    case Signal::step:
      task_.state = "ready";
      task_.waiting_for.clear();
      task_.to_stop = payload->signal == Signal::step;
      break;
    case Signal::pause:  // it goes on up to its next command
      task_.to_stop = task_.state != "suspended";
      return;
    case Signal::breakpoint:
    case Signal::clear:
    case Signal::message:
    case Signal::say:
      return;
  }
  task_.wants_budget = payload->signal == Signal::held && payload->budget;
  emit(record, protocol::event_name::kTaskState, to_json_value(task_), events);
}

void Projection::ended(const Record& record, Events& events) {
  const Result<DonePayload> payload = from_canonical<DonePayload>(record.payload);
  if (!payload) return;
  task_.state = payload->state;
  task_.to_stop = false;
  task_.result = result_text(payload->value);
  if (payload->value.is_object()) task_.draft_note = text_of(payload->value, "draft");
  if (!payload->error_code.empty()) {
    task_.error = protocol::ErrorBody{payload->error_code, payload->error};
  }
  if (payload->turns && payload->cpu_us) {
    task_.scheduling = protocol::SchedulingView{.priority = {},
                                                .turns = *payload->turns,
                                                .cpu_us = *payload->cpu_us,
                                                .deadline = {},
                                                .calls = {}};
  }
  emit(record, protocol::event_name::kTaskEnded, to_json_value(task_), events);
}

StepHistory steps_of(const std::vector<Record>& records, const StepDetail& detail) {
  StepHistory history;
  Projection projection;
  if (detail.payloads) projection.keep_payloads();
  if (detail.calls) projection.show_calls(*detail.calls);
  for (const Record& record : records) {
    projection.apply(record);
    history.last_event = event_number(record.lsn, kFirstPiece - 1);
    if (record.seq == Seq{0}) continue;
    if (history.steps.empty() || history.steps.back().seq != record.seq) {
      history.steps.emplace_back();
    }
    history.steps.back() = projection.step();
  }
  return history;
}

protocol::TaskView task_of(const std::vector<Record>& records) {
  Projection projection;
  for (const Record& record : records)
    projection.apply(record);
  return projection.task();
}

protocol::TaskView task_view(const TaskHead& head) {
  protocol::TaskView view;
  view.id = head.task;
  view.parent = head.parent;
  view.kind = head.kind;
  view.title = head.title;
  view.state = head.state;
  view.created = rfc3339(head.created);
  view.changed = rfc3339(head.changed);
  view.steps = head.steps;
  if (head.rest) {
    view.waiting_for = head.rest->waiting_for;
    view.waiting_since = view.changed;
  }
  return view;
}

}  // namespace tinkerbell::control

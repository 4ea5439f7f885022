#include "tinkerbell/telemetry/step_log.hpp"

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/syscall/payloads.hpp"

namespace tinkerbell {

namespace {

std::string_view event_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::task:
      return "task.created";
    case RecordKind::intent:
      return "command.asked";
    case RecordKind::start:
      return "command.started";
    case RecordKind::result:
      return "command.done";
    case RecordKind::signal:
      return "task.signalled";
    case RecordKind::approval:
      return "approval.decided";
    case RecordKind::snapshot:
      return "task.checkpoint";
    case RecordKind::file:
      return "file.kept";
    case RecordKind::unsure:
      return "command.unsure";
    case RecordKind::resolved:
      return "command.resolved";
    case RecordKind::done:
      return "task.ended";
    case RecordKind::deferred:
      return "command.deferred";
  }
  return "record";
}

/// What stands in the log of a payload: enough to follow a task, never file contents or prompts.
/// Values that are nothing are left out.
class StepFields {
 public:
  explicit StepFields(const Record& record)
      : record_(record), fields_{{"task", number(record.task)}, {"lsn", number(record.lsn)}} {
    if (record.seq != Seq{0}) fields_["command"] = number(record.seq);
    if (record.attempt != 0) fields_["attempt"] = record.attempt;
  }

  [[nodiscard]] Json take() {
    switch (record_.kind) {
      case RecordKind::task:
        with<TaskPayload>([this](const TaskPayload& task) {
          add("kind", task.kind);
          add("workspace", task.workspace);
          add("forked_from", number(task.forked_from));
          add("forked_step", task.forked_step);
        });
        break;
      case RecordKind::intent:
        with<IntentPayload>([this](const IntentPayload& intent) { add_intent(intent); });
        break;
      case RecordKind::start:
        with<StartPayload>(
            [this](const StartPayload& start) { add("approval", number(start.approval)); });
        break;
      case RecordKind::result:
        add_outcome();
        break;
      case RecordKind::signal:
        with<SignalPayload>([this](const SignalPayload& signal) {
          add("signal", name_of(signal.signal));
          add("reason", signal.reason);
          add("pattern", signal.pattern);
          add("from", number(signal.from));
        });
        break;
      case RecordKind::approval:
        with<ApprovalPayload>([this](const ApprovalPayload& answer) {
          add("approval", number(answer.approval));
          if (answer.rule) add("standing_rule", answer.rule->number);
          add("answer", name_of(answer.answer));
          add("scope", name_of(answer.scope));
        });
        break;
      case RecordKind::unsure:
        with<UnsurePayload>([this](const UnsurePayload& unsure) {
          add("approval", number(unsure.approval));
          add("evidence", unsure.evidence);
        });
        break;
      case RecordKind::done:
        with<DonePayload>([this](const DonePayload& done) {
          add("state", done.state);
          add("error", done.error);
          add("error_code", done.error_code);
        });
        break;
      case RecordKind::deferred:
        with<DeferredPayload>([this](const DeferredPayload& setback) {
          add("error", setback.error);
          add("error_code", setback.error_code);
          add("until", rfc3339(wall_from_unix_nanoseconds(setback.until_unix_ns)));
        });
        break;
      case RecordKind::snapshot:
      case RecordKind::file:
      case RecordKind::resolved:
        break;
    }
    return std::move(fields_);
  }

 private:
  template <class Payload, class Add>
  void with(const Add& add_fields) {
    if (const Result<Payload> payload = from_canonical<Payload>(record_.payload)) {
      add_fields(*payload);
    }
  }

  void add(const char* key, std::string_view text) {
    if (!text.empty()) fields_[key] = text;
  }

  void add(const char* key, std::uint64_t number) {
    if (number != 0) fields_[key] = number;
  }

  void add_intent(const IntentPayload& intent) {
    fields_["name"] = intent.command;
    fields_["verdict"] = name_of(intent.verdict.decision);
    fields_["rule"] = intent.verdict.rule;
    add("standing_rule", intent.verdict.standing_rule);
    add("line", intent.line);
    add("approval", number(intent.approval));
  }

  void add_outcome() {
    const Result<std::optional<Error>> error = error_in_outcome(record_.payload);
    if (!error) return;
    fields_["ok"] = !*error;
    if (*error) fields_["error"] = (*error)->message;
  }

  const Record& record_;
  Json fields_;
};

}  // namespace

void StepLog::recorded(const Record& record) {
  const bool happened = record.branch != kCopiedBranch;  // else it did to another task
  if (happened && logger_.writes(LogLevel::info))
    logger_.info(event_of(record.kind), StepFields(record).take());
  next_.recorded(record);
}

void StepLog::progressed(CommandId id, ProgressKind kind, std::string_view text) {
  next_.progressed(id, kind, text);
}

void StepLog::awoke(const TaskHead& head, const std::vector<Record>& records) {
  logger_.debug("task.awake", {{"task", number(head.task)}});
  next_.awoke(head, records);
}

void StepLog::rests(TaskId task) {
  logger_.debug("task.rests", {{"task", number(task)}});
  next_.rests(task);
}

void StepLog::task_state_changed(TaskId task, TaskState from, TaskState to) {
  if (!logger_.writes(LogLevel::trace)) return;
  logger_.log(LogLevel::trace, "task.state",
              {{"task", number(task)}, {"from", name_of(from)}, {"to", name_of(to)}});
}

}  // namespace tinkerbell

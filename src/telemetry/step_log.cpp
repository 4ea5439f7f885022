#include "tinkerbell/telemetry/step_log.hpp"

#include "tinkerbell/base/fields.hpp"

namespace tinkerbell {

namespace {

/// What stands in the log of a payload: enough to follow a task, never file contents or prompts.
void add_if_there(Json& fields, const Json& payload, std::string_view key) {
  const auto found = payload.find(key);
  if (found != payload.end() && !found->is_structured() && *found != "" && *found != 0) {
    fields[std::string(key)] = *found;
  }
}

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
  }
  return "record";
}

Json fields_of(const Record& record) {
  Json fields{{"task", number(record.task)}, {"lsn", number(record.lsn)}};
  if (record.seq != Seq{0}) fields["command"] = number(record.seq);
  if (record.attempt != 0) fields["attempt"] = record.attempt;
  const Result<Json> payload = json_from_canonical(record.payload);
  if (!payload || !payload->is_object()) return fields;
  for (const std::string_view key :
       {"kind", "workspace", "line", "approval", "answer", "scope", "signal", "reason", "pattern",
        "from", "state", "error", "error_code", "evidence"}) {
    add_if_there(fields, *payload, key);
  }
  if (record.kind == RecordKind::intent) {
    fields["name"] = payload->value("command", std::string());
    const Json verdict = payload->value("verdict", Json::object());
    fields["verdict"] = verdict.value("decision", std::string());
    fields["rule"] = verdict.value("rule", std::string());
  }
  if (record.kind == RecordKind::result) {
    const auto error = payload->find("error");
    fields["ok"] = error == payload->end();
    fields.erase("error");
    if (error != payload->end()) fields["error"] = error->value("message", std::string());
  }
  return fields;
}

}  // namespace

void StepLog::recorded(const Record& record) {
  if (logger_.writes(LogLevel::info)) logger_.info(event_of(record.kind), fields_of(record));
  next_.recorded(record);
}

void StepLog::progressed(CommandId id, ProgressKind kind, std::string_view text) {
  next_.progressed(id, kind, text);
}

void StepLog::task_state_changed(TaskId task, TaskState from, TaskState to) {
  if (!logger_.writes(LogLevel::trace)) return;
  logger_.log(LogLevel::trace, "task.state",
              {{"task", number(task)}, {"from", name_of(from)}, {"to", name_of(to)}});
}

}  // namespace tinkerbell

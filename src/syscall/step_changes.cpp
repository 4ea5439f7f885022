#include "tinkerbell/syscall/step_changes.hpp"

#include "syscall/past.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace tinkerbell {

namespace {

/// A step, as far as its files are concerned.
struct Step {
  CommandId id;
  Lsn started{0};  ///< By its first START; 0: it was not.
  Lsn ended{0};
  IntentPayload intent;
  std::optional<PreImage> before;
  const Record* result = nullptr;

  [[nodiscard]] std::optional<TaskCommand> command() const {
    auto command = command_from_canonical(intent.command, intent.arguments.bytes);
    return command ? std::optional(*std::move(command)) : std::nullopt;
  }
};

void add(const Record& record, Step& step) {
  switch (record.kind) {
    case RecordKind::intent:
      if (!read_payload(record, step.intent)) return;
      if (step.intent.started) step.started = record.lsn;
      return;
    case RecordKind::start:
      if (step.started == Lsn{0}) step.started = record.lsn;
      return;
    case RecordKind::file:
      (void)read_payload(record, step.before.emplace());
      return;
    case RecordKind::result:
      step.ended = record.lsn;
      step.result = &record;
      return;
    case RecordKind::task:
    case RecordKind::signal:
    case RecordKind::approval:
    case RecordKind::snapshot:
    case RecordKind::unsure:
    case RecordKind::resolved:
    case RecordKind::done:
    case RecordKind::deferred:
      return;
  }
}

/// Those that are over and may have changed files of people. Others are not read.
template <class Visit>
void for_each_effect(std::span<const Record> records, const Visit& visit) {
  Step step;
  const auto flush = [&] {
    if (step.result != nullptr) visit(std::as_const(step));
    step = {};
  };
  for (const Record& record : records) {
    const bool effect =
        record.effect == EffectClass::local || record.effect == EffectClass::probeable;
    if (record.seq == Seq{0} || !effect) continue;
    if (record.seq != step.id.seq) flush();
    step.id = {record.task, record.seq};
    add(record, step);
  }
  flush();
}

/// What the file of a write or edit became. Nothing: this program cannot tell.
std::optional<std::string> content_after(const Step& step) {
  const std::optional<TaskCommand> command = step.command();
  if (!command) return std::nullopt;
  if (const auto* const write = std::get_if<AwaitFileWrite>(&*command)) return write->content;
  const auto* const edit = std::get_if<AwaitFileEdit>(&*command);
  if (edit == nullptr || !step.before) return std::nullopt;
  std::string content = step.before->content;
  std::size_t place = content.find(edit->old_text);
  if (place == std::string::npos) return std::nullopt;
  do {
    content.replace(place, edit->old_text.size(), edit->new_text);
    place = content.find(edit->old_text, place + edit->new_text.size());
  } while (edit->replace_all && place != std::string::npos);
  return content;
}

FileState file_state(std::uint32_t mode, std::string_view content) {
  return {FileType::file, mode, sha256(content), content.size()};
}

/// Older versions did not note what a write or an edit changed. A mode is kept; that of a new file
/// they did not note either: if it was not the usual one, its undo finds another file than this.
std::vector<FileChange> changes_by_pre_image(const Step& step) {
  const std::optional<std::string> content = content_after(step);
  if (!step.before || !content) return {};
  const PreImage& was = *step.before;
  FileChange change{.path = was.path,
                    .before = std::nullopt,
                    .after = file_state(was.existed ? was.mode : 0644, *content)};
  change.after->content = Sha256::from_hex(step.intent.facts.result_sha256);
  if (was.existed) change.before = file_state(was.mode, was.content);
  if (change.before == change.after) return {};
  return {std::move(change)};
}

std::vector<FileChange> changes_of(const Step& step, const Reply& reply) {
  const std::span<const FileChange> told = changes_in(reply);
  return told.empty() ? changes_by_pre_image(step)
                      : std::vector<FileChange>(told.begin(), told.end());
}

class Reading {
 public:
  void read(const Step& step) {
    const std::optional<TaskCommand> command = step.command();
    if (!command) return;
    const Result<Result<Reply>> outcome = outcome_from_canonical(*command, step.result->payload);
    if (!outcome) return;
    if (*outcome) {
      changed(step, **outcome);
    } else {
      failed(step, outcome->error());
    }
    const bool is_program = std::holds_alternative<AwaitProcess>(*command) || runs_git(*command);
    if (is_program && step.started != Lsn{0}) {
      for (const LeftInDraft& left : step.intent.facts.left)
        unknown(step, left.path, left.why);
    }
  }

  [[nodiscard]] TaskChanges take() { return std::move(changes_); }

 private:
  void changed(const Step& step, const Reply& reply) {
    std::vector<FileChange> changes = changes_of(step, reply);
    if (changes.empty()) return;
    const bool in_draft = step.intent.facts.draft != kNoTask &&
                          !std::holds_alternative<AwaitDraftAccept::Reply>(reply);
    (in_draft ? changes_.draft : changes_.workspace)
        .push_back({.step = step.id,
                    .started = step.started,
                    .ended = step.ended,
                    .changes = std::move(changes)});
  }

  void failed(const Step& step, const Error& error) {
    if (step.started == Lsn{0}) return;
    if (error.rejected != nullptr) {  // its changes are known all the same
      changed(step, *error.rejected);
    } else if (error.code == Errc::unknown_outcome || error.code == Errc::too_large) {
      unknown(step, {}, step.intent.line + ": " + error.message);
    }
  }

  void unknown(const Step& step, std::string path, std::string why) {
    changes_.unknown.push_back({step.id, step.ended, std::move(path), std::move(why)});
  }

  TaskChanges changes_;
};

Seq forked_step_of(std::span<const Record> records) {
  TaskPayload task;
  if (records.empty() || records.front().kind != RecordKind::task) return Seq{0};
  if (!read_payload(records.front(), task)) return Seq{0};
  return task.forked_from == kNoTask ? Seq{0} : Seq{static_cast<std::uint32_t>(task.forked_step)};
}

}  // namespace

TaskChanges changes_of_task(std::span<const Record> records) {
  const Seq forked = forked_step_of(records);
  Reading reading;
  for_each_effect(records, [&](const Step& step) {
    if (number(step.id.seq) > number(forked)) reading.read(step);
  });
  return reading.take();
}

Lsn end_of_step(std::span<const Record> records, Seq step) {
  Lsn end{0};
  for (const Record& record : records) {
    if (record.kind == RecordKind::result && record.seq <= step) end = std::max(end, record.lsn);
  }
  return end;
}

Result<void> for_each_content(
    std::span<const Record> records,
    const std::function<Result<void>(const Sha256& hash, std::string_view content)>& visit) {
  Result<void> visited;
  const auto show = [&](std::string_view content) {
    if (visited) visited = visit(sha256(content), content);
  };
  for_each_effect(records, [&](const Step& step) {
    if (!step.before) return;
    if (step.before->existed) show(step.before->content);
    if (const std::optional<std::string> after = content_after(step)) show(*after);
  });
  return visited;
}

}  // namespace tinkerbell

#include "tinkerbell/syscall/contents.hpp"

#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/syscall/payloads.hpp"
#include "tinkerbell/syscall/registry.hpp"

#include <map>
#include <span>
#include <utility>

namespace tinkerbell {

namespace {

void add_contents_of(std::span<const FileChange> changes, std::set<Sha256>& contents) {
  for (const FileChange& change : changes) {
    for (const std::optional<FileState>* state : {&change.before, &change.after}) {
      if (*state && !(*state)->content.empty()) contents.insert((*state)->content);
    }
  }
}

/// What is kept because it is too long for the reply, or no text.
void add_kept_of(const Result<Reply>& outcome, std::set<Sha256>& contents) {
  const std::string_view sha256 = outcome ? kept_sha256(*outcome) : std::string_view();
  if (!sha256.empty()) contents.insert(Sha256::from_hex(sha256));
}

/// What the reply to it can say of contents is to be read.
bool tells_of_contents(const TaskCommand& command) {
  return std::visit(
      []<class C>(const C&) {
        return std::same_as<C, AwaitHttp> ||
               requires(const typename C::Reply& reply) { reply.changes; };
      },
      command);
}

class Reading {
 public:
  explicit Reading(std::set<Sha256>& contents) : contents_(contents) {}

  Result<void> read(const Record& record) {
    if (record.kind == RecordKind::task) return read_task(record);
    if (record.kind == RecordKind::intent) return read_intent(record);
    if (record.kind == RecordKind::result) return read_result(record);
    return record.kind == RecordKind::unsure ? read_unsure(record) : Result<void>();
  }

 private:
  /// An undo may be held for long before it asks for what it was begun for.
  Result<void> read_task(const Record& record) {
    const Result<TaskPayload> task = from_canonical<TaskPayload>(record.payload);
    if (!task) return task.error();
    if (task->kind != kUndoKind) return {};
    const auto restore =
        from_json_value<AwaitFileRestore>(task->arguments.value("restore", Json::object()));
    if (restore) contents_.insert(Sha256::from_hex(restore->list_sha256));
    return {};
  }

  Result<void> read_intent(const Record& record) {
    Result<IntentPayload> intent = from_canonical<IntentPayload>(record.payload);
    if (!intent) return intent.error();
    for (const DraftChange& each : intent->facts.changes)
      add_contents_of({&each.change, 1}, contents_);
    Result<TaskCommand> command = command_from_canonical(intent->command, intent->arguments.bytes);
    if (!command) return command.error();
    if (const auto* restore = std::get_if<AwaitFileRestore>(&*command)) {
      contents_.insert(Sha256::from_hex(restore->list_sha256));
    }
    if (tells_of_contents(*command)) asked_.insert_or_assign(record.seq, *std::move(command));
    return {};
  }

  Result<void> read_result(const Record& record) {
    const auto asked = asked_.find(record.seq);
    if (asked == asked_.end()) return {};
    const Result<Result<Reply>> outcome = outcome_from_canonical(asked->second, record.payload);
    if (!outcome) return outcome.error();
    add_contents_of(changes_in(*outcome), contents_);
    add_kept_of(*outcome, contents_);
    asked_.erase(asked);
    return {};
  }

  Result<void> read_unsure(const Record& record) {
    const Result<UnsurePayload> unsure = from_canonical<UnsurePayload>(record.payload);
    if (!unsure) return unsure.error();
    add_contents_of(unsure->changes, contents_);
    return {};
  }

  std::set<Sha256>& contents_;
  std::map<Seq, TaskCommand> asked_;
};

}  // namespace

Result<void> add_contents(const std::vector<Record>& records, std::set<Sha256>& contents) {
  Reading reading(contents);
  for (const Record& record : records) {
    if (Result<void> read = reading.read(record); !read) return read;
  }
  return {};
}

}  // namespace tinkerbell

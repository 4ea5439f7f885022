#include "tinkerbell/debug/core_builder.hpp"

#include "tinkerbell/base/canonical.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

void copy_masked(CanonicalReader& reader, CanonicalWriter& writer, const Masker& masker) {
  using Kind = CanonicalReader::Kind;
  switch (reader.next()) {
    case Kind::text:
      return writer.text(masker.masked(std::string(reader.text())));
    case Kind::array: {
      const std::uint64_t size = reader.begin_array();
      writer.begin_array(size);
      for (std::uint64_t left = size; left > 0 && !reader.failed(); --left)
        copy_masked(reader, writer, masker);
      return;
    }
    case Kind::map: {
      const std::uint64_t size = reader.begin_map();
      writer.begin_map(size);
      for (std::uint64_t left = 2 * size; left > 0 && !reader.failed(); --left)
        copy_masked(reader, writer, masker);
      return;
    }
    case Kind::unsigned_integer:
    case Kind::negative:
    case Kind::boolean:
    case Kind::null:
    case Kind::number:
      return writer.canonical(reader.skip());
    case Kind::end:
      return reader.fail();
  }
}

/// Whether a task is told what stands in such a record.
bool is_told(const Record& record) {
  return record.kind == RecordKind::task || record.kind == RecordKind::result ||
         record.kind == RecordKind::snapshot || record.kind == RecordKind::done;
}

/// Records of all tasks together.
constexpr std::size_t kRecordBytesTogetherMax =
    kCoreBytesMax - CoreBuilder::kContentsBytesMax - (std::size_t{8} << 20);

std::string named(TaskId task) {
  return "task " + std::to_string(number(task));
}

}  // namespace

std::string masked_canonical(std::string bytes, const Masker& masker) {
  if (!masker.finds_secret_in(bytes)) return bytes;
  CanonicalReader reader(bytes);
  CanonicalWriter writer;
  copy_masked(reader, writer, masker);
  return reader.is_done() ? writer.take() : masker.masked(std::move(bytes));
}

CoreBuilder::CoreBuilder(std::string version, WallTime taken, const Masker& masker)
    : masker_(masker) {
  core_.version = std::move(version);
  core_.taken_unix_ns = unix_nanoseconds(taken);
}

Result<std::vector<TaskId>> CoreBuilder::add(const RecordedTask& task) {
  CoreTask added{
      .task = task.task, .created_unix_ns = unix_nanoseconds(task.created), .records = {}};
  std::vector<TaskId> family;
  std::optional<TaskCommand> asked;  // newest, as far as the journal has its arguments
  for (const Record& record : task.records) {
    if (Result<void> read = read_record(record, asked, family); !read) {
      return read.error().with(named(task.task) + ", record " + std::to_string(number(record.lsn)));
    }
    Record masked = record;
    masked.payload = masked_canonical(std::move(masked.payload), masker_);
    if (masked.payload != record.payload) {
      ++core_.masked;
      if (added.masked_from == 0 && is_told(record)) added.masked_from = number(record.lsn);
    }
    append_encoded(masked, added.records);
  }
  if (record_bytes_ + added.records.size() > kRecordBytesTogetherMax) {
    Error too_large{Errc::too_large, "its records are of " + std::to_string(added.records.size()) +
                                         " bytes, more than there is room for in a core"};
    if (core_.tasks.empty()) return too_large.with(named(task.task));
    leave_out(task.task, too_large);
    return family;
  }
  record_bytes_ += added.records.size();
  core_.tasks.push_back(std::move(added));
  return family;
}

/// Of whom and of which contents a record tells.
Result<void> CoreBuilder::read_record(const Record& record, std::optional<TaskCommand>& asked,
                                      std::vector<TaskId>& family) {
  if (record.kind == RecordKind::task) {
    const Result<TaskPayload> task = from_canonical<TaskPayload>(record.payload);
    if (!task) return task.error();
    if (task->parent != kNoTask) family.push_back(task->parent);
  } else if (record.kind == RecordKind::file) {
    const Result<PreImage> image = from_canonical<PreImage>(record.payload);
    if (!image) return image.error();
    in_records_.insert(sha256(image->content));
  } else if (record.kind == RecordKind::intent) {
    const Result<IntentPayload> intent = from_canonical<IntentPayload>(record.payload);
    if (!intent) return intent.error();
    Result<TaskCommand> command = command_from_canonical(intent->command, intent->arguments.bytes);
    if (!command) return command.error();
    asked = *std::move(command);
    // What file.write and file.edit make stands in their arguments and before.
    in_records_.insert(Sha256::from_hex(intent->facts.result_sha256));
  } else if (record.kind == RecordKind::result && asked) {
    const Result<Result<Reply>> outcome = outcome_from_canonical(*asked, record.payload);
    if (!outcome) return outcome.error();
    note_changes(*outcome);
    const auto* const spawned = *outcome ? std::get_if<Spawn::Reply>(&**outcome) : nullptr;
    if (spawned != nullptr) family.push_back(spawned->task);
  }
  return {};
}

void CoreBuilder::leave_out(TaskId task, const Error& why) {
  core_.left_out.push_back(named(task) + ": " + masker_.masked(why.message));
}

void CoreBuilder::note_changes(const Result<Reply>& outcome) {
  if (!outcome) return;
  for (const FileChange& change : changes_in(*outcome)) {
    for (const std::optional<FileState>& state : {change.before, change.after}) {
      const bool has_content = state && !state->content.empty();
      if (has_content && known_.insert(state->content).second) named_.push_back(state->content);
    }
  }
}

void CoreBuilder::add_content(const Sha256& hash, const ReadContent& read) {
  const std::size_t room = kContentsBytesMax - content_bytes_;
  Result<std::string> content = read(hash, std::min(room, kContentBytesMax));
  if (!content) {
    if (++contents_missing_ > kMissingNamedMax) return;
    core_.left_out.push_back("content " + hash.hex() + ": " +
                             masker_.masked(content.error().message));
    return;
  }
  content_bytes_ += content->size();
  const bool secret = masker_.finds_secret_in(*content);
  if (secret) ++core_.masked;
  core_.contents.push_back(
      {.sha256 = hash.hex(), .content = masker_.masked(*std::move(content)), .masked = secret});
}

Result<std::string> CoreBuilder::finish(const ReadContent& read) {
  for (const Sha256& hash : named_) {
    if (!in_records_.contains(hash)) add_content(hash, read);
  }
  if (contents_missing_ > kMissingNamedMax) {
    core_.left_out.push_back(std::to_string(contents_missing_ - kMissingNamedMax) +
                             " more contents");
  }
  if (masker_.finds_secret_in(canonical_bytes(core_))) {
    return Error{Errc::internal, "the core would hold a secret in spite of all, and is not made"};
  }
  return core_file(core_);
}

}  // namespace tinkerbell

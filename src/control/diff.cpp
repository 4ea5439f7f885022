#include "tinkerbell/workspace/diff.hpp"

#include "control/projection.hpp"
#include "control/views.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell::control {

namespace {

std::string status_of(bool was_there, bool is_there) {
  if (!was_there) return "created";
  return is_there ? "changed" : "removed";
}

protocol::DiffView view_of(const Facts& accepting) {
  protocol::DiffView view;
  for (const auto& [change, diff] : accepting.changes) {
    view.files.push_back({.path = change.path,
                          .status = status_of(change.before.has_value(), change.after.has_value()),
                          .diff = diff});
  }
  return view;
}

/// What a task took over from its draft, by the newest time that it did.
protocol::DiffView accepted_diff(const std::vector<Record>& records) {
  protocol::DiffView view;
  Facts asked;
  Seq accepting{0};
  for (const Record& record : records) {
    if (record.kind == RecordKind::intent) {
      const Result<IntentPayload> intent = from_canonical<IntentPayload>(record.payload);
      accepting = intent && intent->command == AwaitDraftAccept::kName ? record.seq : Seq{0};
      if (accepting != Seq{0}) asked = intent->facts;
    } else if (record.kind == RecordKind::result && record.seq == accepting) {
      const Result<std::optional<Error>> error = error_in_outcome(record.payload);
      if (error && !*error) view = view_of(asked);
    }
  }
  return view;
}

/// The oldest pre-image of each file: as it was before the task touched it.
std::map<std::string, PreImage> first_images(const std::vector<Record>& records) {
  std::map<std::string, PreImage> images;
  for (const Record& record : records) {
    if (record.kind != RecordKind::file) continue;
    Result<PreImage> image = from_canonical<PreImage>(record.payload);
    if (image) images.try_emplace(image->path, *std::move(image));
  }
  return images;
}

Result<std::optional<std::string>> content_now(const Workspace& workspace,
                                               const std::string& path) {
  const Result<WorkspacePath> resolved = workspace.resolve(path);
  Result<std::string> content =
      resolved ? workspace.read(*resolved, kReadBytesMax) : Result<std::string>(resolved.error());
  if (content) return std::optional(*std::move(content));
  if (content.error().code == Errc::not_found) return std::optional<std::string>();
  return content.error().with(path);
}

/// Of a task that works in its workspace itself.
Result<protocol::DiffView> live_diff(const std::vector<Record>& records,
                                     const std::string& directory) {
  const Result<std::shared_ptr<Workspace>> workspace = Workspace::open(directory);
  if (!workspace) return workspace.error();
  protocol::DiffView view;
  for (const auto& [path, image] : first_images(records)) {
    const Result<std::optional<std::string>> now = content_now(**workspace, path);
    if (!now) return now.error();
    const auto before =
        image.existed ? std::optional<std::string_view>(image.content) : std::nullopt;
    const auto after = *now ? std::optional<std::string_view>(**now) : std::nullopt;
    if (before == after) continue;
    view.files.push_back({.path = path,
                          .status = status_of(before.has_value(), after.has_value()),
                          .diff = unified_diff(path, before, after)});
  }
  return view;
}

/// What the records of a task say of its changes.
struct DiffOfRecords {
  protocol::TaskView task;
  protocol::DiffView diff;
};

Result<DiffOfRecords> diff_of(const std::vector<Record>& records) {
  DiffOfRecords known{.task = task_of(records), .diff = {}};
  if (known.task.draft != kNoTask) {
    known.diff = accepted_diff(records);
    return known;
  }
  Result<protocol::DiffView> diff = live_diff(records, known.task.workspace);
  if (!diff) return diff.error();
  known.diff = *std::move(diff);
  return known;
}

/// As long as there is a draft, what is in it counts; then, what was taken over.
void answer(Context& context, const Request& request, DiffOfRecords known) {
  if (known.task.draft == kNoTask) return request.answer(known.diff);
  context.parts.calls.preview(
      AwaitDraftAccept{}, known.task.workspace, known.task.draft,
      Completion<Facts>([request, accepted = std::move(known.diff)](const Result<Facts>& facts) {
        if (facts) return request.answer(view_of(*facts));
        facts.error().code == Errc::not_found ? request.answer(accepted)
                                              : request.fail(facts.error());
      }));
}

}  // namespace

void get_diff(Context& context, Request request) {
  context.parts.journal.read_records(
      TaskId{request.id()},
      Completion<std::vector<Record>>([&context, request](Result<std::vector<Record>> records) {
        if (!records) return request.fail(records.error());
        context.parts.pool.run<DiffOfRecords>(
            [records = *std::move(records)] { return diff_of(records); },
            Completion<DiffOfRecords>([&context, request](Result<DiffOfRecords> known) {
              known ? answer(context, request, *std::move(known)) : request.fail(known.error());
            }));
      }));
}

}  // namespace tinkerbell::control

#include "control/views.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/diff.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <map>

namespace tinkerbell::control {

namespace {

/// Which steps are asked for.
struct StepPage {
  std::uint64_t after = 0;
  std::uint64_t limit = 0;
  StepDetail detail;
};

/// A page that has grown to this takes no further step.
constexpr std::size_t kPageBytes = 4 << 20;

protocol::StepList page_of(const std::vector<Record>& records, const StepPage& page) {
  StepHistory history = steps_of(records, page.detail);
  protocol::StepList list;
  list.last_event = history.last_event;
  std::size_t bytes = 0;
  for (protocol::StepView& step : history.steps) {
    if (number(step.seq) <= page.after) continue;
    if (list.steps.size() == page.limit || bytes >= kPageBytes) {
      list.more = true;
      break;
    }
    bytes += dump_json(to_json_value(step)).size();
    list.steps.push_back(std::move(step));
  }
  return list;
}

}  // namespace

void get_steps(Context& context, Request request) {
  const auto after = request.query_number("after", 0, UINT32_MAX);
  if (!after) return request.fail(after.error());
  const auto limit =
      request.query_number("limit", protocol::StepList::kLimitMax, protocol::StepList::kLimitMax);
  if (!limit) return request.fail(limit.error());
  const Result<std::optional<std::size_t>> calls = calls_asked_for(request);
  if (!calls) return request.fail(calls.error());
  const StepPage page{
      .after = *after,
      .limit = *limit,
      .detail = {.payloads = request.query_text("full") == "1", .calls = *calls},
  };
  context.parts.journal.read_records(
      TaskId{request.id()}, Completion<std::vector<Record>>(
                                [&context, request, page](Result<std::vector<Record>> records) {
                                  if (!records) return request.fail(records.error());
                                  context.parts.pool.run<std::string>(
                                      [records = *std::move(records), page] -> Result<std::string> {
                                        return Request::body_of(page_of(records, page));
                                      },
                                      Completion<std::string>([request](Result<std::string> body) {
                                        body ? request.answer_body(*std::move(body))
                                             : request.fail(body.error());
                                      }));
                                }));
}

namespace {

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

Result<protocol::DiffView> diff_of(const std::vector<Record>& records) {
  const Result<std::shared_ptr<Workspace>> workspace = Workspace::open(task_of(records).workspace);
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
                          .status = !before  ? "created"
                                    : !after ? "removed"
                                             : "changed",
                          .diff = unified_diff(path, before, after)});
  }
  return view;
}

}  // namespace

void get_diff(Context& context, Request request) {
  context.parts.journal.read_records(
      TaskId{request.id()},
      Completion<std::vector<Record>>([&context, request](Result<std::vector<Record>> records) {
        if (!records) return request.fail(records.error());
        context.parts.pool.run<protocol::DiffView>(
            [records = *std::move(records)] { return diff_of(records); },
            Completion<protocol::DiffView>([request](const Result<protocol::DiffView>& view) {
              view ? request.answer(*view) : request.fail(view.error());
            }));
      }));
}

}  // namespace tinkerbell::control

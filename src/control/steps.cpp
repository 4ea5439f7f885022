#include "control/views.hpp"

#include "tinkerbell/io/blocking_pool.hpp"

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
                                  answer_from_pool(
                                      context, request, [records = *std::move(records), page] {
                                        return Result<protocol::StepList>(page_of(records, page));
                                      });
                                }));
}

}  // namespace tinkerbell::control

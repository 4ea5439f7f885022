#include "tinkerbell/tasks/drafts.hpp"

#include "tasks/changed_paths.hpp"
#include "tasks/hand_over.hpp"

#include "tinkerbell/command/render.hpp"

#include <vector>

namespace tinkerbell {

namespace {

struct AcceptArguments {
  std::vector<std::string> paths;

  static constexpr auto fields() { return described(field("paths", &AcceptArguments::paths)); }
};

struct DropArguments {
  static constexpr auto fields() { return described(); }
};

/// The arguments are all that these tasks need for life.
template <class Arguments>
Result<Json> frozen(const Json& arguments) {
  const Result<Arguments> wanted = from_json_value<Arguments>(arguments, UnknownKeys::reject);
  if (!wanted) return wanted.error();
  return to_json_value(*wanted);
}

}  // namespace

Result<Json> freeze_accept(const Json& arguments) {
  return frozen<AcceptArguments>(arguments);
}

Result<Json> freeze_drop(const Json& arguments) {
  return frozen<DropArguments>(arguments);
}

Task<Result<Json>> run_accept(TaskStart start) {
  const Result<AcceptArguments> wanted = from_json_value<AcceptArguments>(start.definition);
  if (!wanted) co_return wanted.error();
  const Result<AwaitDraftAccept::Reply> taken = co_await accept_draft(wanted->paths, {});
  if (!taken) co_return taken.error();
  co_return Json{{"summary", summary_of(*taken)},
                 {"changed", changed_paths(taken->changes)},
                 {"left", to_json_value(taken->left)}};
}

Task<Result<Json>> run_drop(TaskStart /*start*/) {
  const Result<AwaitDraftDrop::Reply> dropped = co_await AwaitDraftDrop{};
  if (!dropped) co_return dropped.error();
  co_return Json{{"summary", "the draft is dropped"}};
}

std::string accept_title(const Json& arguments) {
  const auto wanted = from_json_value<AcceptArguments>(arguments);
  return command_line(AwaitDraftAccept{.paths = wanted->paths, .ignored = {}, .report = {}});
}

std::string drop_title(const Json& /*arguments*/) {
  return command_line(AwaitDraftDrop{});
}

}  // namespace tinkerbell

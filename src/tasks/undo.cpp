#include "tinkerbell/tasks/undo.hpp"

#include "tasks/changed_paths.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/render.hpp"

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace tinkerbell {

namespace {

constexpr std::size_t kShownMax = 5;

struct UndoArguments {
  AwaitFileRestore restore;
  std::vector<std::string> unknown;

  static constexpr auto fields() {
    return described(field("restore", &UndoArguments::restore),
                     field("unknown", &UndoArguments::unknown));
  }
};

template <class Each, class Text>
std::string first_of(const std::vector<Each>& all, const Text& text) {
  std::string words;
  for (std::size_t i = 0; i < all.size() && i <= kShownMax; ++i) {
    words += i == 0 ? "" : ", ";
    words += i == kShownMax ? "…" : text(all[i]);
  }
  return words;
}

std::string summary_of(const UndoArguments& wanted, const AwaitFileRestore::Reply& reply) {
  const std::string task = "task " + std::to_string(number(wanted.restore.of));
  const std::size_t paths = reply.changes.size();
  std::string text = std::to_string(paths) + (paths == 1 ? " path is as " : " paths are as ") +
                     (wanted.restore.step == 0
                          ? "before " + task
                          : "after step " + std::to_string(wanted.restore.step) + " of " + task);
  if (!reply.left.empty()) {
    text += ", " + std::to_string(reply.left.size()) + " left: " +
            first_of(reply.left, [](const LeftInDraft& left) { return visible_line(left.path); });
  }
  if (!wanted.unknown.empty()) {
    text += "; not known, and as it is: " +
            first_of(wanted.unknown, [](const std::string& what) { return visible_line(what); });
  }
  return text;
}

}  // namespace

Result<Json> freeze_undo(const Json& arguments) {
  const auto wanted = from_json_value<UndoArguments>(arguments, UnknownKeys::reject);
  if (!wanted) return wanted.error();
  return to_json_value(*wanted);
}

Task<Result<Json>> run_undo(TaskStart start) {
  const Result<UndoArguments> wanted = from_json_value<UndoArguments>(start.definition);
  if (!wanted) co_return wanted.error();
  const Result<AwaitFileRestore::Reply> restored = co_await AwaitFileRestore(wanted->restore);
  if (!restored) co_return restored.error();
  co_return Json{{"summary", summary_of(*wanted, *restored)},
                 {"changed", changed_paths(restored->changes)},
                 {"left", to_json_value(restored->left)}};
}

std::string undo_title(const Json& arguments) {
  const auto wanted = from_json_value<UndoArguments>(arguments);
  return command_line(wanted->restore);
}

}  // namespace tinkerbell

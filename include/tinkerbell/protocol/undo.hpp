#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/protocol/task.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::protocol {

/// POST /v1/tasks/{id}/undo: takes back what the task, those that came from it, and those that took
/// its draft over or took it back have changed. → 201 and the TaskView of a new task, which asks
/// before it does that. With `dry_run` → 200 and an UndoView. 409: one of them has not ended, there
/// is nothing to take back, or somebody else wrote to the same paths.
struct UndoRequest {
  std::uint64_t to_step = 0;  ///< Only what came after this step; 0: all.
  bool dry_run = false;
  bool keep_others = false;  ///< Leaves what somebody else wrote, instead of refusing.
  bool approve_all = false;  ///< Do not ask; what a rule denies stays denied.

  static constexpr auto fields() {
    return described(field("to_step", &UndoRequest::to_step),
                     field("dry_run", &UndoRequest::dry_run),
                     field("keep_others", &UndoRequest::keep_others),
                     field("approve_all", &UndoRequest::approve_all));
  }

  bool operator==(const UndoRequest&) const = default;
};

/// A path that does not go back all the way, or not at all.
struct StaysView {
  std::string path;  ///< Empty: it is not known which.
  std::string why;

  static constexpr auto fields() {
    return described(field("path", &StaysView::path), field("why", &StaysView::why));
  }

  bool operator==(const StaysView&) const = default;
};

/// What an undo would do.
struct UndoView {
  static constexpr std::string_view kSchema = "tinkerbell.undo/1";

  std::string schema{kSchema};
  TaskId task = kNoTask;
  std::uint64_t to_step = 0;
  bool in_draft = false;           ///< In the task's draft, of which nothing was taken over.
  std::vector<FileDiff> files;     ///< From how they are now.
  std::vector<StaysView> others;   ///< Somebody else's, or not kept: refused without `keep_others`.
  std::vector<StaysView> unknown;  ///< What the task may have changed besides.
  std::string note;                ///< Why there is nothing to take back.

  static constexpr auto fields() {
    return described(field("schema", &UndoView::schema), field("task", &UndoView::task),
                     field("to_step", &UndoView::to_step), field("in_draft", &UndoView::in_draft),
                     field("files", &UndoView::files), field("others", &UndoView::others),
                     field("unknown", &UndoView::unknown), field("note", &UndoView::note));
  }

  bool operator==(const UndoView&) const = default;
};

}  // namespace tinkerbell::protocol

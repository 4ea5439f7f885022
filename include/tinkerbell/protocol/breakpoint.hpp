#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::protocol {

/// POST /v1/tasks/{id}/breakpoints → 201 and a BreakpointList. What a pattern may say is in
/// docs/cli.md.
struct BreakpointRequest {
  std::string pattern;  ///< "program=git push".

  static constexpr auto fields() {
    return described(field("pattern", &BreakpointRequest::pattern));
  }

  bool operator==(const BreakpointRequest&) const = default;
};

/// POST /v1/tasks/{id}/breakpoints/clear → a BreakpointList.
struct ClearRequest {
  std::uint32_t number = 0;  ///< 0: all.

  static constexpr auto fields() { return described(field("number", &ClearRequest::number)); }

  bool operator==(const ClearRequest&) const = default;
};

struct BreakpointView {
  std::uint32_t number = 0;  ///< From 1; never used again within a task.
  std::string pattern;

  static constexpr auto fields() {
    return described(field("number", &BreakpointView::number),
                     field("pattern", &BreakpointView::pattern));
  }

  bool operator==(const BreakpointView&) const = default;
};

/// GET /v1/tasks/{id}/breakpoints: those of a live task, by number.
struct BreakpointList {
  static constexpr std::string_view kSchema = "tinkerbell.breakpoints/1";

  std::string schema{kSchema};
  TaskId task = kNoTask;
  std::vector<BreakpointView> breakpoints;

  static constexpr auto fields() {
    return described(field("schema", &BreakpointList::schema), field("task", &BreakpointList::task),
                     field("breakpoints", &BreakpointList::breakpoints));
  }

  bool operator==(const BreakpointList&) const = default;
};

}  // namespace tinkerbell::protocol

#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell::protocol {

/// POST /v1/tasks/{id}/accept → 201 and the TaskView of a new task, which asks before it takes over
/// what task {id} changed in its draft. 409: it has none.
struct AcceptRequest {
  static constexpr std::size_t kPathsMax = 1'000;

  std::vector<std::string> paths;  ///< Only these and what is below them; empty: all.
  bool approve_all = false;        ///< Do not ask; what a rule denies stays denied.

  static constexpr auto fields() {
    return described(field("paths", &AcceptRequest::paths),
                     field("approve_all", &AcceptRequest::approve_all));
  }

  bool operator==(const AcceptRequest&) const = default;
};

/// Whether a request keeps its bounds. Errors: invalid, too_large.
[[nodiscard]] Result<void> check(const AcceptRequest& request);

/// POST /v1/tasks/{id}/drop → 201 and the TaskView of a new task, which asks before it throws the
/// draft of task {id} away. 409: it has none, or still works in it.
struct DropRequest {
  bool approve_all = false;

  static constexpr auto fields() {
    return described(field("approve_all", &DropRequest::approve_all));
  }

  bool operator==(const DropRequest&) const = default;
};

/// POST /v1/tasks/{id}/fork → 201 and the TaskView of a new task, which has the first steps of task
/// {id} and goes on from there, in a draft of its own with the files as they were then. 404: there
/// is no such step. 409: it is still under way, or what it takes is not known any more.
struct ForkRequest {
  static constexpr std::size_t kSayBytesMax = 64 << 10;

  std::optional<std::uint32_t> at;  ///< The last of those steps; 0: none of them. Required.
  std::string say;                  ///< What it is told before it goes on; empty: nothing.
  bool approve_all = false;         ///< Approve what it would ask; what a rule denies stays denied.

  static constexpr auto fields() {
    return described(field("at", &ForkRequest::at), field("say", &ForkRequest::say),
                     field("approve_all", &ForkRequest::approve_all));
  }

  bool operator==(const ForkRequest&) const = default;
};

/// Whether a request keeps its bounds. Errors: invalid, too_large.
[[nodiscard]] Result<void> check(const ForkRequest& request);

}  // namespace tinkerbell::protocol

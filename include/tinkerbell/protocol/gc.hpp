#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell::protocol {

/// POST /v1/gc: removes tasks that have ended, with all that only they needed.
struct GcRequest {
  /// How long ago the last of their family ended, up to 100 years; absent: as the config says.
  std::optional<Milliseconds> older_than;
  bool dry_run = false;  ///< Only tell what would go.

  static constexpr auto fields() {
    return described(field("older_than_ms", &GcRequest::older_than),
                     field("dry_run", &GcRequest::dry_run));
  }

  bool operator==(const GcRequest&) const = default;
};

/// Bounds of a request. Errors: invalid.
[[nodiscard]] Result<void> check(const GcRequest& request);

/// Answers it when all is done.
struct GcView {
  static constexpr std::string_view kSchema = "tinkerbell.gc/1";

  std::string schema{kSchema};
  bool dry_run = false;
  std::uint64_t tasks = 0;
  std::uint64_t records = 0;
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;     ///< As they were stored, of blobs and contents, too.
  std::uint64_t contents = 0;  ///< Contents of files that only they needed.
  std::uint64_t drafts = 0;    ///< That are neither accepted nor dropped: their tasks stay.
  std::string note;            ///< Why no contents were removed; empty: what could be was.

  static constexpr auto fields() {
    return described(field("schema", &GcView::schema), field("dry_run", &GcView::dry_run),
                     field("tasks", &GcView::tasks), field("records", &GcView::records),
                     field("blobs", &GcView::blobs), field("bytes", &GcView::bytes),
                     field("contents", &GcView::contents), field("drafts", &GcView::drafts),
                     field("note", &GcView::note));
  }

  bool operator==(const GcView&) const = default;
};

}  // namespace tinkerbell::protocol

#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tinkerbell::protocol {

/// GET /v1/tasks/{id}/cassette: what models answered a task and all that came from it, so far. As
/// it is, it goes into SubmitRequest::cassette, and into files.
struct CassetteView {
  static constexpr std::string_view kSchema = "tinkerbell.cassette/1";

  /// What a cassette may be as JSON, in a file or in a request.
  static constexpr JsonLimits kLimits{
      .depth_max = 60, .nodes_max = 90'000, .bytes_max = std::size_t{4} << 20};

  std::string schema{kSchema};
  std::uint64_t exchanges = 0;  ///< In all of it.
  Json task;                    ///< A tree by who spawned whom (docs/models.md).

  static constexpr auto fields() {
    return described(field("schema", &CassetteView::schema),
                     field("exchanges", &CassetteView::exchanges),
                     field("task", &CassetteView::task));
  }

  bool operator==(const CassetteView&) const = default;
};

/// Whether a document is a cassette of this version. Errors: invalid, unsupported (names both
/// versions).
[[nodiscard]] Result<void> check_cassette(const Json& document);

}  // namespace tinkerbell::protocol

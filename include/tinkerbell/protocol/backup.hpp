#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tinkerbell::protocol {

/// POST /v1/backup: a copy of the journal as the state directory of another daemon.
struct BackupRequest {
  std::string directory;  ///< Absolute, on the daemon's machine; must not exist.

  static constexpr auto fields() {
    return described(field("directory", &BackupRequest::directory));
  }

  bool operator==(const BackupRequest&) const = default;
};

/// Bounds of a request. Errors: invalid, too_large.
[[nodiscard]] Result<void> check(const BackupRequest& request);

/// Answers it once the copy is whole and synced.
struct BackupView {
  static constexpr std::string_view kSchema = "tinkerbell.backup/1";

  std::string schema{kSchema};
  std::string directory;
  std::uint64_t bytes = 0;

  static constexpr auto fields() {
    return described(field("schema", &BackupView::schema),
                     field("directory", &BackupView::directory),
                     field("bytes", &BackupView::bytes));
  }

  bool operator==(const BackupView&) const = default;
};

}  // namespace tinkerbell::protocol

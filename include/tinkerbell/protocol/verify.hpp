#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::protocol {

/// The newest record at some time, and the seal of its commit: 64 hexadecimal digits.
struct AnchorView {
  std::uint64_t lsn = 0;
  std::string seal;

  static constexpr auto fields() {
    return described(field("lsn", &AnchorView::lsn), field("seal", &AnchorView::seal));
  }

  bool operator==(const AnchorView&) const = default;
};

/// POST /v1/verify: compares the journal's records with their seals.
struct VerifyRequest {
  std::optional<std::uint64_t> task;  ///< Absent: the payloads of all tasks are read.
  std::optional<AnchorView> anchor;   ///< One that was noted down, as the log has them.

  static constexpr auto fields() {
    return described(field("task", &VerifyRequest::task), field("anchor", &VerifyRequest::anchor));
  }

  bool operator==(const VerifyRequest&) const = default;
};

/// Bounds of a request. Errors: invalid.
[[nodiscard]] Result<void> check(const VerifyRequest& request);

/// The first thing that is not as it was written.
struct DamageView {
  std::uint64_t lsn = 0;              ///< Of the record; 0: it is in none.
  std::optional<std::uint64_t> task;  ///< Absent: it cannot be read, or is missing.
  std::uint32_t command = 0;          ///< 0: of the task itself.
  std::string what;

  static constexpr auto fields() {
    return described(field("lsn", &DamageView::lsn), field("task", &DamageView::task),
                     field("command", &DamageView::command), field("what", &DamageView::what));
  }

  bool operator==(const DamageView&) const = default;
};

/// Answers it when all was looked at, or something is wrong.
struct VerifyView {
  static constexpr std::string_view kSchema = "tinkerbell.verify/1";

  std::string schema{kSchema};
  bool good = true;
  std::uint64_t records = 0;       ///< That were looked at.
  std::uint64_t blobs = 0;         ///< Payloads beside them, likewise.
  std::uint64_t sealed_from = 0;   ///< Of records before this one nothing is claimed but their crc.
  AnchorView newest;               ///< The newest that there is.
  std::uint64_t anchored = 0;      ///< Up to here a start would notice that records are missing.
  std::vector<std::string> notes;  ///< When the seals began, and what was accepted since.
  std::optional<DamageView> damage;

  static constexpr auto fields() {
    return described(field("schema", &VerifyView::schema), field("good", &VerifyView::good),
                     field("records", &VerifyView::records), field("blobs", &VerifyView::blobs),
                     field("sealed_from", &VerifyView::sealed_from),
                     field("newest", &VerifyView::newest), field("anchored", &VerifyView::anchored),
                     field("notes", &VerifyView::notes), field("damage", &VerifyView::damage));
  }

  bool operator==(const VerifyView&) const = default;
};

}  // namespace tinkerbell::protocol

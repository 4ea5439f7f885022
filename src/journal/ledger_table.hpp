#pragma once

#include "journal/sqlite.hpp"

#include "tinkerbell/journal/spending.hpp"

#include <vector>

namespace tinkerbell {

/// The table `ledger`: a row for each line, `spent` in canonical form. Each row carries a crc32c
/// over its values, since a damaged sum looks like any other.
class LedgerTable {
 public:
  [[nodiscard]] static Result<LedgerTable> on(SqliteConnection& database);

  /// Adds to the line of its root, day and model. Inside the caller's transaction. Errors: invalid
  /// (that line is damaged), storage_full, io.
  [[nodiscard]] Result<void> add(const Charge& charge);

  /// By root, day and model. Errors: invalid (one of them is damaged), io.
  [[nodiscard]] Result<std::vector<LedgerLine>> lines(const LedgerRange& range);

  /// All that a root has spent. Errors: as lines().
  [[nodiscard]] Result<Spending> total(TaskId root);

 private:
  LedgerTable() = default;

  SqliteStatement put_;
  SqliteStatement one_;
  SqliteStatement of_roots_;
};

}  // namespace tinkerbell

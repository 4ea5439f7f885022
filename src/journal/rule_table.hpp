#pragma once

#include "journal/sqlite.hpp"

#include "tinkerbell/journal/store.hpp"

#include <vector>

namespace tinkerbell {

/// Standing rules: a row of `meta` each, "rule/3", whose value begins with its crc32c. A bit that
/// is lost must not allow anything.
class RuleTable {
 public:
  [[nodiscard]] static Result<RuleTable> on(SqliteConnection& database);

  /// By number. Errors: invalid (crc), io.
  [[nodiscard]] Result<std::vector<KeptRule>> all();

  [[nodiscard]] Result<void> put(const KeptRule& rule);

  [[nodiscard]] Result<void> remove(std::uint64_t number);

 private:
  SqliteStatement all_;
  SqliteStatement put_;
  SqliteStatement remove_;
};

}  // namespace tinkerbell

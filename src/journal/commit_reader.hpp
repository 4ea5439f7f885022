#pragma once

#include "journal/sqlite.hpp"

#include "tinkerbell/journal/record.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// One decoded row of the table `commits`: records with ascending lsns. Never empty.
struct CommitRow {
  std::vector<PackedRecord> records;
  std::size_t bytes = 0;  ///< Memory that it takes, about.

  [[nodiscard]] Lsn first() const { return records.front().record.lsn; }

  [[nodiscard]] Lsn last() const { return records.back().record.lsn; }

  /// Null: it is not there (any more).
  [[nodiscard]] const PackedRecord* find(Lsn lsn) const;
};

/// A row as it is stored.
struct PackedRow {
  Lsn first{0};
  Lsn last{0};
  std::string body;  ///< Records one behind the other.

  /// A record in it, without its payload, and where it begins in the body.
  struct Entry {
    PackedRecord header;
    std::size_t offset = 0;
  };

  /// All of them, checked. Errors: invalid (damaged).
  [[nodiscard]] Result<std::vector<Entry>> entries() const;
};

/// Finds records by lsn. Decoded rows are kept in a bounded cache: the tasks that wait side by side
/// after a start share their rows, and a row never changes once it is committed.
class CommitReader {
 public:
  [[nodiscard]] static Result<CommitReader> on(SqliteConnection& database);

  /// The row that `lsn` is in, or was; its records are checked. Errors: invalid (not there,
  /// damaged), io.
  [[nodiscard]] Result<std::shared_ptr<const CommitRow>> row_with(Lsn lsn);

  /// Errors: invalid (damaged).
  [[nodiscard]] static Result<CommitRow> decoded(Lsn first, Lsn last, std::string_view body);

  /// The newest row that begins at or before `lsn`, not from the cache; null: there is none.
  /// Errors: invalid (the file is damaged), io.
  [[nodiscard]] Result<std::optional<PackedRow>> packed_row_before(Lsn lsn);

  /// The row that begins there was changed.
  void forget(Lsn first);

  /// The newest row; null in an empty journal. Errors: invalid (damaged), io.
  [[nodiscard]] Result<std::shared_ptr<const CommitRow>> newest();

 private:
  explicit CommitReader(SqliteStatement find) : find_(std::move(find)) {}

  /// The newest row that begins at or before `lsn`, or null.
  [[nodiscard]] Result<std::shared_ptr<const CommitRow>> read(Lsn lsn);
  void keep(std::shared_ptr<const CommitRow> row);

  SqliteStatement find_;
  std::map<Lsn, std::shared_ptr<const CommitRow>> cache_;  ///< By the first lsn.
  std::size_t cached_bytes_ = 0;
};

}  // namespace tinkerbell

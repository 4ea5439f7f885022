#pragma once

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace tinkerbell {

/// What SQLite said, as ours: storage_full (a write found no space), conflict (somebody else holds
/// it), invalid (damaged, or no database), denied (read-only), io.
[[nodiscard]] Error sqlite_error(sqlite3* connection, std::string_view operation);

struct SqliteFinalizer {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

using SqliteStatement = std::unique_ptr<sqlite3_stmt, SqliteFinalizer>;

/// An id or a record's number as a column has it.
[[nodiscard]] std::int64_t stored(auto id) {
  return static_cast<std::int64_t>(number(id));
}

/// A value for a BLOB column. Not copied: it outlives the query that uses it.
struct SqliteBlob {
  std::string_view bytes;
};

[[nodiscard]] inline SqliteBlob stored(const Sha256& hash) {
  return {{reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()}};
}

/// One execution of a prepared statement. Its end resets the statement, so that no read transaction
/// is left open and checkpoints can pass.
class SqliteQuery {
 public:
  /// Binds `values` to ?1, ?2 …
  template <class... Values>
  explicit SqliteQuery(const SqliteStatement& statement, const Values&... values)
      : statement_(statement.get()) {
    int index = 0;
    (bind(++index, values), ...);
  }

  SqliteQuery(const SqliteQuery&) = delete;
  SqliteQuery& operator=(const SqliteQuery&) = delete;

  ~SqliteQuery() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  /// Moves to the next row; false after the last.
  [[nodiscard]] Result<bool> next();

  /// Executes a statement that answers no rows.
  [[nodiscard]] Result<void> run();

  /// The columns of the row, from 0.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  /// Valid until the next row.
  [[nodiscard]] std::string_view blob(int column) const;

 private:
  void bind(int index, std::int64_t value);
  void bind(int index, std::string_view value);
  void bind(int index, SqliteBlob value);
  void note(int code);

  sqlite3_stmt* statement_;
  int bind_code_ = SQLITE_OK;  ///< The first bind that failed: next() reports it.
};

struct SqliteBackupFinisher {
  void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
};

using SqliteBackup = std::unique_ptr<sqlite3_backup, SqliteBackupFinisher>;

/// A database file, open for one thread at a time, hardened against what may stand in it.
class SqliteConnection {
 public:
  /// Opens `file`, which exists (it may be empty). No symbolic link is followed.
  [[nodiscard]] static Result<SqliteConnection> open(const std::filesystem::path& file);

  /// Runs SQL of ours that takes no values.
  [[nodiscard]] Result<void> execute(const char* sql);

  [[nodiscard]] Result<SqliteStatement> prepare(std::string_view sql);

  /// The first column of the first row. Errors: not_found (no row).
  [[nodiscard]] Result<std::int64_t> integer(std::string_view sql);
  [[nodiscard]] Result<std::string> text(std::string_view sql);

  /// Copies the write-ahead log into the database file. Unlike an automatic checkpoint it reports a
  /// failed sync, which must never be tried again.
  [[nodiscard]] Result<void> checkpoint();

  /// Begins to copy this database into `target`, which holds nothing. What is committed here
  /// meanwhile is copied as well.
  [[nodiscard]] Result<SqliteBackup> begin_backup_to(SqliteConnection& target);

  /// Copies so many pages. True: all is there.
  [[nodiscard]] static Result<bool> copy_pages(const SqliteBackup& backup, SqliteConnection& target,
                                               int pages);

  /// Pages in the write-ahead log after the newest commit.
  [[nodiscard]] int log_pages() const { return *log_pages_; }

  /// Lengthens the write-ahead log's file with zeros, which SQLite does not take for pages, if
  /// there is room. Returns how long it is at least. A sync of bytes within a file is one write to
  /// the disk; where the file has become longer, it is several.
  std::int64_t lengthen_log_to(std::int64_t bytes);

  /// Whether closing copies the log into the database file and removes it, as it does at first. Not
  /// where something is wrong: then all stays as it is.
  void copy_log_on_close(bool wanted);

  /// Rows that the last INSERT, UPDATE or DELETE touched.
  [[nodiscard]] int changes() const { return sqlite3_changes(connection_.get()); }

 private:
  struct Closer {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };

  explicit SqliteConnection(sqlite3* connection) : connection_(connection) {}

  static int note_log_pages(void* pages, sqlite3* connection, const char* database, int count);

  [[nodiscard]] Result<void> harden();

  std::unique_ptr<int> log_pages_ = std::make_unique<int>(0);  ///< Has a fixed address for SQLite.
  std::unique_ptr<sqlite3, Closer> connection_;
};

}  // namespace tinkerbell

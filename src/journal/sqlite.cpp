#include "journal/sqlite.hpp"

#include <cerrno>

namespace tinkerbell {

namespace {

Errc code_of(int extended_code, int system_errno) {
  switch (extended_code & 0xFF) {
    case SQLITE_FULL:
      return Errc::storage_full;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::conflict;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::invalid;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Errc::denied;
    case SQLITE_TOOBIG:
      return Errc::too_large;
    default:
      return system_errno == ENOSPC || system_errno == EDQUOT ? Errc::exhausted : Errc::io;
  }
}

/// Debian builds SQLite with these off or on as it likes; we say what we need.
struct Switch {
  int option;
  int value;
};

constexpr std::array kSwitches = {
    Switch{SQLITE_DBCONFIG_DEFENSIVE, 1},
    Switch{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
    Switch{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
    Switch{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
    Switch{SQLITE_DBCONFIG_DQS_DDL, 0},
    Switch{SQLITE_DBCONFIG_DQS_DML, 0},
    Switch{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
};

/// No row of ours is longer: a record, and what is packed with it.
constexpr int kValueBytesMax = 128 << 20;

/// How long to wait at the start for a tool that has the file open; afterwards nobody gets in.
constexpr int kBusyTimeoutMs = 2'000;

}  // namespace

Error sqlite_error(sqlite3* connection, std::string_view operation) {
  const int code = sqlite3_extended_errcode(connection);
  const bool from_system = (code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_CANTOPEN;
  const int system_errno = from_system ? sqlite3_system_errno(connection) : 0;
  std::string message = std::string(operation) + ": " + sqlite3_errmsg(connection) +
                        " (SQLite code " + std::to_string(code) + ")";
  if (system_errno != 0)
    return {code_of(code, system_errno), os_error(message, system_errno).message};
  return {code_of(code, 0), std::move(message)};
}

// ---- SqliteQuery ----

void SqliteQuery::note(int code) {
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

void SqliteQuery::bind(int index, std::int64_t value) {
  note(sqlite3_bind_int64(statement_, index, value));
}

void SqliteQuery::bind(int index, std::string_view value) {
  note(sqlite3_bind_text64(statement_, index, value.data(), value.size(), SQLITE_TRANSIENT,
                           SQLITE_UTF8));
}

void SqliteQuery::bind(int index, SqliteBlob value) {
  note(sqlite3_bind_blob64(statement_, index, value.bytes.data(), value.bytes.size(),
                           SQLITE_STATIC));
}

Result<bool> SqliteQuery::next() {
  const int code = bind_code_ == SQLITE_OK ? sqlite3_step(statement_) : bind_code_;
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_error(sqlite3_db_handle(statement_), "sqlite");
}

Result<void> SqliteQuery::run() {
  const Result<bool> row = next();
  if (!row) return row.error();
  TINKERBELL_ASSERT(!*row);
  return {};
}

std::int64_t SqliteQuery::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string SqliteQuery::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string_view SqliteQuery::blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

// ---- SqliteConnection ----

Result<SqliteConnection> SqliteConnection::open(const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      file.c_str(), &raw,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
      nullptr);
  SqliteConnection connection(raw);  // even a failed open hands out a handle that wants closing
  if (code != SQLITE_OK) return sqlite_error(raw, "open");
  if (Result<void> hardened = connection.harden(); !hardened) return hardened.error();
  return connection;
}

Result<void> SqliteConnection::harden() {
  for (const Switch& each : kSwitches) {
    if (sqlite3_db_config(connection_.get(), each.option, each.value, nullptr) != SQLITE_OK) {
      return sqlite_error(connection_.get(), "configure");
    }
  }
  sqlite3_limit(connection_.get(), SQLITE_LIMIT_LENGTH, kValueBytesMax);
  sqlite3_busy_timeout(connection_.get(), kBusyTimeoutMs);
  sqlite3_wal_hook(connection_.get(), &note_log_pages, log_pages_.get());  // no autocheckpoint
  return execute("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY");
}

std::int64_t SqliteConnection::lengthen_log_to(std::int64_t bytes) {
  sqlite3_file* log = nullptr;
  sqlite3_file_control(connection_.get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  sqlite3_int64 size = 0;
  if (log == nullptr || log->pMethods == nullptr) return size;
  if (log->pMethods->xFileSize(log, &size) != SQLITE_OK) return size;
  static constexpr std::array<char, 1 << 16> kZeros{};  // SQLite's xWrite takes less than 128 KiB
  while (size < bytes) {
    const auto piece = std::min<std::int64_t>(bytes - size, kZeros.size());
    const int code = log->pMethods->xWrite(log, kZeros.data(), static_cast<int>(piece), size);
    if (code != SQLITE_OK) break;
    size += piece;
  }
  return size;
}

int SqliteConnection::note_log_pages(void* pages, sqlite3* /*connection*/, const char* /*database*/,
                                     int count) {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

Result<void> SqliteConnection::checkpoint() {
  const int code = sqlite3_wal_checkpoint_v2(connection_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                             nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(connection_.get(), "checkpoint");
  return {};
}

Result<SqliteBackup> SqliteConnection::begin_backup_to(SqliteConnection& target) {
  SqliteBackup backup(
      sqlite3_backup_init(target.connection_.get(), "main", connection_.get(), "main"));
  if (backup == nullptr) return sqlite_error(target.connection_.get(), "begin a copy");
  return backup;
}

Result<bool> SqliteConnection::copy_pages(const SqliteBackup& backup, SqliteConnection& target,
                                          int pages) {
  const int code = sqlite3_backup_step(backup.get(), pages);
  if (code == SQLITE_OK) return false;
  if (code == SQLITE_DONE) return true;
  return sqlite_error(target.connection_.get(), "copy");
}

void SqliteConnection::copy_log_on_close(bool wanted) {
  sqlite3_db_config(connection_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, wanted ? 0 : 1, nullptr);
}

Result<void> SqliteConnection::execute(const char* sql) {
  if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return sqlite_error(connection_.get(), "sqlite");
  }
  return {};
}

Result<SqliteStatement> SqliteConnection::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return sqlite_error(connection_.get(), "prepare");
  return SqliteStatement(raw);
}

namespace {

/// Reads one column of the first row with `read`.
template <class T>
Result<T> first_value(SqliteConnection& connection, std::string_view sql,
                      T (SqliteQuery::*read)(int) const) {
  const Result<SqliteStatement> statement = connection.prepare(sql);
  if (!statement) return statement.error();
  SqliteQuery query(*statement);
  const Result<bool> row = query.next();
  if (!row) return row.error();
  if (!*row) return Error{Errc::not_found, "no row for " + std::string(sql)};
  return (query.*read)(0);
}

}  // namespace

Result<std::int64_t> SqliteConnection::integer(std::string_view sql) {
  return first_value(*this, sql, &SqliteQuery::integer);
}

Result<std::string> SqliteConnection::text(std::string_view sql) {
  return first_value(*this, sql, &SqliteQuery::text);
}

}  // namespace tinkerbell

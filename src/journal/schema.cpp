#include "journal/schema.hpp"

#include "journal/kept_version.hpp"

#include "tinkerbell/base/random.hpp"

#include <cstdio>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kApplicationId = 0x54696E6B;  // "Tink", for file(1)

/// The oldest one that was in a release, or in a journal that somebody keeps.
constexpr std::int64_t kOldestVersion = 2;
constexpr std::int64_t kSchemaVersion = 5;

struct SchemaObject {
  std::string_view name;
  std::int64_t since;  ///< The version that brought it.
  const char* sql;
  std::int64_t changed = 0;      ///< The version that changed it, if one did:
  const char* before = nullptr;  ///< from this
  const char* change = nullptr;  ///< by this.

  [[nodiscard]] const char* sql_at(std::int64_t version) const {
    return version < changed ? before : sql;
  }
};

/// In the order of their names. SQLite keeps the text as it is, so that it can be compared.
constexpr std::array kSchema = {
    SchemaObject{"blobs", 3,
                 "CREATE TABLE blobs (id INTEGER PRIMARY KEY, hash BLOB NOT NULL, uses INTEGER NOT "
                 "NULL, length INTEGER NOT NULL, codec INTEGER NOT NULL, body BLOB) STRICT"},
    SchemaObject{"blobs_hash", 3, "CREATE UNIQUE INDEX blobs_hash ON blobs (hash)"},
    SchemaObject{"commits", 2,
                 "CREATE TABLE commits (first_lsn INTEGER PRIMARY KEY, last_lsn INTEGER NOT NULL, "
                 "body BLOB NOT NULL, seal BLOB) STRICT",
                 5,
                 "CREATE TABLE commits (first_lsn INTEGER PRIMARY KEY, last_lsn INTEGER NOT NULL, "
                 "body BLOB NOT NULL) STRICT",
                 "ALTER TABLE commits ADD COLUMN seal BLOB"},
    SchemaObject{"leaving", 3,
                 "CREATE TABLE leaving (task INTEGER PRIMARY KEY, head INTEGER NOT NULL) STRICT"},
    SchemaObject{"ledger", 4,
                 "CREATE TABLE ledger (root INTEGER NOT NULL, day INTEGER NOT NULL, model TEXT NOT "
                 "NULL, spent BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (root, day, model)) "
                 "STRICT, WITHOUT ROWID"},
    SchemaObject{"links", 5,
                 "CREATE TABLE links (first_lsn INTEGER NOT NULL, last_lsn INTEGER NOT NULL, id "
                 "INTEGER NOT NULL, kind INTEGER NOT NULL, note TEXT NOT NULL, seal BLOB NOT NULL, "
                 "PRIMARY KEY (first_lsn, last_lsn, id)) STRICT, WITHOUT ROWID"},
    SchemaObject{"meta", 2,
                 "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT "
                 "ROWID"},
    SchemaObject{"tasks", 2,
                 "CREATE TABLE tasks (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, kind TEXT "
                 "NOT NULL, title TEXT NOT NULL, state TEXT NOT NULL, ended INTEGER NOT NULL, "
                 "created INTEGER NOT NULL, changed INTEGER NOT NULL, head INTEGER NOT NULL, "
                 "steps INTEGER NOT NULL, crc INTEGER NOT NULL, rest BLOB) STRICT",
                 3,
                 "CREATE TABLE tasks (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, kind TEXT "
                 "NOT NULL, title TEXT NOT NULL, state TEXT NOT NULL, ended INTEGER NOT NULL, "
                 "created INTEGER NOT NULL, changed INTEGER NOT NULL, head INTEGER NOT NULL, "
                 "steps INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT",
                 "ALTER TABLE tasks ADD COLUMN rest BLOB"},
    SchemaObject{"tasks_live", 2, "CREATE INDEX tasks_live ON tasks (id) WHERE ended = 0"},
};

/// What a version brings beside its new tables: rows that it needs. By the version, from the
/// oldest.
struct SchemaRows {
  std::int64_t version;
  const char* sql;
};

constexpr std::array kRows = {
    SchemaRows{2, "INSERT INTO meta VALUES ('epoch', 0), ('last_approval', 0)"},
    SchemaRows{3, "INSERT INTO meta VALUES ('last_lsn', 0), ('last_task', 0)"},
    SchemaRows{5, "INSERT INTO meta VALUES ('seal_key', '')"},
};

std::string new_store_id() {
  SystemRandom random;
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx",
                static_cast<unsigned long long>(random.next()),
                static_cast<unsigned long long>(random.next()));
  return text.data();
}

/// All that makes a database of version `to` out of one of version `from`, in one transaction.
Result<void> raise_version(SqliteConnection& database, std::int64_t from, std::int64_t to) {
  std::string sql = "BEGIN IMMEDIATE;";
  for (const SchemaObject& each : kSchema) {
    if (from < each.since && each.since <= to) {
      sql.append(each.sql_at(to)).append(";");
    } else if (from < each.changed && each.changed <= to) {
      sql.append(each.change).append(";");
    }
  }
  for (const SchemaRows& each : kRows) {
    if (from < each.version && each.version <= to) sql.append(each.sql).append(";");
  }
  if (from == 0) {
    sql.append("INSERT INTO meta VALUES ('store_id', '").append(new_store_id()).append("');");
    sql.append("PRAGMA application_id = " + std::to_string(kApplicationId) + ";");
  }
  sql.append("PRAGMA user_version = " + std::to_string(to) + ";COMMIT");
  Result<void> raised = database.execute(sql.c_str());
  if (!raised) (void)database.execute("ROLLBACK");  // the first error says more
  return raised;
}

/// One version after the other, each in a transaction of its own.
Result<void> migrate(SqliteConnection& database, const fs::path& file, std::int64_t from) {
  if (Result<void> kept = keep_version(database, file, from); !kept) return kept;
  for (std::int64_t version = from; version < kSchemaVersion; ++version) {
    if (Result<void> raised = raise_version(database, version, version + 1); !raised) {
      return raised.error().with("from schema version " + std::to_string(version));
    }
  }
  return {};
}

/// Errors: invalid, with the first object that is not as we made it.
Result<void> check_objects(SqliteConnection& database, std::int64_t version) {
  const auto statement =
      database.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name COLLATE BINARY");
  if (!statement) return statement.error();
  SqliteQuery query(*statement);
  for (const SchemaObject& expected : kSchema) {
    if (expected.since > version) continue;
    const Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row || query.text(0) != expected.name || query.text(1) != expected.sql_at(version)) {
      return Error{Errc::invalid, "is not a journal of ours: \"" + std::string(expected.name) +
                                      "\" is missing or changed, or something was added"};
    }
  }
  const Result<bool> more = query.next();
  if (!more) return more.error();
  if (*more)
    return Error{Errc::invalid,
                 "is not a journal of ours: it also has an object \"" + query.text(0) + "\""};
  return {};
}

/// Reads who made the file, before anything in it is changed or trusted. Its version; 0: it is
/// empty.
Result<std::int64_t> check_identity(SqliteConnection& database) {
  const auto application = database.integer("PRAGMA application_id");
  if (!application) return application.error();
  const auto version = database.integer("PRAGMA user_version");
  if (!version) return version.error();
  const auto objects = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!objects) return objects.error();

  if (*application == 0 && *version == 0 && *objects == 0) return std::int64_t{0};
  if (*application != kApplicationId) {
    return Error{Errc::invalid,
                 "is not a journal of ours (application id " + std::to_string(*application) + ")"};
  }
  if (*version < kOldestVersion || *version > kSchemaVersion) {
    return Error{Errc::invalid, "has schema version " + std::to_string(*version) +
                                    ", this program reads versions " +
                                    std::to_string(kOldestVersion) + " to " +
                                    std::to_string(kSchemaVersion)};
  }
  if (Result<void> same = check_objects(database, *version); !same) return same.error();
  return *version;
}

Result<void> set_up(SqliteConnection& database, const fs::path& file, JournalMark& mark,
                    Acceptance& acceptance) {
  // Exclusive before the first read: the file is then locked, and the log's index is in our memory.
  if (Result<void> locked = database.execute("PRAGMA locking_mode = EXCLUSIVE"); !locked) {
    return locked.error();
  }
  const Result<std::int64_t> version = check_identity(database);
  if (!version) return version.error();
  if (*version == 0 && mark.content()) {
    if (Result<void> accepted = acceptance.check(mark.lost()); !accepted) return accepted;
    mark.forget();
  }
  const auto mode = database.text("PRAGMA journal_mode = WAL");
  if (!mode) return mode.error();
  if (*mode != "wal") return Error{Errc::io, "cannot use a write-ahead log (mode " + *mode + ")"};
  if (Result<void> full = database.execute("PRAGMA synchronous = FULL"); !full) return full;
  if (*version == 0) return raise_version(database, 0, kSchemaVersion);
  return *version < kSchemaVersion ? migrate(database, file, *version) : Result<void>{};
}

}  // namespace

Result<SqliteConnection> open_journal_database(const std::filesystem::path& file, JournalMark& mark,
                                               Acceptance& acceptance) {
  Result<SqliteConnection> database = SqliteConnection::open(file);
  if (!database) return database.error().with(file.string());
  database->copy_log_on_close(false);
  if (Result<void> ready = set_up(*database, file, mark, acceptance); !ready)
    return ready.error().with(file.string());
  return database;
}

}  // namespace tinkerbell

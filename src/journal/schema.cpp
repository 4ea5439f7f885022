#include "journal/schema.hpp"

#include "tinkerbell/base/random.hpp"

#include <cstdio>

namespace tinkerbell {

namespace {

constexpr std::int64_t kApplicationId = 0x54696E6B;  // "Tink", for file(1)
constexpr std::int64_t kSchemaVersion = 2;

struct SchemaObject {
  std::string_view name;
  const char* sql;
};

/// In the order of their names. SQLite keeps the text as it is, so that it can be compared.
constexpr std::array kSchema = {
    SchemaObject{"commits",
                 "CREATE TABLE commits (first_lsn INTEGER PRIMARY KEY, last_lsn INTEGER NOT NULL, "
                 "body BLOB NOT NULL) STRICT"},
    SchemaObject{"meta",
                 "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT "
                 "ROWID"},
    SchemaObject{"tasks",
                 "CREATE TABLE tasks (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, kind TEXT "
                 "NOT NULL, title TEXT NOT NULL, state TEXT NOT NULL, ended INTEGER NOT NULL, "
                 "created INTEGER NOT NULL, changed INTEGER NOT NULL, head INTEGER NOT NULL, "
                 "steps INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT"},
    SchemaObject{"tasks_live", "CREATE INDEX tasks_live ON tasks (id) WHERE ended = 0"},
};

std::string new_store_id() {
  SystemRandom random;
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx",
                static_cast<unsigned long long>(random.next()),
                static_cast<unsigned long long>(random.next()));
  return text.data();
}

Result<void> create(SqliteConnection& database) {
  std::string sql = "BEGIN IMMEDIATE;";
  for (const SchemaObject& each : kSchema)
    sql.append(each.sql).append(";");
  sql.append("INSERT INTO meta VALUES ('epoch', 0), ('last_approval', 0), ('store_id', '")
      .append(new_store_id())
      .append("');");
  sql.append("PRAGMA application_id = " + std::to_string(kApplicationId) + ";");
  sql.append("PRAGMA user_version = " + std::to_string(kSchemaVersion) + ";");
  sql.append("COMMIT");
  return database.execute(sql.c_str());
}

/// Errors: invalid, with the first object that is not as we made it.
Result<void> check_objects(SqliteConnection& database) {
  const auto statement =
      database.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name COLLATE BINARY");
  if (!statement) return statement.error();
  SqliteQuery query(*statement);
  for (const SchemaObject& expected : kSchema) {
    const Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row || query.text(0) != expected.name || query.text(1) != expected.sql) {
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

/// Reads who made the file, before anything in it is changed or trusted. True: it is empty.
Result<bool> check_identity(SqliteConnection& database) {
  const auto application = database.integer("PRAGMA application_id");
  if (!application) return application.error();
  const auto version = database.integer("PRAGMA user_version");
  if (!version) return version.error();
  const auto objects = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!objects) return objects.error();

  if (*application == 0 && *version == 0 && *objects == 0) return true;
  if (*application != kApplicationId) {
    return Error{Errc::invalid,
                 "is not a journal of ours (application id " + std::to_string(*application) + ")"};
  }
  if (*version != kSchemaVersion) {
    return Error{Errc::invalid, "has schema version " + std::to_string(*version) +
                                    ", this program reads version " +
                                    std::to_string(kSchemaVersion)};
  }
  if (Result<void> same = check_objects(database); !same) return same.error();
  return false;
}

Result<void> set_up(SqliteConnection& database, const JournalMark& mark) {
  // Exclusive before the first read: the file is then locked, and the log's index is in our memory.
  if (Result<void> locked = database.execute("PRAGMA locking_mode = EXCLUSIVE"); !locked) {
    return locked.error();
  }
  const Result<bool> empty = check_identity(database);
  if (!empty) return empty.error();
  if (*empty && mark.exists()) return mark.lost();
  const auto mode = database.text("PRAGMA journal_mode = WAL");
  if (!mode) return mode.error();
  if (*mode != "wal") return Error{Errc::io, "cannot use a write-ahead log (mode " + *mode + ")"};
  if (Result<void> full = database.execute("PRAGMA synchronous = FULL"); !full) return full;
  return *empty ? create(database) : Result<void>{};
}

}  // namespace

Result<SqliteConnection> open_journal_database(const std::filesystem::path& file,
                                               const JournalMark& mark) {
  Result<SqliteConnection> database = SqliteConnection::open(file);
  if (!database) return database.error().with(file.string());
  database->copy_log_on_close(false);
  if (Result<void> ready = set_up(*database, mark); !ready)
    return ready.error().with(file.string());
  return database;
}

}  // namespace tinkerbell

#include "journal/task_table.hpp"

namespace tinkerbell {

namespace {

/// A live task's next step does not name `ended`: SQLite would write the partial index anew, a page
/// more in every commit.
constexpr std::string_view kUpdateLive =
    "UPDATE tasks SET parent = ?2, kind = ?3, title = ?4, state = ?5, created = ?7, changed = ?8, "
    "head = ?9, steps = ?10, crc = ?11, rest = ?12 WHERE id = ?1 AND ended = ?6";
constexpr std::string_view kUpsert =
    "INSERT INTO tasks (id, parent, kind, title, state, ended, created, changed, head, steps, crc, "
    "rest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (id) DO UPDATE "
    "SET "
    "parent = ?2, kind = ?3, title = ?4, state = ?5, ended = ?6, created = ?7, changed = ?8, "
    "head = ?9, steps = ?10, crc = ?11, rest = ?12";
constexpr std::string_view kOne =
    "SELECT id, parent, kind, title, state, ended, created, changed, head, steps, crc, rest FROM "
    "tasks WHERE id = ?1";
constexpr std::string_view kLive =
    "SELECT id, parent, kind, title, state, ended, created, changed, head, steps, crc, rest FROM "
    "tasks INDEXED BY tasks_live WHERE ended = 0 AND id > ?1 ORDER BY id LIMIT ?2";
constexpr std::string_view kNewest =
    "SELECT id, parent, kind, title, state, ended, created, changed, head, steps, crc, rest FROM "
    "tasks WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
constexpr std::string_view kAfter =
    "SELECT id, parent, kind, title, state, ended, created, changed, head, steps, crc, rest FROM "
    "tasks WHERE id > ?1 ORDER BY id LIMIT ?2";
constexpr std::string_view kNewestLive =
    "SELECT id, parent, kind, title, state, ended, created, changed, head, steps, crc, rest FROM "
    "tasks INDEXED BY tasks_live WHERE ended = 0 AND id < ?1 ORDER BY id DESC LIMIT ?2";

/// Over all values, with a separator that no number contains; text is preceded by its length.
std::uint32_t crc_of(const TaskHead& head, std::string_view rest) {
  std::string bytes;
  const auto add = [&](auto value) { bytes.append(std::to_string(value)).push_back(' '); };
  add(stored(head.task));
  add(stored(head.parent));
  for (const std::string* text : {&head.kind, &head.title, &head.state}) {
    add(text->size());
    bytes.append(*text);
  }
  add(static_cast<int>(head.ended));
  add(unix_nanoseconds(head.created));
  add(unix_nanoseconds(head.changed));
  add(stored(head.head));
  add(head.steps);
  bytes.append(rest);
  return crc32c(bytes);
}

Result<void> execute(const SqliteStatement& statement, const TaskHead& head) {
  const std::string rest = head.rest ? canonical_bytes(*head.rest) : std::string();
  SqliteQuery query(statement, stored(head.task), stored(head.parent), head.kind, head.title,
                    head.state, std::int64_t{head.ended}, unix_nanoseconds(head.created),
                    unix_nanoseconds(head.changed), stored(head.head), std::int64_t{head.steps},
                    std::int64_t{crc_of(head, rest)}, SqliteBlob{rest});
  return query.run();
}

Result<TaskHead> head_in(const SqliteQuery& row) {
  TaskHead head{.task = TaskId{static_cast<std::uint64_t>(row.integer(0))},
                .parent = TaskId{static_cast<std::uint64_t>(row.integer(1))},
                .kind = row.text(2),
                .title = row.text(3),
                .state = row.text(4),
                .ended = row.integer(5) != 0,
                .created = wall_from_unix_nanoseconds(row.integer(6)),
                .changed = wall_from_unix_nanoseconds(row.integer(7)),
                .head = Lsn{static_cast<std::uint64_t>(row.integer(8))},
                .steps = static_cast<std::uint32_t>(row.integer(9))};
  const std::string_view rest = row.blob(11);
  if (row.integer(10) != std::int64_t{crc_of(head, rest)}) {
    return Error{Errc::invalid, "task " + std::to_string(number(head.task)) + ": wrong crc"};
  }
  if (!rest.empty()) {
    Result<Rest> read = from_canonical<Rest>(rest);
    if (!read) return read.error();
    head.rest = *std::move(read);
  }
  return head;
}

Result<std::vector<TaskHead>> heads_in(SqliteQuery& query) {
  std::vector<TaskHead> heads;
  for (;;) {
    const Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row) return heads;
    Result<TaskHead> head = head_in(query);
    if (!head) return head.error();
    heads.push_back(*std::move(head));
  }
}

}  // namespace

Result<TaskTable> TaskTable::on(SqliteConnection& database) {
  TaskTable table;
  for (auto [statement, sql] : {std::pair{&table.update_live_, kUpdateLive},
                                {&table.upsert_, kUpsert},
                                {&table.one_, kOne},
                                {&table.live_, kLive},
                                {&table.newest_, kNewest},
                                {&table.newest_live_, kNewestLive},
                                {&table.after_, kAfter}}) {
    Result<SqliteStatement> prepared = database.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = *std::move(prepared);
  }
  return table;
}

Result<void> TaskTable::put(const SqliteConnection& database, const TaskHead& head) {
  if (!head.ended) {
    Result<void> updated = execute(update_live_, head);
    if (!updated || database.changes() == 1) return updated;
  }
  return execute(upsert_, head);
}

Result<TaskHead> TaskTable::task(TaskId id) {
  SqliteQuery query(one_, stored(id));
  const Result<bool> row = query.next();
  if (!row) return row.error();
  if (!*row) return Error{Errc::not_found, "no task " + std::to_string(number(id))};
  return head_in(query);
}

Result<std::vector<TaskHead>> TaskTable::live(TaskId after, std::uint32_t limit) {
  SqliteQuery query(live_, stored(after), std::int64_t{limit});
  return heads_in(query);
}

Result<std::vector<TaskHead>> TaskTable::newest(Store::Which which, TaskId before,
                                                std::uint32_t limit) {
  const std::int64_t end =
      before == kNoTask ? std::numeric_limits<std::int64_t>::max() : stored(before);
  SqliteQuery query(which == Store::Which::live ? newest_live_ : newest_, end, std::int64_t{limit});
  return heads_in(query);
}

Result<std::vector<TaskHead>> TaskTable::after(TaskId after, std::uint32_t limit) {
  SqliteQuery query(after_, stored(after), std::int64_t{limit});
  return heads_in(query);
}

}  // namespace tinkerbell

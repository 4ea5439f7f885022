#pragma once

#include "journal/sqlite.hpp"

#include "tinkerbell/journal/store.hpp"

#include <vector>

namespace tinkerbell {

/// The table `tasks`. Each row carries a crc32c over its values, since a damaged `head` would
/// shorten a task's history without a sign.
class TaskTable {
 public:
  [[nodiscard]] static Result<TaskTable> on(SqliteConnection& database);

  /// Inserts or replaces. Inside the caller's transaction.
  [[nodiscard]] Result<void> put(const SqliteConnection& database, const TaskHead& head);

  /// Errors: not_found, invalid (damaged), io.
  [[nodiscard]] Result<TaskHead> task(TaskId id);
  /// Of the tasks after this one, so many, by id.
  [[nodiscard]] Result<std::vector<TaskHead>> live(TaskId after, std::uint32_t limit);
  [[nodiscard]] Result<std::vector<TaskHead>> newest(Store::Which which, TaskId before,
                                                     std::uint32_t limit);

  /// Those behind `after`, in the order of their ids.
  [[nodiscard]] Result<std::vector<TaskHead>> after(TaskId after, std::uint32_t limit);

 private:
  TaskTable() = default;

  SqliteStatement update_live_;
  SqliteStatement upsert_;
  SqliteStatement one_;
  SqliteStatement live_;
  SqliteStatement newest_;
  SqliteStatement after_;
  SqliteStatement newest_live_;
};

}  // namespace tinkerbell

#pragma once

#include "support/memory_store.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>

/// A SQLite store on a directory, and its files as others see and change them.

namespace tinkerbell {

[[nodiscard]] inline std::unique_ptr<Store> open_store(
    const std::filesystem::path& directory, Durability durability = Durability::process) {
  Result<std::unique_ptr<Store>> store = open_sqlite_store(directory, durability);
  if (!store) {
    ADD_FAILURE() << store.error().message;
    return nullptr;
  }
  return *std::move(store);
}

/// One that is not as it was, and may be.
[[nodiscard]] inline std::unique_ptr<Store> open_accepting(const std::filesystem::path& directory) {
  Result<std::unique_ptr<Store>> store = open_sqlite_store(
      directory, Durability::power, kLogPagesMax, {.key = {}, .accept_rollback = true});
  if (!store) {
    ADD_FAILURE() << store.error().message;
    return nullptr;
  }
  return *std::move(store);
}

[[nodiscard]] inline Error error_of_opening(const std::filesystem::path& directory) {
  const auto store = open_sqlite_store(directory, Durability::process);
  return store ? Error{Errc::internal, "it opened"} : store.error();
}

/// A task with one record that holds `payload`.
[[nodiscard]] inline Batch one_record(std::uint64_t lsn, std::string payload = "hello",
                                      Epoch epoch = Epoch{1}) {
  Batch batch;
  batch.records.push_back(
      {.lsn = Lsn{lsn}, .task = TaskId{lsn}, .epoch = epoch, .payload = std::move(payload)});
  batch.heads.push_back(
      {.task = TaskId{lsn}, .kind = "agent@1", .state = "ready", .head = Lsn{lsn}});
  return batch;
}

/// What another program does to a journal that no daemon holds.
inline void run_sql(const std::filesystem::path& directory, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((directory / "journal.db").c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
}

[[nodiscard]] inline std::string file_content(const std::filesystem::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

inline void write_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// Runs `body` in a child process and waits for its end.
template <class Body>
int status_of_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

inline void expect_equal_answers(Store& store, Store& model, TaskId last_task) {
  EXPECT_EQ(*store.live_tasks(), *model.live_tasks());
  EXPECT_EQ(*store.tasks(Store::Which::all, kNoTask, 1'000'000),
            *model.tasks(Store::Which::all, kNoTask, 1'000'000));
  EXPECT_EQ(*store.ledger({}), *model.ledger({}));
  for (std::uint64_t id = 1; id <= number(last_task); ++id)
    EXPECT_EQ(*store.records(TaskId{id}), *model.records(TaskId{id})) << "task " << id;
}

}  // namespace tinkerbell

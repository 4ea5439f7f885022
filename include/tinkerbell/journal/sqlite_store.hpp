#pragma once

#include "tinkerbell/base/names.hpp"
#include "tinkerbell/journal/store.hpp"

#include <filesystem>
#include <memory>

namespace tinkerbell {

/// What a commit survives.
enum class Durability : std::uint8_t {
  power,    ///< Loss of power (synchronous=FULL): one sync a commit.
  process,  ///< kill -9, not loss of power (synchronous=NORMAL).
};

template <>
inline constexpr std::array<std::string_view, 2> kNames<Durability> = {"power", "process"};

/// 16 MiB of log between checkpoints: the file reaches that size once and is then overwritten in
/// place, so that a commit's sync has no metadata to write.
inline constexpr int kLogPagesMax = 4'096;

/// What a journal must be to be opened.
struct Evidence {
  std::string key;  ///< Under which it is sealed, 64 hexadecimal digits; empty: the one in the file
                    ///< journal.key beside it, which is made with a new journal.
  bool accept_rollback = false;  ///< It may be older than it was, another one, or its key lost.
                                 ///< That this was so is noted in it.
};

/// Opens or creates `directory`/journal.db and takes the lock on the directory; raises the epoch.
/// SQLite in WAL mode, the only connection, exclusive. Errors: conflict (another daemon has it; the
/// message has its pid), invalid (newer schema, damaged, not as it was), io. `log_pages_max`: the
/// log is copied into the database file once it has so many pages of 4 KiB.
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(
    const std::filesystem::path& directory, Durability durability, int log_pages_max = kLogPagesMax,
    const Evidence& evidence = {});

}  // namespace tinkerbell

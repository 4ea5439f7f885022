#pragma once

#include "journal/sqlite.hpp"

#include <cstdint>
#include <filesystem>

namespace tinkerbell {

/// Keeps a copy of `database`, which is `file` with schema `version`, beside it: journal.db as
/// journal-2.db. An older copy of that version is replaced. It is whole and synced under its name
/// when this returns, or it is not there. Errors: storage_full, io.
[[nodiscard]] Result<void> keep_version(SqliteConnection& database,
                                        const std::filesystem::path& file, std::int64_t version);

}  // namespace tinkerbell

#pragma once

#include "journal/sqlite.hpp"

#include "tinkerbell/journal/store.hpp"

#include <filesystem>
#include <memory>

namespace tinkerbell {

/// A copy of `database` as the state directory `directory`. Until it is whole and synced it is
/// `directory`.partial. `database` outlives it. Errors: as Store::begin_copy.
[[nodiscard]] Result<std::unique_ptr<StoreCopy>> copy_to(const std::filesystem::path& directory,
                                                         SqliteConnection& database);

}  // namespace tinkerbell

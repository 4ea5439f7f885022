#pragma once

#include "journal/sqlite.hpp"

#include "tinkerbell/journal/store.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace tinkerbell {

/// A copy of `database`, with the files of its blobs that are in `blobs`, as the state directory
/// `directory`. Until it is whole and synced it is `directory`.partial. `database` outlives it, and
/// while `in_use` lives no file goes out of `blobs`. `mark_now`: the mark of the journal as it
/// stands then. The key of the seals is not copied. Errors: as Store::begin_copy.
[[nodiscard]] Result<std::unique_ptr<StoreCopy>> copy_to(const std::filesystem::path& directory,
                                                         SqliteConnection& database,
                                                         const std::filesystem::path& blobs,
                                                         std::shared_ptr<void> in_use,
                                                         std::function<std::string()> mark_now);

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

/// What every room that touches files does with a descriptor. `name` stands in the messages.

namespace tinkerbell {

/// All that a descriptor gives until its end. Not by mmap: a file may shrink under our hands
/// (HAZARDS S43). Errors: too_large (more than `bytes_max` bytes), io.
[[nodiscard]] Result<std::string> read_all(int fd, std::uint64_t bytes_max, std::string_view name);

/// Errors: io, too_large (a limit of the process or the file system).
[[nodiscard]] Result<void> write_all(int fd, std::string_view bytes, std::string_view name);

/// Makes the names in a directory survive a loss of power. Errors: io, denied, not_found.
[[nodiscard]] Result<void> sync_directory(const std::filesystem::path& directory);

/// Removes a directory and all that is in it, what may not be written too; nothing if it is not
/// there. Links are not followed. Errors: io, denied.
[[nodiscard]] Result<void> remove_tree(const std::filesystem::path& directory);

}  // namespace tinkerbell

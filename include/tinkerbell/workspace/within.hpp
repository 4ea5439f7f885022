#pragma once

#include <filesystem>

namespace tinkerbell {

/// Whether `path` is `directory` or lies below it; by their names, so both free of links and "..".
/// Nothing lies below an empty path.
[[nodiscard]] bool is_within(const std::filesystem::path& path,
                             const std::filesystem::path& directory);

/// The real name of a path, links followed as far as it exists; the path itself where that cannot
/// be told.
[[nodiscard]] std::filesystem::path without_links(const std::filesystem::path& path);

}  // namespace tinkerbell

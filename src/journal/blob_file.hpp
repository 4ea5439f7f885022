#pragma once

#include "tinkerbell/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace tinkerbell {

/// Makes the file `file` in a directory, which is made if it is missing: written under another
/// name, synced, named, and the name synced; so it is whole if it is there. What was there under
/// its name is replaced. False: there is no room for it. Errors: io.
[[nodiscard]] Result<bool> make_blob_file(const std::filesystem::path& file,
                                          std::string_view bytes);

/// What a file that was not finished is called.
inline constexpr std::string_view kPartialSuffix = ".partial";

}  // namespace tinkerbell

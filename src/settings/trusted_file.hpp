#pragma once

#include "tinkerbell/base/result.hpp"

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace tinkerbell::settings {

/// Reads a regular file that belongs to root or to us and has none of the `forbidden` mode bits.
/// Checked on the opened file, so that nobody can exchange it in between.
/// Errors: not_found, denied, invalid (not a regular file), too_large, io.
[[nodiscard]] Result<std::string> read_trusted_file(const std::string& path, mode_t forbidden,
                                                    std::size_t bytes_max);

}  // namespace tinkerbell::settings

#pragma once

#include "tinkerbell/base/result.hpp"

#include <string>
#include <string_view>

/// Files that a person asked for: never half of one, and none over another without being told so.
namespace tinkerbell::cli {

/// Whether one could be written there, before what is to be in it costs anything. Errors: conflict
/// (the file is there), io.
[[nodiscard]] Result<void> check_new_file(const std::string& path, bool overwrite);

/// Writes it for its owner only, whole or not at all. Errors: conflict (the file is there), io.
[[nodiscard]] Result<void> write_new_file(const std::string& path, std::string_view content,
                                          bool overwrite);

}  // namespace tinkerbell::cli

#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"

#include <string>

/// Files with what models answered (docs/models.md). Every error names the file.
namespace tinkerbell::cli {

/// Errors: invalid (no such file, or no cassette), too_large, unsupported (another version).
[[nodiscard]] Result<Json> read_cassette(const std::string& path);

/// Writes it for its owner only, whole or not at all. Errors: conflict (the file is there),
/// too_large (it could not be read back), io.
[[nodiscard]] Result<void> write_cassette(const std::string& path, const Json& cassette,
                                          bool overwrite);

}  // namespace tinkerbell::cli

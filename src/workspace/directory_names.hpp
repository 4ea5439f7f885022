#pragma once

#include "tinkerbell/base/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// No more are held at once.
inline constexpr std::size_t kDirectoryNamesMax = 4'000'000;

/// The names in an open directory, in byte order, without "." and "..". Errors: too_large, io.
[[nodiscard]] Result<std::vector<std::string>> names_in(int directory, std::string_view path);

}  // namespace tinkerbell

#pragma once

#include <string_view>

namespace tinkerbell {

/// Of this build; the same number as in CMakeLists.txt.
inline constexpr std::string_view kBuildVersion = "0.1.0";

}  // namespace tinkerbell

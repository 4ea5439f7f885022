#pragma once

#include <filesystem>
#include <string_view>

namespace tinkerbell {

/// A program of this build: they all stand in one directory, the tests among them.
[[nodiscard]] inline std::filesystem::path built_program(std::string_view name) {
  return std::filesystem::canonical("/proc/self/exe").parent_path() / name;
}

}  // namespace tinkerbell

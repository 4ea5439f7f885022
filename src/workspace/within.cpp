#include "tinkerbell/workspace/within.hpp"

#include <algorithm>
#include <system_error>

namespace tinkerbell {

bool is_within(const std::filesystem::path& path, const std::filesystem::path& directory) {
  return !directory.empty() && std::ranges::mismatch(directory, path).in1 == directory.end();
}

std::filesystem::path without_links(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  return error ? path : real;
}

}  // namespace tinkerbell

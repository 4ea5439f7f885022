#pragma once

#include <filesystem>

namespace tinkerbell {

/// The checkout that this test was built from. The compiler may have been given the path of this
/// file as seen from the build directory, which is above the test program's own.
inline std::filesystem::path source_root() {
  namespace fs = std::filesystem;
  const fs::path build = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
  const fs::path here = fs::weakly_canonical(build / __FILE__);
  return here.parent_path().parent_path().parent_path();
}

}  // namespace tinkerbell

#pragma once

#include "support/built_program.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include <string>
#include <vector>

namespace tinkerbell {

/// `tinkerbell debug` as on another machine: in an empty directory with another HOME, nothing else
/// in the environment, and `lines` on its standard input.
[[nodiscard]] inline Finished debug_elsewhere(const std::string& core,
                                              std::vector<std::string> options = {},
                                              const std::string& lines = "") {
  const TempDir home;
  home.write("lines", lines);
  std::vector<std::string> argv = {"env",
                                   "-i",
                                   "HOME=" + home.path().string(),
                                   "sh",
                                   "-c",
                                   "cd \"$HOME\"; exec \"$@\" <lines",
                                   "sh",
                                   built_program("tinkerbell"),
                                   "debug",
                                   core};
  argv.insert(argv.end(), options.begin(), options.end());
  return run_to_end(argv);
}

}  // namespace tinkerbell

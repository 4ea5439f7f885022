#pragma once

#include "support/built_program.hpp"
#include "support/child.hpp"
#include "support/real_daemon.hpp"
#include "support/temp_dir.hpp"

#include <string>
#include <vector>

namespace tinkerbell {

/// `tinkerbell debug` as on another machine: in an empty directory with another HOME, nothing else
/// in the environment, `lines` on its standard input; and where namespaces can be made, with no
/// network, no other process and nothing that it could write to.
[[nodiscard]] inline Finished debug_elsewhere(const std::string& core,
                                              std::vector<std::string> options = {},
                                              const std::string& lines = "") {
  const TempDir home;
  home.write("lines", lines);
  std::vector<std::string> argv;
  std::string alone;
  if (usual_sandbox() == "bubblewrap") {
    argv = {"bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"};
    alone = "test \"$(grep -c : /proc/net/dev)\" = 1 || exit 99; ";  // the loopback, which is down
  }
  argv.insert(argv.end(), {"env", "-i", "PATH=/usr/bin:/bin", "HOME=" + home.path().string(), "sh",
                           "-c", alone + "cd \"$HOME\"; exec \"$@\" <lines", "sh",
                           built_program("tinkerbell"), "debug", core});
  argv.insert(argv.end(), options.begin(), options.end());
  return run_to_end(argv);
}

}  // namespace tinkerbell

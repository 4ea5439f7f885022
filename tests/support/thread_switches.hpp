#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace tinkerbell {

/// How often the other threads of this process have left a processor, because they waited or were
/// made to. Does not grow while all of them sleep. Source: proc_pid_status(5), "ctxt_switches".
[[nodiscard]] inline std::uint64_t switches_of_other_threads() {
  std::uint64_t sum = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    if (thread.path().filename() == std::to_string(::gettid())) continue;
    std::ifstream status(thread.path() / "status");
    for (std::string line; std::getline(status, line);) {
      const auto name_ends = line.find("ctxt_switches:");
      if (name_ends != std::string::npos) sum += std::stoull(line.substr(line.find(':') + 1));
    }
  }
  return sum;
}

}  // namespace tinkerbell

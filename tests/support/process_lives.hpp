#pragma once

#include <sys/types.h>

#include <fstream>
#include <string>

namespace tinkerbell {

/// Whether a process runs; one that has ended and was not waited for (a zombie) does not (proc(5)).
[[nodiscard]] inline bool process_lives(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string stat;
  return std::getline(file, stat) && !stat.contains(") Z");
}

}  // namespace tinkerbell

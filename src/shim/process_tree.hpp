#pragma once

#include <sys/types.h>

#include <vector>

namespace tinkerbell {

/// One process and who its parent is now.
struct ProcessEntry {
  pid_t pid = 0;
  pid_t parent = 0;
};

/// All processes in sight. From /proc/PID/stat, since /proc/PID/task/TID/children needs a kernel
/// option.
[[nodiscard]] std::vector<ProcessEntry> process_table();

/// Whoever descends from `ancestor`, nearest first, without itself.
[[nodiscard]] std::vector<pid_t> descendants_of(pid_t ancestor,
                                                const std::vector<ProcessEntry>& processes);

/// Kills and reaps until this process has no children. It must be a child subreaper: then a child
/// that left its session or forked twice comes back to it when its parent dies (HAZARDS S73).
void end_all_children();

}  // namespace tinkerbell

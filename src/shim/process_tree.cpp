#include "shim/process_tree.hpp"

#include "tinkerbell/shim/run_directory.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace tinkerbell {

namespace {

constexpr std::size_t kStatBytesMax = 4096;

std::optional<pid_t> number_in(std::string_view text) {
  pid_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The fourth field of proc(5) `stat`; the second may hold anything, but ends with the last ")".
std::optional<pid_t> parent_of(const std::filesystem::path& process) {
  const Result<std::string> stat = read_whole_file(process / "stat", kStatBytesMax);
  if (!stat) return std::nullopt;
  const std::size_t name_end = stat->rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  const std::size_t begin = name_end + 4;  // ") S "
  const std::size_t end = stat->find(' ', begin);
  if (end == std::string::npos) return std::nullopt;
  return number_in(std::string_view(*stat).substr(begin, end - begin));
}

}  // namespace

std::vector<ProcessEntry> process_table() {
  std::vector<ProcessEntry> processes;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::optional<pid_t> pid = number_in(entry->path().filename().native());
    if (!pid) continue;
    if (const auto parent = parent_of(entry->path())) processes.push_back({*pid, *parent});
  }
  return processes;
}

std::vector<pid_t> descendants_of(pid_t ancestor, const std::vector<ProcessEntry>& processes) {
  std::vector<pid_t> found{ancestor};
  for (std::size_t next = 0; next < found.size(); ++next) {
    for (const ProcessEntry& process : processes) {
      if (process.parent == found[next]) found.push_back(process.pid);
    }
  }
  found.erase(found.begin());
  return found;
}

namespace {

bool is_childless() {
  siginfo_t any{};
  return ::waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

}  // namespace

void end_all_children() {
  const pid_t self = ::getpid();
  while (!is_childless()) {  // most are at once: a look at all processes is dear
    for (const ProcessEntry& process : process_table()) {
      if (process.parent == self)
        ::kill(process.pid, SIGKILL);  // unreaped: the id is still its own
    }
    // A new orphan can only appear when one of the killed dies, and that death ends this wait.
    ::waitpid(-1, nullptr, 0);
  }
}

}  // namespace tinkerbell

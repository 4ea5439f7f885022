#include "drivers/process/stragglers.hpp"

#include "drivers/process/environment.hpp"
#include "drivers/process/run.hpp"

#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/shim/run_directory.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

/// execve(2) takes no more by default.
constexpr std::size_t kEnvironmentBytesMax = 2 << 20;
/// While we look, a process may fork and end: as often as this we look again.
constexpr int kLooksMax = 100;
constexpr std::chrono::milliseconds kEndWithin{5'000};

std::optional<pid_t> process_id(const fs::path& entry) {
  const std::string name = entry.filename().string();
  const bool numeric = std::ranges::all_of(
      name, [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
  if (!numeric || name.size() > 9) return std::nullopt;
  return std::stoi(name);
}

bool has_key(std::string_view environment, const std::set<std::string>& keys) {
  while (!environment.empty()) {
    const std::string_view entry = environment.substr(0, environment.find('\0'));
    if (entry.starts_with(kKeyVariable) && entry.substr(kKeyVariable.size()).starts_with('=')) {
      return keys.contains(std::string(entry.substr(kKeyVariable.size() + 1)));
    }
    environment.remove_prefix(std::min(entry.size() + 1, environment.size()));
  }
  return false;
}

std::vector<UniqueFd> find_stragglers(const std::set<std::string>& keys) {
  std::vector<UniqueFd> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::optional<pid_t> pid = process_id(entry->path());
    if (!pid) continue;
    UniqueFd held = open_pidfd(*pid);
    if (!held) continue;
    const Result<std::string> environment =
        read_whole_file(entry->path() / "environ", kEnvironmentBytesMax);
    if (environment && has_key(*environment, keys)) found.push_back(std::move(held));
  }
  return found;
}

}  // namespace

bool end_stragglers(const std::set<std::string>& keys) {
  if (keys.empty()) return true;
  for (int look = 0; look < kLooksMax; ++look) {
    const std::vector<UniqueFd> stragglers = find_stragglers(keys);
    if (stragglers.empty()) return true;
    for (const UniqueFd& each : stragglers)
      send_signal(each.get(), SIGKILL);
    if (!wait_for_end(stragglers, kEndWithin)) return false;
  }
  return false;
}

}  // namespace tinkerbell

#include "tinkerbell/base/assert.hpp"

#include "tinkerbell/base/source_path.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace tinkerbell {

namespace {

constinit std::atomic<InvariantHook*> hook = nullptr;
constinit std::atomic<bool> hook_runs = false;
constinit thread_local bool hook_runs_here = false;

/// Without stdio: another thread may hold its lock for ever.
void print_line(const char* condition, const char* file, int line) {
  std::array<char, 16> digits{};
  const auto [end, failed] = std::to_chars(digits.data(), digits.data() + digits.size(), line);
  const std::array<std::string_view, 7> pieces = {
      "tinkerbell: broken invariant: ", condition, " (", file, ":", {digits.data(), end}, ")\n"};
  std::array<iovec, pieces.size()> parts{};
  for (std::size_t i = 0; i < pieces.size(); ++i)
    parts[i] = {.iov_base = const_cast<char*>(pieces[i].data()), .iov_len = pieces[i].size()};
  [[maybe_unused]] const ssize_t written =
      ::writev(STDERR_FILENO, parts.data(), static_cast<int>(parts.size()));
}

/// The hook is not an endless story.
constexpr unsigned kHookSecondsMax = 10;

void run_hook(const BrokenInvariant& what) {
  if (!hook_runs.exchange(true)) {
    hook_runs_here = true;
    if (InvariantHook* const set = hook) set->invariant_broken(what);
  } else if (!hook_runs_here) {
    ::sleep(kHookSecondsMax);  // the other thread aborts for both
  }
}

}  // namespace

void set_invariant_hook(InvariantHook* what) noexcept {
  hook = what;
}

void assertion_failed(const char* condition, const char* compiled_file, int line) {
  const char* const file = source_path(compiled_file);
  print_line(condition, file, line);
  run_hook({.condition = condition, .file = file, .line = line});
  std::abort();
}

}  // namespace tinkerbell

#include "tinkerbell/base/assert.hpp"

#include "tinkerbell/base/source_path.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace tinkerbell {

namespace {

constinit std::atomic<InvariantHook*> hook = nullptr;
constinit std::atomic<bool> hook_runs = false;
constinit thread_local bool hook_runs_here = false;

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
  std::fprintf(stderr, "tinkerbell: broken invariant: %s (%s:%d)\n", condition, file, line);
  run_hook({.condition = condition, .file = file, .line = line});
  std::abort();
}

}  // namespace tinkerbell

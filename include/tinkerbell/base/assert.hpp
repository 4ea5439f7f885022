#pragma once

namespace tinkerbell {

/// A broken invariant, as the program's text says it.
struct BrokenInvariant {
  const char* condition = nullptr;
  const char* file = nullptr;
  int line = 0;
};

/// What else is to be done when an invariant is broken, before the process aborts.
class InvariantHook {
 public:
  InvariantHook() = default;
  InvariantHook(const InvariantHook&) = delete;
  InvariantHook& operator=(const InvariantHook&) = delete;
  virtual ~InvariantHook() = default;

  /// On the thread that found it, whatever it was at: nothing that it touches may be taken to be
  /// whole. Must not allocate, lock or throw; only what a signal handler may do (signal-safety(7)).
  virtual void invariant_broken(const BrokenInvariant& what) noexcept = 0;
};

/// Sets the one hook of the process, null: none. Whoever sets it takes it back before it is gone.
/// It is called at most once: an invariant that breaks inside it aborts at once, one that breaks on
/// another thread meanwhile waits for the abort.
void set_invariant_hook(InvariantHook* hook) noexcept;

/// Prints one line to stderr, calls the hook and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace tinkerbell

/// A broken invariant is a bug: on in release too, for the journal and the scheduler.
#define TINKERBELL_ASSERT(condition) \
  ((condition) ? void() : ::tinkerbell::assertion_failed(#condition, __FILE__, __LINE__))

#pragma once

namespace tinkerbell {

/// Prints one line to stderr and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace tinkerbell

/// A broken invariant is a bug: on in release too, for the journal and the scheduler.
#define TINKERBELL_ASSERT(condition) \
  ((condition) ? void() : ::tinkerbell::assertion_failed(#condition, __FILE__, __LINE__))

#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/calls.hpp"
#include "tinkerbell/kernel/task.hpp"

namespace tinkerbell {

/// Runs `body` with a deadline: past it every wait in it ends at once, and if it then fails because
/// of that, it failed in time. Errors: timed_out, and the body's own.
template <class T>
Task<Result<T>> within(Nanoseconds timeout, Task<Result<T>> body) {
  const auto scope = co_await kernel::deadline(timeout);
  Result<T> outcome = co_await std::move(body);
  const bool too_late = !outcome && outcome.error().code == Errc::cancelled && scope.expired();
  if (too_late) co_return Error{Errc::timed_out, "not done in time"};
  co_return std::move(outcome);
}

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/state.hpp"
#include "tinkerbell/kernel/task.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace tinkerbell {

/// How a task ended.
struct Exit {
  TaskState state = TaskState::completed;  ///< completed, failed or cancelled.
  std::optional<Error> error;              ///< Why not completed.
  std::shared_ptr<const void> value;       ///< What it returned; see value_as.

  /// The returned value of a task that is known to be a Task<T> or a Task<Result<T>>; null if it
  /// returned none.
  template <class T>
  [[nodiscard]] const T* value_as() const {
    return static_cast<const T*>(value.get());
  }
};

namespace detail {

template <class T>
inline constexpr bool kIsResult = false;
template <class T>
inline constexpr bool kIsResult<Result<T>> = true;

template <class T>
void keep_value(Exit& exit, T returned) {
  if constexpr (kIsResult<T>) {
    if (!returned) {
      exit.error = returned.error();
    } else if constexpr (!std::is_void_v<typename T::value_type>) {
      keep_value(exit, *std::move(returned));
    }
  } else {
    exit.value = std::make_shared<const T>(std::move(returned));
  }
}

}  // namespace detail

/// The root of every task: runs the body and keeps what came of it. An exception fails this task
/// alone.
template <class T>
Task<void> run_to_exit(Task<T> body, Exit* exit) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(body);
    } else {
      detail::keep_value(*exit, co_await std::move(body));
    }
  } catch (const std::exception& thrown) {
    exit->error = Error{Errc::internal, thrown.what()};
  } catch (...) {
    exit->error = Error{Errc::internal, "the task threw something that is no std::exception"};
  }
}

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/state.hpp"
#include "tinkerbell/kernel/task.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace tinkerbell {

/// How a task ended.
struct Exit {
  TaskState state = TaskState::completed;  ///< completed, failed or cancelled.
  std::optional<Error> error;              ///< Why not completed.
  std::shared_ptr<const void> value;       ///< What it returned; see value_as.
  TaskId killed_by = kNoTask;              ///< The task that asked it to end, if one did.
  SteadyTime started{};
  SteadyTime ended{};
  std::uint64_t turns = 0;  ///< Of a durable task, the last one included.
  Nanoseconds cpu{};        ///< In them.

  /// The returned value of a task that is known to be a Task<T> or a Task<Result<T>>; null if it
  /// returned none.
  template <class T>
  [[nodiscard]] const T* value_as() const {
    return static_cast<const T*>(value.get());
  }
};

/// What the scheduler must know of the coroutine at the root of a task.
struct RootType {
  /// Moves what came of it into an Exit. An exception fails this task alone.
  void (*collect)(std::coroutine_handle<> root, Exit& exit);
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
      exit.error = std::move(returned).error();
    } else if constexpr (!std::is_void_v<typename T::value_type>) {
      keep_value(exit, *std::move(returned));
    }
  } else {
    exit.value = std::make_shared<const T>(std::move(returned));
  }
}

/// Never throws: a value that cannot be kept is a failure too.
template <class T>
void collect(std::coroutine_handle<> root, Exit& exit) {
  try {
    auto& promise = std::coroutine_handle<Promise<T>>::from_address(root.address()).promise();
    if constexpr (std::is_void_v<T>) {
      promise.take();
    } else {
      keep_value(exit, promise.take());
    }
  } catch (const std::exception& thrown) {
    exit.error = Error{Errc::internal, thrown.what()};
  } catch (...) {
    exit.error = Error{Errc::internal, "the task threw something that is no std::exception"};
  }
}

}  // namespace detail

template <class T>
inline constexpr RootType kRootType{.collect = &detail::collect<T>};

}  // namespace tinkerbell

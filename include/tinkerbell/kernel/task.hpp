#pragma once

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/kernel/trap.hpp"

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace tinkerbell {

/// Where a task stands inside its coroutines: its innermost frame, and what that frame asked for.
/// Every frame of a task points to the same one, so that a resume costs the same at any depth.
struct TaskControl {
  std::coroutine_handle<> leaf;  ///< The frame to resume.
  Trap* trap = nullptr;          ///< What the leaf waits for; null while it runs.

  void stop_at(std::coroutine_handle<> frame, Trap& what) noexcept {
    leaf = frame;
    trap = &what;
  }
};

template <class T>
class Task;

namespace detail {

struct PromiseBase {
  TaskControl* control = nullptr;
  std::coroutine_handle<> caller;
  std::exception_ptr exception;

  std::suspend_always initial_suspend() noexcept { return {}; }

  /// Goes on in the caller by symmetric transfer, or back to the scheduler at the root.
  struct FinalAwaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }

    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> frame) noexcept {
      PromiseBase& promise = frame.promise();
      if (!promise.caller) return std::noop_coroutine();
      return promise.caller;
    }

    void await_resume() const noexcept {}
  };

  FinalAwaiter final_suspend() noexcept { return {}; }

  void unhandled_exception() noexcept { exception = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;

  Task<T> get_return_object() noexcept;

  template <class U>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& returned) {
    value.emplace(std::forward<U>(returned));
  }

  T take() {
    if (exception) std::rethrow_exception(exception);
    return *std::move(value);
  }
};

template <class T>
struct Promise<T&> : PromiseBase {
  T* value = nullptr;

  Task<T&> get_return_object() noexcept;

  void return_value(T& returned) noexcept { value = &returned; }

  T& take() {
    if (exception) std::rethrow_exception(exception);
    return *value;
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;

  void return_void() noexcept {}

  void take() const {
    if (exception) std::rethrow_exception(exception);
  }
};

}  // namespace detail

/// A lazy coroutine: the body of a task, or a part of it that another coroutine awaits. Values,
/// move-only values, references and exceptions come back through any depth of calls. Move-only;
/// owns its frame. Parameters are taken by value. Either awaited by another Task or handed to the
/// Scheduler, exactly once.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using value_type = T;

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}

  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }

  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  ~Task() { destroy(); }

  /// Calls the coroutine and waits for its end.
  auto operator co_await() && noexcept { return CallAwaiter{frame_}; }

  /// The frame, for the scheduler: resumed first by it, destroyed with this object.
  [[nodiscard]] std::coroutine_handle<promise_type> frame() const noexcept { return frame_; }

 private:
  friend promise_type;

  struct CallAwaiter {
    std::coroutine_handle<promise_type> callee;

    [[nodiscard]] bool await_ready() const noexcept { return false; }

    template <class CallerPromise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<CallerPromise> caller) noexcept {
      callee.promise().caller = caller;
      callee.promise().control = caller.promise().control;
      return callee;
    }

    T await_resume() { return callee.promise().take(); }
  };

  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  void destroy() noexcept {
    if (frame_) std::exchange(frame_, nullptr).destroy();
  }

  std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}

template <class T>
Task<T&> Promise<T&>::get_return_object() noexcept {
  return Task<T&>(std::coroutine_handle<Promise>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

}  // namespace detail

}  // namespace tinkerbell

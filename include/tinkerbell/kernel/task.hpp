#pragma once

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/kernel/frame_pool.hpp"
#include "tinkerbell/kernel/task_control.hpp"
#include "tinkerbell/kernel/trap.hpp"

#include <atomic>
#include <coroutine>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace tinkerbell {

template <class T>
class Task;

namespace detail {

struct PromiseBase;

/// A call of one coroutine by another. It stands in the caller's frame and owns the callee's.
struct CallLink {
  std::coroutine_handle<> callee;
  PromiseBase* caller = nullptr;
  std::source_location where;  ///< The `co_await` that calls.
};

struct PromiseBase : Pooled {
  TaskControl* control = nullptr;
  CallLink* link = nullptr;  ///< Who called; null at the root of a task.
  std::exception_ptr exception;

  [[nodiscard]] std::coroutine_handle<PromiseBase> frame() noexcept {
    return std::coroutine_handle<PromiseBase>::from_promise(*this);
  }

  [[nodiscard]] static PromiseBase& of(std::coroutine_handle<> frame) noexcept {
    return std::coroutine_handle<PromiseBase>::from_address(frame.address()).promise();
  }

  std::suspend_always initial_suspend() noexcept { return {}; }

  /// Goes on in the caller by symmetric transfer, or back to the scheduler at the root.
  struct FinalAwaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }

    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> frame) noexcept {
      PromiseBase& promise = frame.promise();
      if (promise.link == nullptr) return std::noop_coroutine();
      const std::coroutine_handle<> caller = promise.link->caller->frame();
      std::atomic_signal_fence(std::memory_order_release);
      promise.control->leaf = caller;
      return caller;
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

  Task(Task&& other) noexcept : frame_(other.release()) {}

  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      destroy();
      frame_ = other.release();
    }
    return *this;
  }

  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  ~Task() { destroy(); }

  /// Calls the coroutine and waits for its end.
  auto operator co_await() && noexcept { return CallAwaiter(release()); }

  /// Hands over the frame, for the scheduler.
  [[nodiscard]] std::coroutine_handle<promise_type> release() noexcept {
    return std::exchange(frame_, nullptr);
  }

 private:
  friend promise_type;

  struct CallAwaiter : detail::CallLink {
    explicit CallAwaiter(std::coroutine_handle<promise_type> frame) noexcept
        : detail::CallLink{.callee = frame, .where = {}} {}

    CallAwaiter(const CallAwaiter&) = delete;
    CallAwaiter& operator=(const CallAwaiter&) = delete;

    ~CallAwaiter() {
      if (this->callee) this->callee.destroy();
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }

    /// Every call counts against the turn: a task that only calls gives up its turn in the end.
    template <class CallerPromise>
    std::coroutine_handle<> await_suspend(
        std::coroutine_handle<CallerPromise> caller_frame,
        std::source_location call_site = std::source_location::current()) noexcept {
      TaskControl* const control = caller_frame.promise().control;
      detail::PromiseBase& called = promise();
      this->caller = &caller_frame.promise();
      this->where = call_site;
      called.link = this;
      called.control = control;
      std::atomic_signal_fence(std::memory_order_release);  // a signal handler may walk the chain
      control->leaf = this->callee;
      if (--control->budget != 0) [[likely]]
        return this->callee;
      control->trap = &budget_trap();
      return std::noop_coroutine();
    }

    T await_resume() { return promise().take(); }

    [[nodiscard]] promise_type& promise() const noexcept {
      return std::coroutine_handle<promise_type>::from_address(this->callee.address()).promise();
    }
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
  // PromiseBase::of finds a promise by its frame: that holds up to the alignment of a frame.
  static_assert(alignof(Promise) <= 2 * sizeof(void*), "over-aligned results are not supported");
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

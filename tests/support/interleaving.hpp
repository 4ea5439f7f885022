#pragma once

#include <ucontext.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace tinkerbell {

/// Runs a few threads one step at a time, in an order that the test chooses: a step is one access
/// to a SteppedAtomic, or to sleep. So every order can be tried, one after another, with the real
/// code. Each has a stack of its own on the one real thread, since a hundred thousand handovers
/// between real threads take minutes. Finds what goes wrong in some order of steps; what goes wrong
/// because of weaker memory orders is for the thread sanitizer. Source: makecontext(3).
class Interleaving {
 public:
  /// Which of so many threads that can run makes the next step.
  using Choose = std::function<std::size_t(std::size_t count)>;

  void add(std::function<void()> body) {
    threads_.push_back(std::make_unique<Thread>());
    threads_.back()->body = std::move(body);
  }

  /// False: some threads sleep, and nobody is left to wake them; they are released.
  [[nodiscard]] bool run(const Choose& choose) {
    for (const auto& thread : threads_) {
      ::getcontext(&thread->context);
      thread->context.uc_stack.ss_sp = thread->stack.get();
      thread->context.uc_stack.ss_size = kStackSize;
      thread->context.uc_link = &home_;
      ::makecontext(&thread->context, &live, 0);
    }
    while (true) {
      std::vector<Thread*> able;
      bool all_finished = true;
      for (const auto& thread : threads_) {
        all_finished &= thread->finished;
        if (!thread->finished && (!thread->asleep || thread->woken)) able.push_back(thread.get());
      }
      if (all_finished) return !stuck_;
      if (able.empty()) {
        stuck_ = true;
        for (const auto& thread : threads_)
          thread->woken = true;
        continue;
      }
      running_ = this;
      current_ = able[choose(able.size())];
      ::swapcontext(&home_, &current_->context);
      running_ = nullptr;
    }
  }

  // ---- for the threads ----

  /// The next step is to be another's, if the order says so.
  static void step() {
    if (running_ != nullptr) ::swapcontext(&running_->current_->context, &running_->home_);
  }

  /// Until wake(); one that came before counts. False: nobody will ever wake it.
  [[nodiscard]] bool sleep() {
    Thread& own = *current_;
    own.asleep = true;
    step();
    own.asleep = false;
    own.woken = false;
    return !stuck_;
  }

  void wake(std::size_t which) { threads_[which]->woken = true; }

 private:
  static constexpr std::size_t kStackSize = 64 << 10;

  struct Thread {
    std::function<void()> body;
    ucontext_t context{};
    std::unique_ptr<std::byte[]> stack = std::make_unique_for_overwrite<std::byte[]>(kStackSize);
    bool finished = false;
    bool asleep = false;
    bool woken = false;
  };

  static void live() {
    Thread& own = *running_->current_;
    own.body();
    own.finished = true;
  }

  static inline Interleaving* running_ = nullptr;

  std::vector<std::unique_ptr<Thread>> threads_;
  Thread* current_ = nullptr;
  ucontext_t home_{};
  bool stuck_ = false;
};

/// Every order, one after another: call it for each choice, and next() after each run.
class EveryOrder {
 public:
  [[nodiscard]] std::size_t operator()(std::size_t count) {
    if (depth_ == choices_.size()) choices_.push_back({0, count});
    return choices_[depth_++].taken;
  }

  /// False: that was the last.
  [[nodiscard]] bool next() {
    depth_ = 0;
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().count)
      choices_.pop_back();
    if (choices_.empty()) return false;
    ++choices_.back().taken;
    return true;
  }

 private:
  struct Choice {
    std::size_t taken;
    std::size_t count;
  };

  std::vector<Choice> choices_;
  std::size_t depth_ = 0;
};

/// Stands for std::atomic in code that is a template of it; each access is a step.
template <class T>
class SteppedAtomic {
 public:
  SteppedAtomic(T value) : value_(value) {}

  [[nodiscard]] T load(std::memory_order /*order*/) const {
    Interleaving::step();
    return value_;
  }

  T exchange(T value, std::memory_order /*order*/) {
    Interleaving::step();
    return std::exchange(value_, value);
  }

  bool compare_exchange_strong(T& expected, T value, std::memory_order /*success*/,
                               std::memory_order /*failure*/) {
    Interleaving::step();
    if (value_ == expected) {
      value_ = value;
      return true;
    }
    expected = value_;
    return false;
  }

  bool compare_exchange_weak(T& expected, T value, std::memory_order success,
                             std::memory_order failure) {
    return compare_exchange_strong(expected, value, success, failure);
  }

 private:
  T value_;
};

}  // namespace tinkerbell

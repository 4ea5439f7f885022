#pragma once

#include "tinkerbell/kernel/trap.hpp"

namespace tinkerbell {

/// A link in a circular list.
struct WaitLink {
  WaitLink() = default;
  WaitLink(const WaitLink&) = delete;
  WaitLink& operator=(const WaitLink&) = delete;
  ~WaitLink() = default;

  WaitLink* previous = this;
  WaitLink* next = this;
};

/// A system call that waits in line with others: for a task's end, a message, a permit.
struct Waiter : CallTrap, WaitLink {
  explicit Waiter(Perform how) : CallTrap(how) {}
};

/// Those who wait for one thing, first come first. Taking one out costs the same wherever it
/// stands.
class WaitList {
 public:
  [[nodiscard]] bool empty() const { return all_.next == &all_; }

  void push(Waiter& waiter) {
    waiter.waits_in_list = true;
    waiter.previous = all_.previous;
    waiter.next = &all_;
    all_.previous->next = &waiter;
    all_.previous = &waiter;
  }

  static void remove(Waiter& waiter) {
    waiter.waits_in_list = false;
    waiter.previous->next = waiter.next;
    waiter.next->previous = waiter.previous;
  }

  /// The one that waits longest; null if nobody waits.
  [[nodiscard]] Waiter* first() { return empty() ? nullptr : static_cast<Waiter*>(all_.next); }

  /// The one after `waiter`; null if that is the last.
  [[nodiscard]] Waiter* after(Waiter& waiter) {
    return waiter.next == &all_ ? nullptr : static_cast<Waiter*>(waiter.next);
  }

 private:
  WaitLink all_;
};

}  // namespace tinkerbell

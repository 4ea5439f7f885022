#pragma once

#include "tinkerbell/kernel/trap.hpp"

#include <utility>

namespace tinkerbell {

/// A link in a circular list; in none while it points to itself.
struct ListLink {
  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() = default;

  [[nodiscard]] bool linked() const { return next != this; }

  /// Takes it out of its list, wherever it stands; does nothing if it stands in none.
  void unlink() {
    previous->next = next;
    next->previous = previous;
    previous = this;
    next = this;
  }

  ListLink* previous = this;
  ListLink* next = this;
};

/// A list through its members (each a ListLink), first in first out.
template <class T>
class LinkedList {
 public:
  [[nodiscard]] bool empty() const { return !all_.linked(); }

  void push(T& member) {
    ListLink& link = member;
    link.previous = all_.previous;
    link.next = &all_;
    all_.previous->next = &link;
    all_.previous = &link;
  }

  /// The oldest member; null if there is none.
  [[nodiscard]] T* first() const { return member(all_.next); }

  /// The one after `before`; null if that is the last.
  [[nodiscard]] T* after(const T& before) const {
    return member(static_cast<const ListLink&>(before).next);
  }

 private:
  [[nodiscard]] T* member(ListLink* link) const {
    return link == &all_ ? nullptr : static_cast<T*>(link);
  }

  ListLink all_;
};

/// A system call that waits in line with others: for a task's end, a message, a permit.
struct Waiter : CallTrap, ListLink {
  explicit Waiter(Perform how) : CallTrap(how) {}
};

/// Those who wait for one thing, first come first served.
class WaitList : public LinkedList<Waiter> {
 public:
  void push(Waiter& waiter) {
    waiter.waits_in_list = true;
    LinkedList::push(waiter);
  }

  static void remove(Waiter& waiter) {
    waiter.waits_in_list = false;
    waiter.unlink();
  }
};

}  // namespace tinkerbell

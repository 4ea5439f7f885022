#pragma once

#include <atomic>

namespace tinkerbell {

/// What stands in a Handover: the base of its elements.
struct HandoverLink {
  HandoverLink* next = nullptr;
};

/// A list that any thread adds to and one thread, the taker, takes whole. One word holds both the
/// newest element and the taker's announcement that it is about to sleep. So an announcement cannot
/// pass an element on its way in: it succeeds only while the list is empty, and whoever adds to the
/// list next finds it. Nobody waits for anybody; since all is taken at once, an element that is
/// added again is no danger (ABA).
///
/// `Atomic` is std::atomic; a test that tries every interleaving gives another. Source: Treiber,
/// Systems Programming: Coping with Parallelism (1986), for the list.
template <template <class> class Atomic = std::atomic>
class Handover {
 public:
  Handover() = default;
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;
  ~Handover() = default;

  /// Any thread. True: the taker sleeps, or is about to, and the caller must wake it; that is asked
  /// of one caller for each announcement.
  [[nodiscard]] bool push(HandoverLink& link) {
    HandoverLink* before = newest_.load(std::memory_order_relaxed);
    do {
      link.next = before == &asleep_ ? nullptr : before;
    } while (!newest_.compare_exchange_weak(before, &link, std::memory_order_release,
                                            std::memory_order_relaxed));
    return before == &asleep_;
  }

  /// Taker: all elements, linked from the oldest to the newest; null if there are none. Takes the
  /// announcement back.
  [[nodiscard]] HandoverLink* take() {
    if (newest_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    HandoverLink* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    HandoverLink* oldest = nullptr;
    while (newest != nullptr && newest != &asleep_) {
      HandoverLink* const older = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = older;
    }
    return oldest;
  }

  /// Taker: it is about to sleep. False: there is something to take.
  [[nodiscard]] bool announce_sleep() {
    HandoverLink* expected = nullptr;
    return newest_.compare_exchange_strong(expected, &asleep_, std::memory_order_relaxed,
                                           std::memory_order_relaxed) ||
           expected == &asleep_;
  }

 private:
  HandoverLink asleep_;  ///< Stands for an empty list whose taker sleeps.
  Atomic<HandoverLink*> newest_ = nullptr;
};

}  // namespace tinkerbell

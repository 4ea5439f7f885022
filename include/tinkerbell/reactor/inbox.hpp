#pragma once

#include "tinkerbell/reactor/handover.hpp"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <utility>

namespace tinkerbell {

/// Work that other threads hand to the loop: no lock, one allocation, and a system call only if the
/// loop sleeps. The Reactor runs it, between two batches of turns, in the order of its arrival.
///
/// post() is for any thread, all else for the loop thread. What is left when the inbox is destroyed
/// is destroyed unrun, so a Completion in it answers `abandoned`. Work under way in other threads
/// does not keep the loop running; a work guard of the io_context does.
class Inbox {
 public:
  /// `io` is what the loop sleeps in; it outlives the inbox.
  explicit Inbox(boost::asio::io_context& io) : io_(io) {}

  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox();

  /// Runs `work()` on the loop thread, later.
  template <class Work>
  void post(Work work) {
    if (handover_.push(*new ItemOf<Work>(std::move(work)))) wake_loop();
  }

  /// Runs what is there. Returns how much that was.
  std::size_t run();

  /// The loop is about to sleep: the next post() wakes it. False: something is there already.
  [[nodiscard]] bool announce_sleep() { return next_ == nullptr && handover_.announce_sleep(); }

 private:
  struct Item : HandoverLink {
    virtual ~Item() = default;
    virtual void run() = 0;
  };

  template <class Work>
  struct ItemOf final : Item {
    explicit ItemOf(Work&& what) : work(std::move(what)) {}

    void run() override { work(); }

    Work work;
  };

  void wake_loop();
  [[nodiscard]] Item* pop();

  boost::asio::io_context& io_;
  Handover<> handover_;
  HandoverLink* next_ = nullptr;  ///< Taken, and yet to be run.
};

}  // namespace tinkerbell

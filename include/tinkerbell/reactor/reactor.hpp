#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/reactor/hog_watch.hpp"
#include "tinkerbell/reactor/inbox.hpp"
#include "tinkerbell/reactor/readiness.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace tinkerbell {

/// Turns the scheduler inside an io_context, on the thread that calls run(): a batch of turns, then
/// a look at the inbox, at descriptors and at what the io_context has, and so on. Only when nothing
/// is ready it blocks, with one timer armed for the nearest deadline. Idle costs nothing.
///
/// The timer is a timerfd of its own. Asio's steady_timer sets the one of the io_context twice for
/// each wake-up, makes an aborted handler whenever the deadline moves, and wakes up every five
/// minutes for ever once it has been used.
class Reactor {
 public:
  Reactor(boost::asio::io_context& io, Scheduler& scheduler, const Clock& clock);
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Closes the scheduler: tasks may hold sockets.
  ~Reactor();

  /// Returns after stop(), or when no task is ready and nothing can happen for ever: either no task
  /// is left, or those that are (Scheduler::stuck) wait for each other.
  void run();

  /// Loop thread.
  void stop() { stopped_ = true; }

  /// Is told when the loop sleeps. Null: nobody.
  void set_hog_watch(HogWatch* watch) { hog_watch_ = watch; }

  /// Where other threads leave work for this loop. Null: nowhere.
  void set_inbox(Inbox* inbox) { inbox_ = inbox; }

  /// Is called at the end of each round: after the turns, before the loop waits.
  void set_end_of_round(std::function<void()> what) { end_of_round_ = std::move(what); }

  /// Does what comes from outside, and runs no task: waits until something has come, or until
  /// `deadline`.
  void serve_once(SteadyTime deadline);

  /// Where tasks wait for descriptors.
  [[nodiscard]] Readiness& readiness() { return readiness_; }

  /// How often it has blocked, and so could be woken: a count for tests and statistics.
  [[nodiscard]] std::uint64_t blocked() const { return blocked_; }

 private:
  /// A descriptor that can end the loop's sleep.
  struct Bell {
    Bell(boost::asio::io_context& io, int fd) : descriptor(io, fd) {}

    /// Until it rings.
    void listen();
    void forget();

    boost::asio::posix::stream_descriptor descriptor;
    std::shared_ptr<bool> heard = std::make_shared<bool>(true);  ///< Or nobody listens.
  };

  [[nodiscard]] bool block();
  void set_alarm(SteadyTime deadline);

  [[nodiscard]] bool look_into_inbox() { return inbox_ != nullptr && inbox_->run() > 0; }

  [[nodiscard]] bool may_sleep() { return inbox_ == nullptr || inbox_->announce_sleep(); }

  boost::asio::io_context& io_;
  Scheduler& scheduler_;
  const Clock& clock_;
  Bell alarm_;  ///< A timerfd.
  SteadyTime alarm_time_ = kNever;
  Readiness readiness_;
  Bell change_;  ///< Readiness's set; the descriptor is its own.
  Inbox* inbox_ = nullptr;
  HogWatch* hog_watch_ = nullptr;
  std::function<void()> end_of_round_ = [] {};
  std::uint64_t blocked_ = 0;
  bool stopped_ = false;
};

}  // namespace tinkerbell

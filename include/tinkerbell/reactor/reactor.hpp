#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/reactor/hog_watch.hpp"
#include "tinkerbell/reactor/readiness.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>

namespace tinkerbell {

/// Turns the scheduler inside an io_context, on the thread that calls run(): a batch of turns, then
/// a look at descriptors and at what the io_context has, and so on. Only when nothing is ready it
/// blocks, with one timer armed for the nearest deadline. Idle costs nothing.
class Reactor {
 public:
  Reactor(boost::asio::io_context& io, Scheduler& scheduler, const Clock& clock);
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  ~Reactor();

  /// Returns after stop(), or when no task is ready and nothing can happen for ever: either no task
  /// is left, or those that are (Scheduler::stuck) wait for each other.
  void run();

  /// Loop thread.
  void stop() { stopped_ = true; }

  /// Is told when the loop wakes up. Null: nobody.
  void set_hog_watch(HogWatch* watch) { hog_watch_ = watch; }

  /// Where tasks wait for descriptors.
  [[nodiscard]] Readiness& readiness() { return readiness_; }

  /// How often it has blocked, and so could be woken: a count for tests and statistics.
  [[nodiscard]] std::uint64_t blocked() const { return blocked_; }

 private:
  [[nodiscard]] bool block();

  boost::asio::io_context& io_;
  Scheduler& scheduler_;
  const Clock& clock_;
  boost::asio::steady_timer timer_;
  Readiness readiness_;
  boost::asio::posix::stream_descriptor epoll_;  ///< Readiness's set; the set itself is its own.
  HogWatch* hog_watch_ = nullptr;
  std::uint64_t blocked_ = 0;
  bool stopped_ = false;
};

}  // namespace tinkerbell

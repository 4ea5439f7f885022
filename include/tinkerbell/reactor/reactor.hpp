#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/kernel/scheduler.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace tinkerbell {

/// Turns the scheduler inside an io_context, on the thread that calls run(): a batch of turns, then
/// what the io_context has, and so on. Only when nothing is ready it blocks, with one timer armed
/// for the nearest deadline. Idle costs nothing.
class Reactor {
 public:
  Reactor(boost::asio::io_context& io, Scheduler& scheduler, const Clock& clock)
      : io_(io), scheduler_(scheduler), clock_(clock), timer_(io) {}

  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Returns after stop(), or when no task is ready and the io_context has nothing to do for ever.
  void run();

  /// Loop thread.
  void stop() { stopped_ = true; }

 private:
  [[nodiscard]] bool wait_for_something();

  boost::asio::io_context& io_;
  Scheduler& scheduler_;
  const Clock& clock_;
  boost::asio::steady_timer timer_;
  bool stopped_ = false;
};

}  // namespace tinkerbell

#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tinkerbell {

/// What one coroutine waits for and others of the same thread bring about.
class Condition {
 public:
  explicit Condition(const boost::asio::any_io_executor& loop) : timer_(loop) {
    timer_.expires_at(boost::asio::steady_timer::time_point::max());
  }

  void notify() { timer_.cancel(); }

  /// Until the next notify(). One that came before is not remembered: look at the state first.
  [[nodiscard]] boost::asio::awaitable<void> wait() {
    co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }

 private:
  boost::asio::steady_timer timer_;
};

}  // namespace tinkerbell

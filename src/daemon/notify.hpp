#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <string>

namespace tinkerbell {

/// Tells systemd how the daemon is; does nothing where systemd did not start it. Source:
/// sd_notify(3).
class Notifier {
 public:
  explicit Notifier(const boost::asio::any_io_executor& loop) : timer_(loop) {}

  void ready(const std::string& status);
  void stopping();

  /// Feeds the watchdog from the loop itself, at half its period, so that a loop that is stuck is
  /// noticed.
  void feed_watchdog();

 private:
  boost::asio::steady_timer timer_;
};

/// The listening socket that systemd passed under the name "control"; -1 if there is none. Source:
/// sd_listen_fds(3).
[[nodiscard]] int activated_socket();

}  // namespace tinkerbell

#pragma once

#include "io/client_connection.hpp"

#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <memory>
#include <string>

namespace tinkerbell {

/// Idle connections that may be used again: for 30 s, at most 8 per origin. Loop thread.
class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
 public:
  explicit ConnectionPool(const boost::asio::any_io_executor& loop) : sweep_(loop) {}

  /// The connection to `origin` that was used last and that the server has not closed; null if
  /// there is none.
  [[nodiscard]] std::unique_ptr<ClientConnection> take(const std::string& origin);

  void keep(std::string origin, std::unique_ptr<ClientConnection> connection);

 private:
  using Clock = boost::asio::steady_timer::clock_type;

  struct Idle {
    std::string origin;
    std::unique_ptr<ClientConnection> connection;
    Clock::time_point expires;
  };

  void make_room(const std::string& origin);
  void sweep_later();
  void sweep();

  std::deque<Idle> idle_;  ///< Oldest first.
  boost::asio::steady_timer sweep_;
};

}  // namespace tinkerbell

#include "io/connection_pool.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::chrono::seconds kIdleTimeout{30};
constexpr std::ptrdiff_t kPerOriginMax = 8;

}  // namespace

std::unique_ptr<ClientConnection> ConnectionPool::take(const std::string& origin) {
  for (std::size_t i = idle_.size(); i-- > 0;) {
    if (idle_[i].origin != origin) continue;
    std::unique_ptr<ClientConnection> connection = std::move(idle_[i].connection);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    if (connection->quiet()) return connection;
  }
  return nullptr;
}

void ConnectionPool::keep(std::string origin, std::unique_ptr<ClientConnection> connection) {
  make_room(origin);
  idle_.push_back({std::move(origin), std::move(connection), Clock::now() + kIdleTimeout});
  if (idle_.size() == 1) sweep_later();
}

void ConnectionPool::make_room(const std::string& origin) {
  if (std::ranges::count(idle_, origin, &Idle::origin) < kPerOriginMax) return;
  idle_.erase(std::ranges::find(idle_, origin, &Idle::origin));
}

void ConnectionPool::sweep_later() {
  sweep_.expires_at(idle_.front().expires);
  sweep_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self) self->sweep();
  });
}

void ConnectionPool::sweep() {
  const Clock::time_point now = Clock::now();
  while (!idle_.empty() && idle_.front().expires <= now)
    idle_.pop_front();
  if (!idle_.empty()) sweep_later();
}

}  // namespace tinkerbell

#include "tinkerbell/reactor/reactor.hpp"

namespace tinkerbell {

namespace {

/// Turns between two looks at sockets: enough to make the look cheap, few enough to stay
/// responsive.
constexpr std::size_t kTurnsPerBatch = 128;

}  // namespace

void Reactor::run() {
  while (!stopped_) {
    scheduler_.run(kTurnsPerBatch, clock_.steady());
    if (stopped_) return;
    if (scheduler_.has_ready()) {
      io_.poll();
      io_.restart();
    } else if (!wait_for_something()) {
      return;
    }
  }
}

/// Blocks until a handler has run. False: nothing can happen any more.
bool Reactor::wait_for_something() {
  const SteadyTime deadline = scheduler_.next_deadline();
  if (deadline != kNever) {
    timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline));
    timer_.async_wait([](const boost::system::error_code&) {});
  }
  const bool happened = io_.run_one() > 0;
  timer_.cancel();
  io_.poll();
  io_.restart();
  return happened;
}

}  // namespace tinkerbell

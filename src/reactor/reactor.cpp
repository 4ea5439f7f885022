#include "tinkerbell/reactor/reactor.hpp"

namespace tinkerbell {

namespace {

/// Turns between two looks at sockets: enough to make the look cheap, few enough to stay
/// responsive.
constexpr std::size_t kTurnsPerBatch = 128;

}  // namespace

void Reactor::run() {
  while (!stopped_ && !io_.stopped()) {
    scheduler_.run(kTurnsPerBatch, clock_.steady());
    if (stopped_) return;
    if (scheduler_.has_ready()) {
      io_.poll();
    } else {
      wait_for_something();
    }
  }
}

void Reactor::wait_for_something() {
  const SteadyTime deadline = scheduler_.next_deadline();
  if (deadline != kNever) {
    timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline));
    timer_.async_wait([](const boost::system::error_code&) {});
  }
  io_.run_one();
  timer_.cancel();
  io_.poll();
}

}  // namespace tinkerbell

#include "tinkerbell/reactor/reactor.hpp"

namespace tinkerbell {

namespace {

/// Turns and time between two looks outside: enough to make the look cheap, few enough to stay
/// responsive.
constexpr std::size_t kTurnsPerBatch = 256;
constexpr Nanoseconds kBatchTime = std::chrono::microseconds{500};

}  // namespace

Reactor::Reactor(boost::asio::io_context& io, Scheduler& scheduler, const Clock& clock)
    : io_(io),
      scheduler_(scheduler),
      clock_(clock),
      timer_(io),
      readiness_(scheduler),
      epoll_(io, readiness_.fd()) {}

Reactor::~Reactor() {
  (void)epoll_.release();
}

void Reactor::run() {
  while (!stopped_) {
    scheduler_.run(kTurnsPerBatch, clock_.steady(), kBatchTime);
    if (stopped_) return;
    if (readiness_.has_waiters()) readiness_.look();
    if (scheduler_.has_ready()) {
      io_.poll();
      io_.restart();
    } else if (!block()) {
      return;
    }
  }
}

/// Blocks until a handler has run. False: nothing can happen any more.
bool Reactor::block() {
  const auto nothing = [](const boost::system::error_code&) {};
  const SteadyTime deadline = scheduler_.next_deadline();
  if (deadline != kNever) {
    timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline));
    timer_.async_wait(nothing);
  }
  if (readiness_.has_waiters()) {
    epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read, nothing);
  }
  ++blocked_;
  const bool happened = io_.run_one() > 0;
  if (hog_watch_ != nullptr) hog_watch_->loop_woke();
  timer_.cancel();
  epoll_.cancel();
  io_.poll();
  io_.restart();
  return happened;
}

}  // namespace tinkerbell

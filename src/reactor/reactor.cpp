#include "tinkerbell/reactor/reactor.hpp"

#include "tinkerbell/base/assert.hpp"

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace tinkerbell {

namespace {

/// Turns and time between two looks outside: enough to make the look cheap, few enough to stay
/// responsive.
constexpr std::size_t kTurnsPerBatch = 256;
constexpr Nanoseconds kBatchTime = std::chrono::microseconds{500};

int new_timer() {
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  return fd;
}

}  // namespace

Reactor::Reactor(boost::asio::io_context& io, Scheduler& scheduler, const Clock& clock)
    : io_(io),
      scheduler_(scheduler),
      clock_(clock),
      alarm_(io, new_timer()),
      readiness_(scheduler),
      change_(io, readiness_.fd()) {}

Reactor::~Reactor() {
  scheduler_.close();  // what is in frames may use the readiness
  (void)change_.descriptor.release();
}

void Reactor::run() {
  while (!stopped_) {
    (void)look_into_inbox();
    if (stopped_) return;
    scheduler_.run(kTurnsPerBatch, clock_.steady(), kBatchTime);
    end_of_round_();
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
  const SteadyTime deadline = scheduler_.next_deadline();
  set_alarm(deadline);
  if (readiness_.has_waiters()) {
    change_.listen();
  } else if (deadline == kNever && !(*alarm_.heard && *change_.heard)) {
    alarm_.forget();  // the io_context is to see that there is nothing left to do
    change_.forget();
    io_.poll();
    io_.restart();
    return true;
  }
  if (!may_sleep()) return true;
  ++blocked_;
  if (hog_watch_ != nullptr) hog_watch_->loop_sleeps();
  const bool happened = io_.run_one() > 0;
  if (hog_watch_ != nullptr) hog_watch_->loop_woke();
  io_.restart();
  return happened;
}

void Reactor::serve_once(SteadyTime deadline) {
  end_of_round_();
  if (look_into_inbox() || !may_sleep()) return;
  io_.run_one_until(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline));
  io_.restart();
}

/// An alarm that would come too early stays as it is, unless none is wanted: most deadlines are
/// taken back in time, and one wake-up too many is cheaper than a system call for each of them.
void Reactor::set_alarm(SteadyTime deadline) {
  if (*alarm_.heard) alarm_time_ = kNever;
  const bool comes_in_time = alarm_time_ <= deadline && deadline != kNever;
  if (comes_in_time || alarm_time_ == deadline) return;
  alarm_time_ = deadline;
  itimerspec at{};  // nothing but zeros: never
  if (deadline != kNever) {
    const auto since_boot = std::max(deadline.time_since_epoch(), Nanoseconds{1});
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
    at.it_value = {.tv_sec = seconds.count(), .tv_nsec = (since_boot - seconds).count()};
  }
  const int fd = alarm_.descriptor.native_handle();
  TINKERBELL_ASSERT(::timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, nullptr) == 0);
  if (deadline != kNever) alarm_.listen();
}

void Reactor::Bell::listen() {
  if (!*heard) return;
  *heard = false;
  descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [heard = heard](const boost::system::error_code& failed) {
                          if (!failed) *heard = true;
                        });
}

void Reactor::Bell::forget() {
  descriptor.cancel();
  *heard = true;
}

}  // namespace tinkerbell

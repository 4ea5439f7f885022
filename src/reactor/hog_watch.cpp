#include "tinkerbell/reactor/hog_watch.hpp"

#include <pthread.h>
#include <semaphore.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

namespace tinkerbell {

namespace {

constexpr auto kBetweenLooks = std::chrono::milliseconds{4};
constexpr int kIdleLooks = 2;  ///< Before the watch itself goes to sleep.
constexpr auto kAnswerTimeout = std::chrono::milliseconds{5};
constexpr std::size_t kCallsMax = 64;

/// What the signal handler fills: no allocation, no lock.
struct Sight {
  const TurnWatch* watch = nullptr;
  TaskId task = kNoTask;
  std::uint64_t began = 0;
  std::array<std::source_location, kCallsMax> calls;
  std::size_t count = 0;
  sem_t taken{};
};

std::atomic<Sight*> asked_for = nullptr;

/// On the loop thread, in the middle of a turn. The chain of frames is whole at every instruction:
/// a call and a return each change one pointer, after the frame that it leads to is ready.
void look(int /*signal*/) {
  const int error = errno;
  if (Sight* const sight = asked_for.exchange(nullptr)) {
    if (const TaskControl* const task = sight->watch->task.load(std::memory_order_relaxed)) {
      sight->task = task->id;
      sight->began = sight->watch->began.load(std::memory_order_relaxed);
      const detail::CallLink* link = detail::PromiseBase::of(task->leaf).link;
      for (; link != nullptr && sight->count < kCallsMax; link = link->caller->link)
        sight->calls[sight->count++] = link->where;
    }
    ::sem_post(&sight->taken);
  }
  errno = error;
}

}  // namespace

struct HogWatch::State {
  State(const Scheduler& whose, Nanoseconds how_long, Report tell)
      : scheduler(whose), limit(how_long), report(std::move(tell)) {
    struct sigaction action{};
    action.sa_handler = &look;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGURG, &action, &before);
    ::sem_init(&sight.taken, 0, 0);
    sight.watch = &scheduler.watch();
    watcher = std::thread([this] { watch(); });
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_one();
    watcher.join();
    asked_for = nullptr;
    ::sigaction(SIGURG, &before, nullptr);
    ::sem_destroy(&sight.taken);
  }

  void watch() {
    std::unique_lock lock(mutex);
    std::uint64_t reported = 0;
    for (int idle_looks = 0; !stopping;) {
      if (idle_looks >= kIdleLooks) {
        asleep = true;
        changed.wait(lock, [this] { return stopping || !idle; });
        asleep = false;
        idle_looks = 0;
      }
      changed.wait_for(lock, kBetweenLooks, [this] { return stopping; });
      const TurnWatch& turn = scheduler.watch();
      const bool busy = turn.task.load(std::memory_order_relaxed) != nullptr;
      idle_looks = idle ? idle_looks + 1 : 0;
      const std::uint64_t began = turn.began.load(std::memory_order_relaxed);
      const std::uint64_t now = scheduler.ticks().now();
      if (!busy || began == reported || now < began) continue;
      const Nanoseconds so_far = scheduler.ticks().nanoseconds(now - began);
      if (so_far < limit) continue;
      lock.unlock();
      if (ask_and_report(began, so_far)) reported = began;  // else once more at the next look
      lock.lock();
    }
  }

  /// False: the loop thread did not come to answer, or that turn is over.
  [[nodiscard]] bool ask_and_report(std::uint64_t began, Nanoseconds so_far) {
    sight.count = 0;
    sight.task = kNoTask;
    asked_for = &sight;
    ::pthread_kill(loop, SIGURG);
    timespec until{};
    ::clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += std::chrono::nanoseconds(kAnswerTimeout).count();
    until.tv_sec += until.tv_nsec / 1'000'000'000;
    until.tv_nsec %= 1'000'000'000;
    while (::sem_timedwait(&sight.taken, &until) != 0) {
      if (errno == EINTR) continue;
      if (asked_for.exchange(nullptr) != nullptr) return false;
      while (::sem_wait(&sight.taken) != 0) {
      }  // it is at it
      break;
    }
    if (sight.task == kNoTask || sight.began != began) return false;
    report({.task = sight.task,
            .so_far = so_far,
            .calls = {sight.calls.begin(), sight.calls.begin() + sight.count}});
    return true;
  }

  const Scheduler& scheduler;
  const Nanoseconds limit;
  const Report report;
  const pthread_t loop = ::pthread_self();
  Sight sight;
  struct sigaction before{};
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<bool> idle = false;    ///< The loop; set by it.
  std::atomic<bool> asleep = false;  ///< The watch; set by it. One of them sees what the other set.
  bool stopping = false;
  std::thread watcher;
};

HogWatch::HogWatch(const Scheduler& scheduler, Nanoseconds limit, Report report)
    : state_(std::make_unique<State>(scheduler, limit, std::move(report))) {}

HogWatch::~HogWatch() = default;

void HogWatch::loop_sleeps() {
  state_->idle.store(true, std::memory_order_relaxed);
}

void HogWatch::loop_woke() {
  state_->idle = false;
  if (!state_->asleep) return;
  {
    const std::lock_guard lock(state_->mutex);  // it does not look and then sleep in between
  }
  state_->changed.notify_one();
}

}  // namespace tinkerbell

#include "meter.hpp"
#include "support/thread_switches.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/kernel/calls.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/reactor/hog_watch.hpp"
#include "tinkerbell/reactor/inbox.hpp"
#include "tinkerbell/reactor/reactor.hpp"
#include "tinkerbell/reactor/socket.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <thread>
#include <utility>
#include <vector>

/// The scheduler inside its io_context: timers, sockets, work from other threads, and nothing at
/// all.

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

using bench::Arguments;
using bench::expect_equal;
using bench::Meter;
using bench::report;

/// No task here asks for a command.
struct World final : CommandHandler {
  void dispatch(TaskId /*task*/, Trap& /*trap*/) override {}

  void cancel(TaskId /*task*/, Trap& /*trap*/) override {}

  void expired(TaskId /*task*/, Trap& /*trap*/) override {}

  boost::asio::io_context io{1};
  Inbox inbox{io};
  SystemClock clock;
  Scheduler scheduler{*this};
  Reactor reactor{io, scheduler, clock};
};

using WorkGuard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

// ---- timers ----

Task<void> sleeps_until(SteadyTime when, const Clock* clock, std::vector<std::int64_t>* late) {
  (void)co_await kernel::sleep_for(when - clock->steady(), kernel::Slack::fine);
  late->push_back((clock->steady() - when).count());
}

/// timers TASKS: spread evenly over one second, which begins when all of them sleep.
void timers(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  std::vector<std::int64_t> late;
  late.reserve(tasks);
  std::uint64_t random = 88'172'645'463'325'252;
  const Meter meter;
  World world;
  const SteadyTime begin = world.clock.steady() + 200ms;
  for (std::uint64_t i = 0; i < tasks; ++i) {
    const Nanoseconds offset{static_cast<std::int64_t>(bench::next_random(random) % 1'000'000'000)};
    world.scheduler.spawn({}, sleeps_until(begin + offset, &world.clock, &late));
  }
  world.reactor.run();
  const double seconds = meter.seconds();
  expect_equal(late.size(), tasks, "sleepers");
  report("cpu", seconds);
  bench::report_lateness(late);
}

// ---- echo ----

std::array<UniqueFd, 2> socket_pair() {
  std::array<int, 2> ends{};
  const int made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data());
  expect_equal(made == 0 ? 1 : 0, 1, "socket pairs");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// Of who receives: more than what comes, as always with a stream.
constexpr std::size_t kBufferSize = 64;

/// One end: the server of the game sends the ball first and keeps it at the end.
Task<void> plays(Socket* socket, bool serves, std::uint64_t rounds, std::uint64_t* played) {
  std::array<std::byte, kBufferSize> buffer{};
  const std::span<const std::byte> ball(buffer.data(), 1);
  if (serves && !co_await socket->send(ball)) co_return;
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    const Result<std::size_t> received = co_await socket->receive(buffer);
    if (!received || *received != 1) co_return;
    ++*played;
    const bool keeps = serves && i == rounds;
    if (!keeps && !co_await socket->send(ball)) co_return;
  }
}

/// The same by hand: wait until it can be read, then read.
Task<void> plays_by_readiness(Readiness* readiness, int fd, bool serves, std::uint64_t rounds,
                              std::uint64_t* played) {
  std::array<char, kBufferSize> buffer{};
  if (serves && ::send(fd, buffer.data(), 1, 0) != 1) co_return;
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    const Result<void> ready = co_await readiness->wait(fd, Readiness::Direction::read);
    if (!ready || ::recv(fd, buffer.data(), buffer.size(), 0) != 1) co_return;
    ++*played;
    const bool keeps = serves && i == rounds;
    if (!keeps && ::send(fd, buffer.data(), 1, 0) != 1) co_return;
  }
}

void report_echo(double seconds, std::uint64_t played, std::uint64_t rounds) {
  expect_equal(played, 2 * rounds, "balls received");
  report("rate", static_cast<double>(rounds) / seconds);
}

/// echo ROUNDS
void echo(const Arguments& arguments) {
  const std::uint64_t rounds = arguments.number(1);
  World world;
  auto [left_fd, right_fd] = socket_pair();
  Socket left(world.reactor.readiness(), std::move(left_fd));
  Socket right(world.reactor.readiness(), std::move(right_fd));
  std::uint64_t played = 0;
  world.scheduler.spawn({}, plays(&left, true, rounds, &played));
  world.scheduler.spawn({}, plays(&right, false, rounds, &played));
  const Meter meter;
  world.reactor.run();
  report_echo(meter.seconds(), played, rounds);
}

/// echo_readiness ROUNDS
void echo_readiness(const Arguments& arguments) {
  const std::uint64_t rounds = arguments.number(1);
  World world;
  Readiness& readiness = world.reactor.readiness();
  const auto [left, right] = socket_pair();
  std::uint64_t played = 0;
  world.scheduler.spawn({}, plays_by_readiness(&readiness, left.get(), true, rounds, &played));
  world.scheduler.spawn({}, plays_by_readiness(&readiness, right.get(), false, rounds, &played));
  const Meter meter;
  world.reactor.run();
  report_echo(meter.seconds(), played, rounds);
}

/// echo_ceiling ROUNDS: what the system itself allows, with nothing but its calls.
void echo_ceiling(const Arguments& arguments) {
  const std::uint64_t rounds = arguments.number(1);
  const auto [left, right] = socket_pair();
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : {left.get(), right.get()}) {
    epoll_event wanted{.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &wanted);
  }
  std::array<char, kBufferSize> buffer{};
  std::uint64_t played = 0;
  const Meter meter;
  bool sent = ::send(left.get(), buffer.data(), 1, 0) == 1;
  while (sent && played < 2 * rounds) {
    epoll_event event{};
    if (::epoll_wait(epoll.get(), &event, 1, -1) != 1) break;
    if (::recv(event.data.fd, buffer.data(), buffer.size(), 0) != 1) break;
    ++played;
    sent = ::send(event.data.fd, buffer.data(), 1, 0) == 1;
  }
  report_echo(meter.seconds(), played, rounds);
}

// ---- work from other threads ----

/// inbox THREADS PIECES: so many threads each hand over so many pieces of work.
void inbox(const Arguments& arguments) {
  const std::uint64_t threads = arguments.number(1);
  const std::uint64_t total = threads * arguments.number(2);
  World world;
  world.reactor.set_inbox(&world.inbox);
  const WorkGuard work(world.io.get_executor());
  std::uint64_t done = 0;
  const Meter meter;
  {
    std::vector<std::jthread> givers;
    for (std::uint64_t i = 0; i < threads; ++i) {
      givers.emplace_back([&world, &done, total, pieces = arguments.number(2)] {
        for (std::uint64_t piece = 0; piece < pieces; ++piece) {
          world.inbox.post([&world, &done, total] {
            if (++done == total) world.reactor.stop();
          });
        }
      });
    }
    world.reactor.run();
  }
  const double seconds = meter.seconds();
  expect_equal(done, total, "pieces of work");
  report("rate", static_cast<double>(total) / seconds);
  report("sleeps", static_cast<double>(world.reactor.blocked()) / static_cast<double>(total));
}

// ---- nothing ----

struct ParkedTrap : Trap {
  ParkedTrap() : Trap(Kind::command) {}

  void await_resume() const {}
};

Task<void> waits() {
  co_await TrapAwaiter<ParkedTrap>();
}

/// idle TASKS SECONDS: what a loop costs whose tasks all wait, the watch over it included.
void idle(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  World world;
  world.reactor.set_inbox(&world.inbox);
  const WorkGuard work(world.io.get_executor());
  HogWatch watch(world.scheduler, 100ms, [](const Hog&) {});
  world.reactor.set_hog_watch(&watch);
  for (std::uint64_t i = 0; i < tasks; ++i)
    world.scheduler.spawn({}, waits());
  const std::jthread observer([&] {
    std::uint64_t switches = 0;
    do {  // until the loop, and the watch over it, have gone to sleep
      switches = switches_of_other_threads();
      std::this_thread::sleep_for(200ms);
    } while (switches_of_other_threads() != switches);
    const Meter meter;
    std::this_thread::sleep_for(std::chrono::seconds(arguments.number(2)));
    report("cpu", meter.seconds());
    report("wakeups", static_cast<double>(switches_of_other_threads() - switches));
    world.inbox.post([&] { world.reactor.stop(); });
  });
  world.reactor.run();
  expect_equal(world.scheduler.counters().in_state[static_cast<std::size_t>(TaskState::waiting)],
               tasks, "tasks that wait");
}

constexpr std::array<std::pair<std::string_view, void (*)(const Arguments&)>, 6> kBenchmarks{
    {{"timers", &timers},
     {"echo", &echo},
     {"echo_readiness", &echo_readiness},
     {"echo_ceiling", &echo_ceiling},
     {"inbox", &inbox},
     {"idle", &idle}}};

}  // namespace
}  // namespace tinkerbell

int main(int argc, char** argv) {
  return bench::run_named(bench::Arguments(argc, argv), tinkerbell::kBenchmarks);
}

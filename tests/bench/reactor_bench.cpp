#include "meter.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/kernel/calls.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/reactor/reactor.hpp"
#include "tinkerbell/reactor/socket.hpp"

#include <boost/asio/io_context.hpp>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

/// The scheduler inside its io_context: timers and sockets.

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
  SystemClock clock;
  Scheduler scheduler{*this};
  Reactor reactor{io, scheduler, clock};
};

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

/// One end: the server of the game sends the ball first and keeps it at the end.
Task<void> plays(Socket* socket, bool serves, std::uint64_t rounds, std::uint64_t* played) {
  std::array<std::byte, 1> ball{};
  if (serves && !co_await socket->send(ball)) co_return;
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    const Result<std::size_t> received = co_await socket->receive(ball);
    if (!received || *received != 1) co_return;
    ++*played;
    const bool keeps = serves && i == rounds;
    if (!keeps && !co_await socket->send(ball)) co_return;
  }
}

/// The same by hand: wait until it can be read, then read.
Task<void> plays_by_readiness(Readiness* readiness, int fd, bool serves, std::uint64_t rounds,
                              std::uint64_t* played) {
  char ball = 'x';
  if (serves && ::send(fd, &ball, 1, 0) != 1) co_return;
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    const Result<void> ready = co_await readiness->wait(fd, Readiness::Direction::read);
    if (!ready || ::recv(fd, &ball, 1, 0) != 1) co_return;
    ++*played;
    const bool keeps = serves && i == rounds;
    if (!keeps && ::send(fd, &ball, 1, 0) != 1) co_return;
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
  char ball = 'x';
  std::uint64_t played = 0;
  const Meter meter;
  bool sent = ::send(left.get(), &ball, 1, 0) == 1;
  while (sent && played < 2 * rounds) {
    epoll_event event{};
    if (::epoll_wait(epoll.get(), &event, 1, -1) != 1) break;
    if (::recv(event.data.fd, &ball, 1, 0) != 1) break;
    ++played;
    sent = ::send(event.data.fd, &ball, 1, 0) == 1;
  }
  report_echo(meter.seconds(), played, rounds);
}

constexpr std::array<std::pair<std::string_view, void (*)(const Arguments&)>, 4> kBenchmarks{
    {{"timers", &timers},
     {"echo", &echo},
     {"echo_readiness", &echo_readiness},
     {"echo_ceiling", &echo_ceiling}}};

}  // namespace
}  // namespace tinkerbell

int main(int argc, char** argv) {
  return bench::run_named(bench::Arguments(argc, argv), tinkerbell::kBenchmarks);
}

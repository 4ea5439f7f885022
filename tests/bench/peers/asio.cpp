#include "meter.hpp"

#include <boost/asio.hpp>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

/// What the kernel's benchmarks do, in plain Boost.Asio: awaitable, co_spawn, one io_context on one
/// thread.

namespace asio = boost::asio;

namespace {

using asio::awaitable;
using asio::use_awaitable;
using bench::Arguments;
using bench::expect_equal;
using bench::Meter;
using bench::report;
using SteadyClock = std::chrono::steady_clock;
using LocalSocket = asio::local::stream_protocol::socket;

void report_rate(std::uint64_t count, const Meter& meter) {
  report("rate", static_cast<double>(count) / meter.seconds());
}

/// Gives up the turn.
awaitable<void> give_way() {
  co_await asio::post(co_await asio::this_coro::executor, use_awaitable);
}

awaitable<void> yields(std::uint64_t times, std::uint64_t* done) {
  const auto executor = co_await asio::this_coro::executor;
  for (std::uint64_t i = 0; i < times; ++i)
    co_await asio::post(executor, use_awaitable);
  *done += times;
}

/// yield TASKS TURNS
void yield(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  const std::uint64_t times = arguments.number(2) / tasks;
  asio::io_context io(1);
  std::uint64_t done = 0;
  for (std::uint64_t i = 0; i < tasks; ++i)
    co_spawn(io, yields(times, &done), asio::detached);
  const Meter meter;
  io.run();
  expect_equal(done, tasks * times, "yields");
  report_rate(done, meter);
}

/// The nearest to a command: through the loop and back with a value.
awaitable<std::uint64_t> ask_number() {
  co_await give_way();
  co_return 7;
}

awaitable<void> asks(std::uint64_t times, std::uint64_t* sum) {
  for (std::uint64_t i = 0; i < times; ++i)
    *sum += co_await ask_number();
}

/// command TIMES
void command(const Arguments& arguments) {
  const std::uint64_t times = arguments.number(1);
  asio::io_context io(1);
  std::uint64_t sum = 0;
  co_spawn(io, asks(times, &sum), asio::detached);
  const Meter meter;
  io.run();
  expect_equal(sum, 7 * times, "sum of the replies");
  report_rate(times, meter);
}

awaitable<std::uint64_t> add(std::uint64_t left, std::uint64_t right) {
  co_return left + right;
}

awaitable<void> calls(std::uint64_t times, std::uint64_t* sum) {
  for (std::uint64_t i = 0; i < times; ++i)
    *sum = co_await add(*sum, 1);
}

/// call TIMES
void call(const Arguments& arguments) {
  const std::uint64_t times = arguments.number(1);
  asio::io_context io(1);
  std::uint64_t sum = 0;
  co_spawn(io, calls(times, &sum), asio::detached);
  const Meter meter;
  io.run();
  expect_equal(sum, times, "sum of the calls");
  report_rate(times, meter);
}

awaitable<void> leaf() {
  co_return;
}

awaitable<void> spawns(std::uint64_t total, std::uint64_t batch, std::uint64_t* completed) {
  const auto executor = co_await asio::this_coro::executor;
  for (std::uint64_t i = 0; i < total; i += batch) {
    for (std::uint64_t k = 0; k < batch; ++k)
      co_spawn(executor, leaf(), [completed](const std::exception_ptr& error) {
        if (!error) ++*completed;
      });
    co_await give_way();
  }
}

/// spawn BATCH TOTAL
void spawn(const Arguments& arguments) {
  const std::uint64_t batch = arguments.number(1);
  const std::uint64_t total = arguments.number(2) / batch * batch;
  asio::io_context io(1);
  std::uint64_t completed = 0;
  co_spawn(io, spawns(total, batch, &completed), asio::detached);
  const Meter meter;
  io.run();
  expect_equal(completed, total, "completed tasks");
  report_rate(total, meter);
}

struct Counted {
  std::uint64_t* destroyed;

  explicit Counted(std::uint64_t* counter) : destroyed(counter) {}

  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  ~Counted() { ++*destroyed; }
};

awaitable<void> waits(std::uint64_t* destroyed) {
  const Counted counted(destroyed);
  asio::steady_timer timer(co_await asio::this_coro::executor, SteadyClock::time_point::max());
  co_await timer.async_wait(use_awaitable);
}

/// kill TASKS BATCH STRIDE: through the cancellation slot of each.
void kill(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  const std::uint64_t batch = arguments.number(2);
  const std::uint64_t stride = arguments.number(3);
  asio::io_context io(1);
  std::vector<std::unique_ptr<asio::cancellation_signal>> victims;
  std::uint64_t destroyed = 0;
  std::uint64_t told = 0;
  for (std::uint64_t i = 0; i < tasks; ++i) {
    victims.push_back(std::make_unique<asio::cancellation_signal>());
    co_spawn(io, waits(&destroyed),
             asio::bind_cancellation_slot(victims.back()->slot(),
                                          [&told](const std::exception_ptr& error) {
                                            if (error) ++told;
                                          }));
  }
  io.poll();
  const Meter meter;
  for (std::uint64_t i = 0; i < tasks; ++i) {
    victims[i * stride % tasks]->emit(asio::cancellation_type::terminal);
    if ((i + 1) % batch == 0) io.poll();
  }
  io.run();
  const double seconds = meter.seconds();
  expect_equal(destroyed, tasks, "destructors");
  expect_equal(told, tasks, "ends told");
  report("rate", static_cast<double>(tasks) / seconds);
}

/// parked TASKS: behind a timer, as there is no command to wait for.
void parked(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  asio::io_context io(1);
  std::uint64_t destroyed = 0;
  const double before = bench::resident_bytes();
  for (std::uint64_t i = 0; i < tasks; ++i)
    co_spawn(io, waits(&destroyed), asio::detached);
  io.poll();
  const double bytes = bench::resident_bytes() - before;
  expect_equal(destroyed, 0, "ended tasks");
  report("bytes", bytes / static_cast<double>(tasks));
}

awaitable<void> sleeps_until(SteadyClock::time_point when, std::vector<std::int64_t>* late) {
  asio::steady_timer timer(co_await asio::this_coro::executor, when);
  co_await timer.async_wait(use_awaitable);
  late->push_back(std::chrono::nanoseconds(SteadyClock::now() - when).count());
}

/// timers TASKS
void timers(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  std::vector<std::int64_t> late;
  late.reserve(tasks);
  std::uint64_t random = 88'172'645'463'325'252;
  const Meter meter;
  asio::io_context io(1);
  const SteadyClock::time_point begin = SteadyClock::now() + std::chrono::milliseconds{200};
  for (std::uint64_t i = 0; i < tasks; ++i) {
    const std::chrono::nanoseconds offset(bench::next_random(random) % 1'000'000'000);
    co_spawn(io, sleeps_until(begin + offset, &late), asio::detached);
  }
  io.run();
  const double seconds = meter.seconds();
  expect_equal(late.size(), tasks, "sleepers");
  report("cpu", seconds);
  bench::report_lateness(late);
}

awaitable<void> plays(LocalSocket* socket, bool serves, std::uint64_t rounds,
                      std::uint64_t* played) {
  std::array<char, 64> buffer{};
  if (serves) co_await socket->async_write_some(asio::buffer(buffer, 1), use_awaitable);
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    *played += co_await socket->async_read_some(asio::buffer(buffer), use_awaitable);
    const bool keeps = serves && i == rounds;
    if (!keeps) co_await socket->async_write_some(asio::buffer(buffer, 1), use_awaitable);
  }
}

/// echo ROUNDS
void echo(const Arguments& arguments) {
  const std::uint64_t rounds = arguments.number(1);
  asio::io_context io(1);
  LocalSocket left(io);
  LocalSocket right(io);
  asio::local::connect_pair(left, right);
  std::uint64_t played = 0;
  co_spawn(io, plays(&left, true, rounds, &played), asio::detached);
  co_spawn(io, plays(&right, false, rounds, &played), asio::detached);
  const Meter meter;
  io.run();
  const double seconds = meter.seconds();
  expect_equal(played, 2 * rounds, "balls received");
  report("rate", static_cast<double>(rounds) / seconds);
}

/// post THREADS PIECES: so many threads each hand over so many pieces of work.
void post(const Arguments& arguments) {
  const std::uint64_t threads = arguments.number(1);
  const std::uint64_t total = threads * arguments.number(2);
  asio::io_context io(1);
  auto work = asio::make_work_guard(io);
  std::uint64_t done = 0;
  const Meter meter;
  {
    std::vector<std::jthread> givers;
    for (std::uint64_t i = 0; i < threads; ++i) {
      givers.emplace_back([&, pieces = arguments.number(2)] {
        for (std::uint64_t piece = 0; piece < pieces; ++piece) {
          asio::post(io, [&] {
            if (++done == total) work.reset();
          });
        }
      });
    }
    io.run();
  }
  const double seconds = meter.seconds();
  expect_equal(done, total, "pieces of work");
  report("rate", static_cast<double>(total) / seconds);
}

constexpr std::array<std::pair<std::string_view, void (*)(const Arguments&)>, 9> kBenchmarks{
    {{"yield", &yield},
     {"command", &command},
     {"call", &call},
     {"spawn", &spawn},
     {"kill", &kill},
     {"parked", &parked},
     {"timers", &timers},
     {"echo", &echo},
     {"post", &post}}};

}  // namespace

int main(int argc, char** argv) {
  return bench::run_named(bench::Arguments(argc, argv), kBenchmarks);
}

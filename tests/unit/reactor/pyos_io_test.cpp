#include "support/kernel_world.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/kernel/within.hpp"
#include "tinkerbell/reactor/reactor.hpp"
#include "tinkerbell/reactor/socket.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

/// The rows of PyOS that need descriptors; the others are in unit/kernel/pyos_test.cpp.
namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
using Direction = Readiness::Direction;

class PyOS : public testing::Test {
 protected:
  template <class T>
  TaskId spawn(std::string name, Task<T> body) {
    return world.spawn(std::move(name), std::move(body));
  }

  struct Pair {
    UniqueFd ours;
    UniqueFd theirs;
  };

  static Pair socket_pair() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
  }

  boost::asio::io_context io{1};
  KernelWorld world{TickSource::of_machine()};
  SystemClock clock;
  Reactor reactor{io, world.scheduler, clock};
  Readiness& readiness = reactor.readiness();
  TempDir dir;
};

Task<void> waits_for(KernelWorld* world, Readiness* readiness, int fd, Direction direction,
                     std::string name) {
  const Result<void> ready = co_await readiness->wait(fd, direction);
  world->say(name + (ready ? " ready" : " " + ready.error().message));
}

Task<void> writes_a_byte(int fd) {
  co_await kernel::yield();
  EXPECT_EQ(::write(fd, "x", 1), 1);
}

TEST_F(PyOS, Row18SeveralTasksMayWaitForOneDescriptor) {
  const Pair pair = socket_pair();
  spawn("r1", waits_for(&world, &readiness, pair.ours.get(), Direction::read, "r1"));
  spawn("r2", waits_for(&world, &readiness, pair.ours.get(), Direction::read, "r2"));
  spawn("w", waits_for(&world, &readiness, pair.ours.get(), Direction::write, "w"));
  spawn("writer", writes_a_byte(pair.theirs.get()));
  reactor.run();
  EXPECT_THAT(world.log, UnorderedElementsAre("r1 ready", "r2 ready", "w ready"));
  EXPECT_EQ(world.scheduler.counters().tasks, 0U);
}

TEST_F(PyOS, Row18ADescriptorThatIsReadyAlreadyIsNoticedAndAFileAlwaysIs) {
  const Pair pair = socket_pair();
  ASSERT_EQ(::write(pair.theirs.get(), "x", 1), 1);
  const UniqueFd file(::open((dir / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  for (int i = 0; i < 2; ++i) {  // the edge has passed at the second time
    spawn("r", waits_for(&world, &readiness, pair.ours.get(), Direction::read, "socket"));
    spawn("f", waits_for(&world, &readiness, file.get(), Direction::read, "file"));
    reactor.run();
  }
  EXPECT_THAT(world.log,
              UnorderedElementsAre("file ready", "socket ready", "file ready", "socket ready"));
}

Task<void> closes(Readiness* readiness, UniqueFd fd) {
  co_await kernel::yield();
  readiness->close(std::move(fd));
}

TEST_F(PyOS, Row19ClosingADescriptorTellsThoseWhoWait) {
  Pair pair = socket_pair();
  const int fd = pair.ours.get();
  spawn("r", waits_for(&world, &readiness, fd, Direction::read, "r"));
  spawn("closer", closes(&readiness, std::move(pair.ours)));
  spawn("bad", waits_for(&world, &readiness, -1, Direction::read, "bad"));
  reactor.run();
  EXPECT_THAT(world.log, UnorderedElementsAre(HasSubstr("was closed"), HasSubstr("bad wait")));

  const Pair next = socket_pair();  // the number is used again
  EXPECT_EQ(next.ours.get(), fd);
  spawn("r", waits_for(&world, &readiness, fd, Direction::read, "again"));
  spawn("writer", writes_a_byte(next.theirs.get()));
  reactor.run();
  EXPECT_EQ(world.log.back(), "again ready");
}

TEST_F(PyOS, Row20DescriptorsBeyond1024Work) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max < 4'096) GTEST_SKIP() << "no more than " << limit.rlim_max << " descriptors";
  limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, 4'096);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  const Pair pair = socket_pair();
  const UniqueFd high(::fcntl(pair.ours.get(), F_DUPFD_CLOEXEC, 3'000));
  ASSERT_GE(high.get(), 3'000);
  spawn("r", waits_for(&world, &readiness, high.get(), Direction::read, "high"));
  spawn("writer", writes_a_byte(pair.theirs.get()));
  reactor.run();
  EXPECT_THAT(world.log, ElementsAre("high ready"));
}

Task<void> works_on(const bool* stop, int* turns) {
  while (!*stop) {
    ++*turns;
    co_await kernel::yield();
  }
}

Task<void> reads_and_stops(Readiness* readiness, int fd, bool* stop) {
  EXPECT_TRUE(co_await readiness->wait(fd, Direction::read));
  *stop = true;
}

TEST_F(PyOS, Row21DescriptorsAreLookedAtWhileTasksAreBusy) {
  const Pair pair = socket_pair();
  bool stop = false;
  int turns = 0;
  for (int i = 0; i < 10; ++i)
    spawn("busy", works_on(&stop, &turns));
  spawn("reader", reads_and_stops(&readiness, pair.ours.get(), &stop));
  spawn("writer", writes_a_byte(pair.theirs.get()));
  reactor.run();
  EXPECT_TRUE(stop);
  EXPECT_LE(turns, 1'000);
}

Task<void> naps(Nanoseconds length) {
  (void)co_await kernel::sleep_for(length);
}

TEST_F(PyOS, Row22IdleCostsNoWakeUps) {
  const Pair pair = socket_pair();
  for (int i = 0; i < 1'000; ++i)
    spawn("waits", waits_for(&world, &readiness, pair.ours.get(), Direction::read, "r"));
  spawn("naps", naps(50ms));
  const TaskId ender = spawn("writer", naps(1h));
  spawn("kill", [](Scheduler* scheduler, TaskId task, int fd) -> Task<void> {
    (void)co_await kernel::sleep_for(100ms);
    (void)scheduler->kill(task, "over");
    EXPECT_EQ(::write(fd, "x", 1), 1);
  }(&world.scheduler, ender, pair.theirs.get()));
  reactor.run();
  EXPECT_EQ(world.log.size(), 1'000U);
  EXPECT_LE(reactor.blocked(), 3U);  // one for each thing that happened
}

// ---- 24: sockets ----

Task<Result<std::string>> receives_all(Socket* socket) {
  std::string text;
  std::array<std::byte, 4'096> piece;
  while (true) {
    const Result<std::size_t> count = co_await socket->receive(piece);
    if (!count) co_return count.error();
    if (*count == 0) co_return text;
    text.append(reinterpret_cast<const char*>(piece.data()), *count);
  }
}

Task<void> echoes_once(KernelWorld* world, Socket listener) {
  Result<Socket> client = co_await listener.accept();
  if (!client) co_return world->say(client.error().message);
  std::array<std::byte, 64> bytes;
  const Result<std::size_t> count = co_await client->receive(bytes);
  EXPECT_TRUE(co_await client->send(std::span(bytes).first(*count)));
}

Task<void> talks(KernelWorld* world, Readiness* readiness, SocketAddress address) {
  Result<Socket> server = co_await Socket::connect(readiness, address);
  if (!server) co_return world->say(server.error().message);
  EXPECT_TRUE(co_await server->send(std::as_bytes(std::span("hello", 5))));
  const Result<std::string> answer = co_await receives_all(&*server);
  world->say(*answer);
}

TEST_F(PyOS, Row24AcceptConnectReceiveAndSend) {
  const SocketAddress address = *SocketAddress::unix_path(dir / "socket");
  Result<Socket> listener = Socket::listen(readiness, address);
  ASSERT_TRUE(listener);
  spawn("server", echoes_once(&world, *std::move(listener)));
  spawn("client", talks(&world, &readiness, address));
  reactor.run();
  EXPECT_THAT(world.log, ElementsAre("hello"));
  spawn("late", talks(&world, &readiness, address));
  reactor.run();
  EXPECT_THAT(world.log.back(), HasSubstr("connect"));
}

Task<void> sends_much(KernelWorld* world, Socket socket, std::size_t bytes) {
  const std::string text(bytes, 'x');
  const Result<void> sent = co_await socket.send(std::as_bytes(std::span(text)));
  world->say(sent ? "sent" : sent.error().message);
}

Task<void> counts(KernelWorld* world, Socket socket) {
  const Result<std::string> text = co_await receives_all(&socket);
  world->say(text ? std::to_string(text->size()) : text.error().message);
}

TEST_F(PyOS, Row24ASendBeyondTheBufferHoldsNobodyUp) {
  Pair pair = socket_pair();
  spawn("sender", sends_much(&world, Socket(readiness, std::move(pair.ours)), 8 << 20));
  spawn("reader", counts(&world, Socket(readiness, std::move(pair.theirs))));
  reactor.run();
  EXPECT_THAT(world.log, UnorderedElementsAre("sent", std::to_string(8 << 20)));
}

Task<void> accepts_within(KernelWorld* world, Socket listener, Nanoseconds limit) {
  const Result<Socket> client = co_await within(limit, listener.accept());
  world->say(std::string(to_string(client.error().code)));
}

TEST_F(PyOS, Row24EveryOperationHasADeadlineAndCanBeCancelled) {
  Pair full = socket_pair();
  Pair silent = socket_pair();
  Result<Socket> listener = Socket::listen(readiness, *SocketAddress::unix_path(dir / "s"));
  ASSERT_TRUE(listener);
  spawn("accepter", accepts_within(&world, *std::move(listener), 5ms));
  const TaskId sender =
      spawn("sender", sends_much(&world, Socket(readiness, std::move(full.ours)), 8 << 20));
  const TaskId reader = spawn("reader", counts(&world, Socket(readiness, std::move(silent.ours))));
  spawn("killer", [](Scheduler* scheduler, TaskId first, TaskId second) -> Task<void> {
    (void)co_await kernel::sleep_for(5ms);
    (void)scheduler->kill(first, "enough");
    (void)scheduler->kill(second, "enough");
  }(&world.scheduler, sender, reader));
  reactor.run();
  EXPECT_THAT(world.log, UnorderedElementsAre("timed_out", HasSubstr("send: wait"),
                                              HasSubstr("receive: wait")));
  EXPECT_EQ(world.scheduler.counters().tasks, 0U);
}

TEST_F(PyOS, Row24AWriteToAClosedSocketIsAnErrorAndNoSignal) {
  Pair pair = socket_pair();
  pair.theirs.reset();
  spawn("sender", sends_much(&world, Socket(readiness, std::move(pair.ours)), 64));
  reactor.run();
  EXPECT_THAT(world.log, ElementsAre(HasSubstr("send: Broken pipe")));
}

}  // namespace
}  // namespace tinkerbell

#include "tinkerbell/reactor/readiness.hpp"

#include "support/kernel_world.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/kernel/within.hpp"
#include "tinkerbell/reactor/reactor.hpp"
#include "tinkerbell/reactor/socket.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

/// What goes wrong where descriptors are registered once and for edges. The plain behaviour is in
/// pyos_io_test.cpp.
namespace tinkerbell {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
using Direction = Readiness::Direction;

class ReadinessTest : public testing::Test {
 protected:
  struct Pair {
    UniqueFd ours;
    UniqueFd theirs;
  };

  static Pair socket_pair() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
  }

  static UniqueFd copy_of(const UniqueFd& fd) {
    return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 500));
  }

  /// Until all tasks wait, and everything that has happened to descriptors has been looked at.
  void settle() {
    do {
      while (world.scheduler.has_ready())
        world.scheduler.run(1'000, clock.steady());
    } while (readiness.look());
  }

  boost::asio::io_context io{1};
  KernelWorld world{TickSource::of_machine()};
  SystemClock clock;
  std::unique_ptr<Reactor> reactor = std::make_unique<Reactor>(io, world.scheduler, clock);
  Readiness& readiness = reactor->readiness();
};

void put(const UniqueFd& fd, std::string_view text) {
  EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

Task<void> receives(KernelWorld* world, Socket* socket, int times) {
  std::array<std::byte, 16> buffer;
  for (int i = 0; i < times; ++i) {
    const Result<std::size_t> count = co_await socket->receive(buffer);
    if (!count) co_return world->say(std::string(to_string(count.error().code)));
    world->say(std::string(reinterpret_cast<const char*>(buffer.data()), *count));
  }
}

Task<void> waits_for(KernelWorld* world, Readiness* readiness, int fd, Direction direction,
                     std::string name) {
  const Result<void> ready = co_await readiness->wait(fd, direction);
  world->say(name + (ready ? " ready" : " " + std::string(to_string(ready.error().code))));
}

TEST_F(ReadinessTest, TheEndOfAStreamThatComesWithItsLastBytesIsNotMissed) {
  Pair pair = socket_pair();
  Socket socket(readiness, std::move(pair.ours));
  world.spawn("r", receives(&world, &socket, 3));
  settle();
  put(pair.theirs, "last");
  pair.theirs.reset();  // both in one edge
  settle();
  EXPECT_THAT(world.log, ElementsAre("last", "", ""));
}

TEST_F(ReadinessTest, WhatCameWhileNobodyWaitedIsFound) {
  Pair pair = socket_pair();
  Socket socket(readiness, std::move(pair.ours));
  const TaskId first = world.spawn("first", receives(&world, &socket, 1));
  settle();
  ASSERT_TRUE(world.scheduler.kill(first, "enough"));
  settle();
  put(pair.theirs, "one");
  settle();
  world.spawn("second", receives(&world, &socket, 2));
  settle();
  put(pair.theirs, "two");
  settle();
  EXPECT_THAT(world.log, ElementsAre("cancelled", "one", "two"));
}

TEST_F(ReadinessTest, ATryIsWorthWhileUntilItFoundLittle) {
  const Pair pair = socket_pair();
  const int fd = pair.ours.get();
  readiness.adopt(fd);
  EXPECT_TRUE(readiness.may_try(fd, Direction::read));
  readiness.nothing_left(fd, Direction::read);
  EXPECT_FALSE(readiness.may_try(fd, Direction::read));
  EXPECT_TRUE(readiness.may_try(fd, Direction::write));
  world.spawn("r", [](Readiness* readiness, int fd, KernelWorld* world) -> Task<void> {
    EXPECT_TRUE(co_await readiness->wait_for_edge(fd, Direction::read));
    EXPECT_TRUE(co_await readiness->wait_for_edge(fd, Direction::read));  // at once
    readiness->less_than_asked(fd, Direction::read);
    EXPECT_FALSE(readiness->may_try(fd, Direction::read));
    world->say("read");
  }(&readiness, fd, &world));
  settle();
  EXPECT_THAT(world.log, ElementsAre());
  put(pair.theirs, "x");
  settle();
  EXPECT_THAT(world.log, ElementsAre("read"));
}

/// A byte that is taken makes room, which nobody asked about.
TEST_F(ReadinessTest, RoomToWriteIsToldOnlyToThoseWhoWaitForIt) {
  Pair pair = socket_pair();
  Socket ours(readiness, std::move(pair.ours));
  world.spawn("r", receives(&world, &ours, 1));
  settle();
  readiness.nothing_left(ours.fd(), Direction::write);
  ASSERT_EQ(::send(ours.fd(), "x", 1, 0), 1);
  char byte = 0;
  ASSERT_EQ(::recv(pair.theirs.get(), &byte, 1, 0), 1);
  readiness.look();
  EXPECT_FALSE(readiness.may_try(ours.fd(), Direction::write));
}

TEST_F(ReadinessTest, AHangUpWakesBothDirections) {
  Pair pair = socket_pair();
  const int fd = pair.ours.get();
  ASSERT_EQ(::fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  const std::string much(1 << 16, 'x');
  while (::write(fd, much.data(), much.size()) > 0) {
  }
  world.spawn("r", waits_for(&world, &readiness, fd, Direction::read, "r"));
  world.spawn("w", waits_for(&world, &readiness, fd, Direction::write, "w"));
  settle();
  EXPECT_THAT(world.log, ElementsAre());
  pair.theirs.reset();
  settle();
  EXPECT_THAT(world.log, UnorderedElementsAre("r ready", "w ready"));
}

Task<void> sends(KernelWorld* world, Socket* socket, std::size_t bytes) {
  const std::string text(bytes, 'x');
  EXPECT_TRUE(co_await socket->send(std::as_bytes(std::span(text))));
  world->say("sent");
}

Task<void> takes(KernelWorld* world, Socket* socket, std::size_t bytes) {
  std::array<std::byte, 5'000> buffer;
  while (bytes > 0) {
    const Result<std::size_t> count = co_await socket->receive(buffer);
    if (!count || *count == 0) co_return;
    bytes -= *count;
  }
  world->say("taken");
}

TEST_F(ReadinessTest, OneTaskReadsWhileAnotherWrites) {
  constexpr std::size_t kBytes = 1'000'000;
  Pair pair = socket_pair();
  Socket left(readiness, std::move(pair.ours));
  Socket right(readiness, std::move(pair.theirs));
  for (Socket* const socket : {&left, &right}) {
    world.spawn("s", sends(&world, socket, kBytes));
    world.spawn("t", takes(&world, socket, kBytes));
  }
  reactor->run();
  EXPECT_THAT(world.log, UnorderedElementsAre("sent", "sent", "taken", "taken"));
}

// ---- a number that is used again ----

/// The trap of epoll(7): a copy of a closed descriptor keeps it in the set.
TEST_F(ReadinessTest, ACopyThatOutlivesTheDescriptorWakesNobody) {
  Pair old = socket_pair();
  const UniqueFd copy = copy_of(old.ours);
  const int fd = old.ours.get();
  world.spawn("old", waits_for(&world, &readiness, fd, Direction::read, "old"));
  settle();
  readiness.close(std::move(old.ours));
  const Pair next = socket_pair();
  ASSERT_EQ(next.ours.get(), fd);
  world.spawn("next", waits_for(&world, &readiness, fd, Direction::read, "next"));
  settle();
  put(old.theirs, "x");
  pollfd wakes_the_loop{.fd = readiness.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&wakes_the_loop, 1, 0), 0);
  put(next.theirs, "x");
  settle();
  EXPECT_THAT(world.log, ElementsAre("old abandoned", "next ready"));
}

TEST_F(ReadinessTest, ACopyOfOneThatWasClosedBehindItsBackWakesNobodyEither) {
  Pair old = socket_pair();
  const UniqueFd copy = copy_of(old.ours);
  const int fd = old.ours.get();
  const TaskId first =
      world.spawn("old", waits_for(&world, &readiness, fd, Direction::read, "old"));
  settle();
  ASSERT_TRUE(world.scheduler.kill(first, "enough"));
  settle();
  old.ours.reset();
  const Pair next = socket_pair();
  ASSERT_EQ(next.ours.get(), fd);
  world.spawn("next", waits_for(&world, &readiness, fd, Direction::read, "next"));
  settle();
  put(old.theirs, "x");
  EXPECT_FALSE(readiness.look());
  put(next.theirs, "x");
  settle();
  EXPECT_THAT(world.log, ElementsAre("old cancelled", "next ready"));
}

TEST_F(ReadinessTest, ASocketForgetsWhatWasKnownOfItsNumber) {
  Pair old = socket_pair();
  const int fd = old.ours.get();
  world.spawn("old", waits_for(&world, &readiness, fd, Direction::read, "old"));
  settle();
  old.ours.reset();  // not by Readiness::close: that would have told it
  Pair next = socket_pair();
  ASSERT_EQ(next.ours.get(), fd);
  Socket socket(readiness, std::move(next.ours));
  world.spawn("next", receives(&world, &socket, 1));
  settle();
  put(next.theirs, "hello");
  settle();
  EXPECT_THAT(world.log, ElementsAre("old abandoned", "hello"));
}

TEST_F(ReadinessTest, WhoStillWaitsWhenItIsDestroyedIsTold) {
  const Pair pair = socket_pair();
  auto short_lived = std::make_unique<Readiness>(world.scheduler);
  world.spawn("r", waits_for(&world, short_lived.get(), pair.ours.get(), Direction::read, "r"));
  world.run_all();
  short_lived.reset();
  world.run_all();
  EXPECT_THAT(world.log, ElementsAre("r abandoned"));
}

TEST_F(ReadinessTest, AWaitThatWasCancelledDoesNotNeedItAnyMore) {
  const Pair pair = socket_pair();
  auto short_lived = std::make_unique<Readiness>(world.scheduler);
  const TaskId task =
      world.spawn("r", waits_for(&world, short_lived.get(), pair.ours.get(), Direction::read, "r"));
  world.run_all();
  ASSERT_TRUE(world.scheduler.kill(task, "enough"));
  short_lived.reset();
  world.run_all();
  EXPECT_THAT(world.log, ElementsAre("r cancelled"));
}

Task<void> owns_a_socket(KernelWorld* world, Socket socket) {
  std::array<std::byte, 16> buffer;
  (void)co_await socket.receive(buffer);
  world->say("told");
}

TEST_F(ReadinessTest, SocketsInFramesAreGoneBeforeIt) {
  Pair pair = socket_pair();
  world.spawn("owner", owns_a_socket(&world, Socket(readiness, std::move(pair.ours))));
  settle();
  reactor.reset();
  std::array<char, 1> byte;
  EXPECT_EQ(::read(pair.theirs.get(), byte.data(), 1), 0);  // it was closed
}

TEST_F(ReadinessTest, AnAddressInUseIsAConflict) {
  const TempDir directory;
  const SocketAddress address = *SocketAddress::unix_path(directory / "socket");
  const Result<Socket> first = Socket::listen(readiness, address);
  ASSERT_TRUE(first);
  const Result<Socket> second = Socket::listen(readiness, address);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::conflict);
}

/// It was woken, and the socket closed before its turn.
TEST_F(ReadinessTest, AWokenTaskIsToldThatItsSocketWasClosedMeanwhile) {
  Pair pair = socket_pair();
  Socket socket(readiness, std::move(pair.ours));
  world.spawn("reader", receives(&world, &socket, 1));
  settle();
  put(pair.theirs, "hello");
  ASSERT_TRUE(readiness.look());
  socket.close();
  settle();
  EXPECT_THAT(world.log, ElementsAre("abandoned"));
}

// ---- connections that take time ----

Task<void> connects(KernelWorld* world, Readiness* readiness, SocketAddress address) {
  Result<Socket> socket = co_await Socket::connect(readiness, address);
  if (!socket) co_return world->say(socket.error().message);
  EXPECT_TRUE(co_await socket->send(std::as_bytes(std::span("hello", 5))));
}

Task<void> accepts(KernelWorld* world, Socket* listener) {
  Result<Socket> socket = co_await listener->accept();
  if (!socket) co_return world->say(socket.error().message);
  co_await receives(world, &*socket, 2);
}

std::uint16_t port_of(int fd) {
  sockaddr_in local{};
  socklen_t length = sizeof local;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length), 0);
  return ntohs(local.sin_port);
}

TEST_F(ReadinessTest, AConnectionOverTcpIsMadeOrRefused) {
  Result<Socket> listener = Socket::listen(readiness, SocketAddress::loopback(0));
  ASSERT_TRUE(listener);
  const SocketAddress address = SocketAddress::loopback(port_of(listener->fd()));
  world.spawn("server", accepts(&world, &*listener));
  world.spawn("client", connects(&world, &readiness, address));
  reactor->run();
  EXPECT_THAT(world.log, ElementsAre("hello", ""));
  listener->close();
  world.spawn("late", connects(&world, &readiness, address));
  reactor->run();
  EXPECT_THAT(world.log.back(), HasSubstr("connect: Connection refused"));
}

}  // namespace
}  // namespace tinkerbell

#include "model_server.hpp"

#include "meter.hpp"

#include <boost/asio.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

/// The model of the LLM benchmarks: a process of its own, so that its processor time is not the
/// client's. Prints its port, and then answers what is posted to
///
///     /EVENTS/PER_SECOND/…
///
/// with so many events, so many a second (0: as fast as they are taken), over connections that stay
/// open. Each event is a chunk of its own, as real servers send them. What is posted to
///
///     /agent/STEPS/FIRST_MS/EVENTS/PER_SECOND/…
///
/// is an agent's conversation: after FIRST_MS milliseconds it is answered with such events and a
/// call of `echo`, until there have been STEPS of these; then with words only.

namespace asio = boost::asio;

namespace {

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;

constexpr std::uint64_t kEventsAtOnce = 256;  ///< In one write, where they are not paced.

std::string in_chunk(const std::string& bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

std::string event(const std::string& data) {
  return in_chunk("data: " + data + "\n\n");
}

const std::string kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string kDelta = event(bench::delta_data());

std::string end_because(const std::string& reason) {
  return event(R"({"choices":[{"index":0,"delta":{},"finish_reason":")" + reason + R"("}]})") +
         event(R"({"choices":[],"usage":{"prompt_tokens":4000,"completion_tokens":100}})") +
         event("[DONE]") + "0\r\n\r\n";
}

/// The n-th call of a conversation, and the end.
std::string call_of_echo(std::uint64_t n) {
  const std::string number = std::to_string(n);
  return event(R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_)" + number +
               R"(","type":"function","function":{"name":"run_program","arguments":)" +
               R"("{\"argv\":[\"echo\",\"step )" + number +
               R"(\"]}"}}]},"finish_reason":null}]})") +
         end_because("tool_calls");
}

std::string repeated(const std::string& bytes, std::uint64_t times) {
  std::string all;
  for (std::uint64_t i = 0; i < times; ++i)
    all += bytes;
  return all;
}

struct Wish {
  std::chrono::milliseconds first{0};
  std::uint64_t events = 0;
  std::uint64_t per_second = 0;
  std::string end = end_because("stop");
};

/// How many answers of the model a conversation holds.
std::uint64_t turn_of(std::string_view request) {
  constexpr std::string_view kAnswer = R"("role":"assistant")";
  std::uint64_t turn = 0;
  for (std::size_t at = request.find(kAnswer); at != request.npos;
       at = request.find(kAnswer, at + kAnswer.size()))
    ++turn;
  return turn;
}

/// Of a whole request.
Wish wish_in(const std::string& request) {
  Wish wish;
  if (std::sscanf(request.c_str(), "POST /%lu/%lu/", &wish.events, &wish.per_second) == 2) {
    return wish;
  }
  std::uint64_t steps = 0;
  std::uint64_t first = 0;
  if (std::sscanf(request.c_str(), "POST /agent/%lu/%lu/%lu/%lu/", &steps, &first, &wish.events,
                  &wish.per_second) != 4) {
    std::fprintf(stderr, "no wish: %.60s\n", request.c_str());
    std::exit(1);
  }
  wish.first = std::chrono::milliseconds(first);
  if (const std::uint64_t turn = turn_of(request); turn < steps) wish.end = call_of_echo(turn);
  return wish;
}

awaitable<Wish> read_request(tcp::socket* socket, std::string* input) {
  const std::size_t head = co_await asio::async_read_until(*socket, asio::dynamic_buffer(*input),
                                                           "\r\n\r\n", use_awaitable);
  constexpr std::string_view kLength = "Content-Length: ";
  const char* const length = input->c_str() + input->find(kLength) + kLength.size();
  const std::size_t size = head + std::strtoull(length, nullptr, 10);
  if (input->size() < size) {
    co_await asio::async_read(*socket, asio::dynamic_buffer(*input),
                              asio::transfer_exactly(size - input->size()), use_awaitable);
  }
  Wish wish = wish_in(input->substr(0, size));
  input->erase(0, size);
  co_return wish;
}

/// The first event comes with the head.
awaitable<void> answer(tcp::socket* socket, Wish wish) {
  asio::steady_timer timer(socket->get_executor(), std::chrono::steady_clock::now() + wish.first);
  if (wish.first.count() > 0) co_await timer.async_wait(use_awaitable);
  co_await asio::async_write(*socket, asio::buffer(kHead + kDelta), use_awaitable);
  std::uint64_t left = wish.events - 1;
  if (wish.per_second == 0) {
    const std::string many = repeated(kDelta, kEventsAtOnce);
    for (; left > 0; left -= std::min(left, kEventsAtOnce)) {
      const std::size_t size = std::min(left, kEventsAtOnce) * kDelta.size();
      co_await asio::async_write(*socket, asio::buffer(many.data(), size), use_awaitable);
    }
  } else {
    const std::chrono::nanoseconds period(1'000'000'000 / wish.per_second);
    for (; left > 0; --left) {
      timer.expires_at(timer.expiry() + period);
      co_await timer.async_wait(use_awaitable);
      co_await asio::async_write(*socket, asio::buffer(kDelta), use_awaitable);
    }
  }
  co_await asio::async_write(*socket, asio::buffer(wish.end), use_awaitable);
}

/// Until the client goes away.
awaitable<void> serve(tcp::socket socket) {
  socket.set_option(tcp::no_delay(true));
  std::string input;
  while (true)
    co_await answer(&socket, co_await read_request(&socket, &input));
}

awaitable<void> accept_all(tcp::acceptor* acceptor) {
  while (true) {
    tcp::socket socket = co_await acceptor->async_accept(use_awaitable);
    asio::co_spawn(acceptor->get_executor(), serve(std::move(socket)), asio::detached);
  }
}

}  // namespace

int main() {
  bench::allow_many_files();
  asio::io_context io(1);
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  acceptor.listen(4'096);
  asio::co_spawn(io, accept_all(&acceptor), asio::detached);
  std::printf("%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  io.run();
}

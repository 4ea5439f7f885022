#include "tinkerbell/io/http_client.hpp"

#include "io/client_connection.hpp"
#include "io/condition.hpp"
#include "io/connection_pool.hpp"
#include "io/http_wire.hpp"
#include "io/tls_context.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/io/http_url.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <atomic>
#include <exception>
#include <optional>
#include <unordered_map>
#include <utility>

namespace tinkerbell {

namespace asio = boost::asio;

namespace {

using SteadyClock = asio::steady_timer::clock_type;
using SteadyPoint = SteadyClock::time_point;

/// A large request is written in parts, so that the idle deadline sees it move.
constexpr std::size_t kWriteBytes = 256 << 10;

/// Gives back the memory of a text: a long conversation is not to be held as long as its answer
/// takes.
void release(std::string& text) {
  std::string().swap(text);
}

/// What all calls of a client share.
struct Services {
  Services(asio::any_io_executor on_loop, BlockingPool& with_pool)
      : loop(std::move(on_loop)), pool(with_pool), idle(std::make_shared<ConnectionPool>(loop)) {}

  asio::any_io_executor loop;
  BlockingPool& pool;
  TlsContext tls;
  std::shared_ptr<ConnectionPool> idle;
};

/// One request and its answer. The client owns it; whoever ends it early closes the connection, and
/// the coroutine then finds the reason in `stopped_`.
class Call final : public std::enable_shared_from_this<Call>, private HttpResponseSink {
 public:
  Call(std::shared_ptr<Services> services, HttpCall call, HttpEvents events,
       Completion<HttpHead> done)
      : services_(std::move(services)),
        call_(std::move(call)),
        events_(std::make_shared<HttpEvents>(std::move(events))),
        done_(std::move(done)),
        timer_(services_->loop),
        resolved_(services_->loop) {}

  /// Works until there is an outcome.
  static asio::awaitable<void> run(std::shared_ptr<Call> self);

  /// Gives the outcome to whoever waits for it.
  void answer();

  void stop(Error why);

  /// The client is being destroyed: nothing is told to anybody after this.
  void drop();

 private:
  asio::awaitable<Result<HttpHead>> perform();
  asio::awaitable<Result<void>> connect(HttpUrl url);
  asio::awaitable<Result<Endpoints>> resolve(std::string host, std::string port);
  asio::awaitable<Result<HttpHead>> exchange(std::string origin);
  asio::awaitable<bool> send_request();
  asio::awaitable<Result<void>> read_answer(HttpResponseReader* reader);

  bool take_head(const HttpHead& head) override;
  bool take_body(std::string_view piece) override;

  void within(Milliseconds timeout, std::string_view what, Errc code = Errc::timed_out);
  void set_timer();
  void look_at_limit();
  void stop_timer();

  /// Why a step failed: somebody stopped the call, or the step's own reason.
  [[nodiscard]] Error reason(const Error& own) const { return stopped_.value_or(own); }

  std::shared_ptr<Services> services_;
  HttpCall call_;
  std::shared_ptr<HttpEvents> events_;  ///< Shared with the event that is running.
  Completion<HttpHead> done_;
  std::string request_;
  std::unique_ptr<ClientConnection> connection_;
  bool received_ = false;  ///< A byte of the answer came.

  struct Limit {
    SteadyPoint at;
    Milliseconds length{};
    std::string_view what;  ///< Did not happen by then.
    Errc code = Errc::timed_out;
  };

  Limit limit_;
  asio::steady_timer timer_;  ///< Expires at the limit, or before it and then looks again.
  bool timer_set_ = false;
  SteadyPoint total_deadline_;
  Condition resolved_;
  /// Read by the pool: with a name server that is silent each name takes long there.
  std::shared_ptr<std::atomic<bool>> name_unwanted_ = std::make_shared<std::atomic<bool>>(false);
  std::optional<Error> stopped_;
  std::optional<Result<HttpHead>> outcome_;
};

asio::awaitable<void> Call::run(std::shared_ptr<Call> self) {
  // Nothing happens before start() has returned.
  co_await asio::post(self->services_->loop, asio::use_awaitable);
  self->total_deadline_ = SteadyClock::now() + self->call_.timeouts.total;
  self->outcome_ = co_await self->perform();
}

asio::awaitable<Result<HttpHead>> Call::perform() {
  if (stopped_) co_return *stopped_;
  const Result<HttpUrl> url = parse_http_url(call_.url);
  if (!url) co_return url.error();
  Result<std::string> head = http_request_head(call_, *url);
  if (!head) co_return head.error();
  request_ = *std::move(head) + call_.body;
  release(call_.body);

  const std::string origin = url->origin();
  const std::string context = call_.method + " " + origin;
  if (!call_.may_connect) connection_ = services_->idle->take(origin);
  if (connection_) {
    Result<HttpHead> outcome = co_await exchange(origin);
    if (outcome) co_return outcome;
    if (received_ || stopped_) co_return outcome.error().with(context);
  }
  if (Result<void> connected = co_await connect(*url); !connected) {
    co_return reason(connected.error()).with(context);
  }
  Result<HttpHead> outcome = co_await exchange(origin);
  if (!outcome) co_return outcome.error().with(context);
  co_return outcome;
}

asio::awaitable<Result<void>> Call::connect(HttpUrl url) {
  within(call_.timeouts.connect, "no connection", Errc::unavailable);
  Result<Endpoints> endpoints = co_await resolve(url.host, url.port);
  if (stopped_) co_return *stopped_;
  if (!endpoints) co_return endpoints.error();
  if (call_.may_connect) {
    const Result<void> may = call_.may_connect(addresses_of(*endpoints));
    if (!may) co_return may.error();
  }
  connection_ = std::make_unique<ClientConnection>(services_->loop);
  Result<void> connected = co_await connection_->connect(*std::move(endpoints));
  if (connected && url.secure && !stopped_) {
    connected = co_await connection_->secure(&services_->tls.ready(), url.host);
  }
  if (stopped_) co_return *stopped_;
  co_return connected;
}

/// Those who need no name do not wait behind those who do.
asio::awaitable<Result<Endpoints>> Call::resolve(std::string host, std::string port) {
  if (is_address(host)) co_return resolve_host(host, port);
  // The answer may come when nobody waits any more: it is then dropped with its box.
  const auto answer = std::make_shared<std::optional<Result<Endpoints>>>();
  services_->pool.run<Endpoints>(
      [host, port, unwanted = name_unwanted_]() -> Result<Endpoints> {
        if (*unwanted) return Error{Errc::cancelled, "nobody waits for it any more"};
        return resolve_host(host, port);
      },
      Completion<Endpoints>([answer, weak = weak_from_this()](Result<Endpoints> endpoints) {
        *answer = std::move(endpoints);
        if (const auto self = weak.lock()) self->resolved_.notify();
      }));
  while (!*answer && !stopped_)
    co_await resolved_.wait();
  co_return *answer ? **answer : Result<Endpoints>(*stopped_);
}

asio::awaitable<Result<HttpHead>> Call::exchange(std::string origin) {
  HttpResponseReader reader(
      {.header_bytes_max = call_.header_bytes_max, .body_bytes_max = call_.body_bytes_max},
      call_.method == "HEAD", *this);
  const bool sent = co_await send_request();
  if (stopped_) co_return *stopped_;
  within(call_.timeouts.first_byte, "no answer");
  Result<void> read = co_await read_answer(&reader);
  stop_timer();
  if (stopped_) co_return *stopped_;
  if (!read) co_return read.error();
  const bool shared = !call_.may_connect;
  if (sent && reader.reusable() && shared)
    services_->idle->keep(std::move(origin), std::move(connection_));
  co_return reader.head();
}

/// False if the server took no more. It may have answered all the same, for example 413.
asio::awaitable<bool> Call::send_request() {
  if (events_ && events_->sending) events_->sending();
  for (std::string_view rest = request_; !rest.empty();) {
    const std::string_view part = rest.substr(0, kWriteBytes);
    within(call_.timeouts.idle, "the request was not taken");
    const auto [failed, bytes] = co_await connection_->write({asio::buffer(part)});
    if (failed || stopped_) co_return false;
    rest.remove_prefix(part.size());
  }
  co_return true;
}

asio::awaitable<Result<void>> Call::read_answer(HttpResponseReader* reader) {
  std::array<char, 16 << 10> piece;
  while (!reader->complete()) {
    const auto [failed, bytes] = co_await connection_->read_some(asio::buffer(piece));
    if (stopped_) co_return *stopped_;
    if (failed == asio::error::eof && received_) co_return reader->end();
    if (failed) {
      co_return Error{received_ ? Errc::protocol : Errc::unavailable,
                      "the connection was lost: " + failed.message()};
    }
    if (!std::exchange(received_, true)) release(request_);  // it is not sent again
    within(call_.timeouts.idle, "the answer stopped");
    if (Result<void> fed = reader->feed({piece.data(), bytes}); !fed) co_return reason(fed.error());
  }
  co_return Result<void>{};
}

bool Call::take_head(const HttpHead& head) {
  const auto events = events_;
  if (events && events->head) events->head(head);
  return !stopped_;
}

bool Call::take_body(std::string_view piece) {
  const auto events = events_;
  if (events && events->body) events->body(piece);
  return !stopped_;
}

/// Sets the next deadline, or the one of the whole call if that comes first. The timer stands where
/// the first of them was: an answer of many pieces would set it for each.
void Call::within(Milliseconds timeout, std::string_view what, Errc code) {
  const SteadyPoint at = SteadyClock::now() + timeout;
  limit_ = {.at = at, .length = timeout, .what = what, .code = code};
  if (total_deadline_ < at) {
    limit_ = {.at = total_deadline_,
              .length = call_.timeouts.total,
              .what = "not finished",
              .code = code};
  }
  if (!timer_set_ || limit_.at < timer_.expiry()) set_timer();
}

void Call::set_timer() {
  timer_set_ = true;
  timer_.expires_at(limit_.at);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self && self->timer_set_) self->look_at_limit();
  });
}

void Call::look_at_limit() {
  if (limit_.at > SteadyClock::now()) return set_timer();
  stop({limit_.code,
        std::string(limit_.what) + " within " + std::to_string(limit_.length.count()) + " ms"});
}

void Call::stop_timer() {
  timer_set_ = false;
  timer_.cancel();
}

void Call::stop(Error why) {
  if (!stopped_) stopped_ = std::move(why);
  *name_unwanted_ = true;
  if (connection_) connection_->close();
  resolved_.notify();
}

void Call::answer() {
  stop_timer();
  if (!done_) return;
  const Error broken{Errc::internal, "the HTTP call broke"};
  done_(outcome_.value_or(broken));
}

void Call::drop() {
  events_ = nullptr;
  stop({Errc::abandoned, "the HTTP client has gone"});
  done_ = {};
}

}  // namespace

Result<void> check_http_call(const HttpCall& call) {
  const Result<HttpUrl> url = parse_http_url(call.url);
  if (!url) return url.error();
  const Result<std::string> head = http_request_head(call, *url);
  return head ? Result<void>() : Result<void>(head.error());
}

struct HttpClient::State {
  State(asio::any_io_executor loop, BlockingPool& pool)
      : services(std::make_shared<Services>(std::move(loop), pool)) {}

  std::shared_ptr<Services> services;
  std::unordered_map<CallId, std::shared_ptr<Call>> calls;
  CallId last_id = 0;
};

HttpClient::HttpClient(asio::any_io_executor loop, BlockingPool& pool)
    : state_(std::make_shared<State>(std::move(loop), pool)) {}

HttpClient::~HttpClient() {
  // Taken out first: a completion may call cancel().
  for (const auto& [id, call] : std::exchange(state_->calls, {}))
    call->drop();
}

HttpClient::CallId HttpClient::start(HttpCall call, HttpEvents events, Completion<HttpHead> done) {
  const CallId id = ++state_->last_id;
  auto started =
      std::make_shared<Call>(state_->services, std::move(call), std::move(events), std::move(done));
  state_->calls.emplace(id, started);
  asio::co_spawn(state_->services->loop, Call::run(started),
                 [weak = std::weak_ptr(state_), id, started](const std::exception_ptr&) {
                   if (const auto state = weak.lock()) state->calls.erase(id);
                   started->answer();
                 });
  return id;
}

void HttpClient::cancel(CallId id) {
  const auto found = state_->calls.find(id);
  if (found != state_->calls.end()) found->second->stop({Errc::cancelled, "cancelled"});
}

Result<void> HttpClient::trust(const std::string& pem_file) {
  return state_->services->tls.trust(pem_file);
}

}  // namespace tinkerbell

#include "tinkerbell/io/http_server.hpp"

#include "io/await.hpp"
#include "io/http_answer.hpp"
#include "io/http_session.hpp"
#include "io/unix_listener.hpp"

#include "tinkerbell/base/names.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <unordered_set>
#include <utility>

namespace tinkerbell {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

using Protocol = asio::local::stream_protocol;

/// After a failed accept(2), most likely for want of descriptors: let others give some back.
constexpr Milliseconds kAcceptPause{100};

std::optional<Peer> peer_of(Protocol::socket& socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return std::nullopt;
  }
  return Peer{.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
}

/// Without waiting: a fresh socket has room for these few bytes.
void turn_away(Protocol::socket socket) {
  const std::string text = http_response_text(
      error_response(503, name_of(Errc::exhausted), "too many connections"), false);
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
}

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor on_loop, HttpServerLimits with_limits, Handler with_handler)
      : loop(std::move(on_loop)),
        limits(with_limits),
        handler(std::make_shared<Handler>(std::move(with_handler))),
        acceptor(loop),
        pause(loop) {}

  Result<void> serve(UnixListener made);
  void stop_accepting();

  static asio::awaitable<void> accept_all(std::shared_ptr<State> self);
  void welcome(Protocol::socket socket);
  [[nodiscard]] bool full_for(uid_t uid) const;
  void open_session(Protocol::socket socket, const Peer& peer);

  asio::any_io_executor loop;
  HttpServerLimits limits;
  std::shared_ptr<Handler> handler;  ///< Sessions watch it: gone, when the server is.
  std::optional<UnixListener> listener;
  Protocol::acceptor acceptor;
  asio::steady_timer pause;
  std::unordered_set<std::shared_ptr<HttpSession>> sessions;
};

Result<void> HttpServer::State::serve(UnixListener made) {
  TINKERBELL_ASSERT(!acceptor.is_open());
  UniqueFd socket = made.take_socket();
  error_code failed;
  acceptor.assign(Protocol(), socket.get(), failed);
  if (failed) return Error{Errc::io, "listen: " + failed.message()};
  (void)socket.release();  // the acceptor's from here on
  listener.emplace(std::move(made));
  asio::co_spawn(loop, accept_all(shared_from_this()), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);  // a server that no longer accepts helps nobody
  });
  return {};
}

void HttpServer::State::stop_accepting() {
  error_code ignored;
  acceptor.close(ignored);
  pause.cancel();
  listener.reset();
}

asio::awaitable<void> HttpServer::State::accept_all(std::shared_ptr<State> self) {
  while (self->acceptor.is_open()) {
    auto [failed, socket] = co_await self->acceptor.async_accept(kAwait);
    if (!self->acceptor.is_open()) co_return;
    if (!failed) {
      self->welcome(std::move(socket));
    } else {
      self->pause.expires_after(kAcceptPause);
      co_await self->pause.async_wait(kAwait);
    }
  }
}

void HttpServer::State::welcome(Protocol::socket socket) {
  const std::optional<Peer> peer = peer_of(socket);
  if (!peer) return;  // without knowing who it is, nobody is served
  if (full_for(peer->uid)) {
    turn_away(std::move(socket));
  } else {
    open_session(std::move(socket), *peer);
  }
}

bool HttpServer::State::full_for(uid_t uid) const {
  const auto of_uid = std::ranges::count_if(
      sessions, [uid](const auto& session) { return session->peer().uid == uid; });
  return sessions.size() >= limits.connections_max ||
         std::cmp_greater_equal(of_uid, limits.connections_per_uid_max);
}

void HttpServer::State::open_session(Protocol::socket socket, const Peer& peer) {
  auto session = std::make_shared<HttpSession>(std::move(socket), peer, limits, handler);
  sessions.insert(session);
  // A session ends in a value; what is thrown all the same (no memory) ends this session alone.
  asio::co_spawn(loop, HttpSession::run(session),
                 [session, weak = weak_from_this()](const std::exception_ptr&) {
                   session->end();
                   if (const auto self = weak.lock()) self->sessions.erase(session);
                 });
}

HttpServer::HttpServer(asio::any_io_executor loop, HttpServerLimits limits, Handler handler)
    : state_(std::make_shared<State>(std::move(loop), limits, std::move(handler))) {}

HttpServer::~HttpServer() {
  state_->stop_accepting();
  state_->handler = nullptr;
  for (const auto& session : state_->sessions)
    session->drop();
}

Result<void> HttpServer::listen(const std::string& path, mode_t mode) {
  Result<UnixListener> listener = UnixListener::open(path, mode);
  if (!listener) return listener.error();
  return state_->serve(*std::move(listener));
}

Result<void> HttpServer::adopt(int listening_fd) {
  Result<UnixListener> listener = UnixListener::adopt(listening_fd);
  if (!listener) return listener.error();
  return state_->serve(*std::move(listener));
}

void HttpServer::stop() {
  state_->stop_accepting();
  for (const auto& session : state_->sessions)
    session->finish();
}

std::size_t HttpServer::connections() const {
  return state_->sessions.size();
}

}  // namespace tinkerbell

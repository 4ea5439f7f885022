#pragma once

#include "io/condition.hpp"

#include "tinkerbell/io/http_server.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// The queue between whoever sends events and the session that writes them. Shared by both.
class EventQueue final : public EventStream, public std::enable_shared_from_this<EventQueue> {
 public:
  EventQueue(const boost::asio::any_io_executor& loop, std::size_t backlog_bytes_max)
      : loop_(loop), more_(loop), backlog_bytes_max_(backlog_bytes_max) {}

  bool send(std::uint64_t id, std::string_view event, std::string_view data) override;
  void close() override;
  void when_drained(std::move_only_function<void()> handler) override;
  void on_closed(std::move_only_function<void()> handler) override;

  /// For the session: what is to be written next. Empty: the stream has ended.
  [[nodiscard]] boost::asio::awaitable<std::string> next();

  /// For the session: the client has gone away.
  void abandon();

 private:
  void lag();
  void tell_drained();
  void tell_closed();

  boost::asio::any_io_executor loop_;
  Condition more_;
  std::size_t backlog_bytes_max_;
  std::string backlog_;
  bool ended_ = false;   ///< Nothing more is taken; the backlog still goes out.
  bool broken_ = false;  ///< Ended by the client or by lagging, not by close().
  std::move_only_function<void()> drained_;
  std::move_only_function<void()> closed_;
};

/// The answer to one request, shared by the session that waits for it and the handler that owes it.
class HttpAnswer final : public HttpResponder {
 public:
  HttpAnswer(const boost::asio::any_io_executor& loop, std::size_t backlog_bytes_max)
      : loop_(loop), answered_(loop), backlog_bytes_max_(backlog_bytes_max) {}

  /// What the handler holds: dropped without an answer, it answers 500.
  [[nodiscard]] static std::shared_ptr<HttpResponder> responder(std::shared_ptr<HttpAnswer> answer);

  void respond(HttpResponse response) override;
  std::shared_ptr<EventStream> stream() override;

  /// For the session: until there is an answer or the client has gone.
  [[nodiscard]] boost::asio::awaitable<void> wait();

  /// For the session: nobody will read the answer.
  void abandon();

  /// For the session: ends a stream after what was sent; other answers are not hurried.
  void finish();

  [[nodiscard]] bool abandoned() const { return abandoned_; }

  [[nodiscard]] const std::optional<HttpResponse>& response() const { return response_; }

  [[nodiscard]] const std::shared_ptr<EventQueue>& events() const { return events_; }

 private:
  [[nodiscard]] bool given() const { return response_ || events_; }

  boost::asio::any_io_executor loop_;
  Condition answered_;
  std::size_t backlog_bytes_max_;
  std::optional<HttpResponse> response_;
  std::shared_ptr<EventQueue> events_;
  bool abandoned_ = false;
};

/// An answer that says why: {"error":{"code","message"}}.
[[nodiscard]] HttpResponse error_response(int status, std::string_view code,
                                          std::string_view message);

}  // namespace tinkerbell

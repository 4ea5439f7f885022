#include "io/http_answer.hpp"

#include "io/sse_event.hpp"

#include "tinkerbell/base/json.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace tinkerbell {

namespace asio = boost::asio;

bool EventQueue::send(std::uint64_t id, std::string_view event, std::string_view data) {
  if (ended_) return false;
  const std::string text = sse_event(id, event, data);
  if (!backlog_.empty() && backlog_.size() + text.size() > backlog_bytes_max_) {
    lag();
    return false;
  }
  backlog_ += text;
  more_.notify();
  return true;
}

/// What waits still goes out, so that a reader who comes again from its last id has got on.
void EventQueue::lag() {
  backlog_ += "event: lagged\ndata: {}\n\n";
  ended_ = broken_ = true;
  more_.notify();
  tell_closed();
}

void EventQueue::close() {
  ended_ = true;
  closed_ = nullptr;
  more_.notify();
}

void EventQueue::abandon() {
  if (std::exchange(broken_, true)) return;
  ended_ = true;
  backlog_.clear();
  more_.notify();
  tell_closed();
}

void EventQueue::when_drained(std::move_only_function<void()> handler) {
  drained_ = std::move(handler);
  if (backlog_.empty()) tell_drained();
}

void EventQueue::tell_drained() {
  if (!drained_) return;
  asio::post(loop_, [self = shared_from_this()] {
    if (self->drained_ && !self->ended_) std::exchange(self->drained_, nullptr)();
  });
}

void EventQueue::on_closed(std::move_only_function<void()> handler) {
  closed_ = std::move(handler);
  if (broken_) tell_closed();
}

/// Later on the loop: the handler may do anything, even end this stream, while a caller of send()
/// still works on its list of streams.
void EventQueue::tell_closed() {
  if (!closed_) return;
  asio::post(loop_, [self = shared_from_this()] {
    if (self->closed_) std::exchange(self->closed_, nullptr)();
  });
}

asio::awaitable<std::string> EventQueue::next() {
  while (backlog_.empty() && !ended_)
    co_await more_.wait();
  tell_drained();
  co_return std::exchange(backlog_, {});
}

std::shared_ptr<HttpResponder> HttpAnswer::responder(std::shared_ptr<HttpAnswer> answer) {
  HttpResponder* const face = answer.get();
  return {face, [answer = std::move(answer)](HttpResponder*) {
            if (answer->given()) return;
            answer->respond(error_response(500, "internal", "the request was not answered"));
          }};
}

void HttpAnswer::respond(HttpResponse response) {
  TINKERBELL_ASSERT(!given());
  response_ = std::move(response);
  answered_.notify();
}

std::shared_ptr<EventStream> HttpAnswer::stream() {
  TINKERBELL_ASSERT(!given());
  events_ = std::make_shared<EventQueue>(loop_, backlog_bytes_max_);
  if (abandoned_) events_->abandon();
  answered_.notify();
  // Whoever drops the stream has nothing more to send.
  EventStream* const face = events_.get();
  return {face, [events = events_](EventStream*) { events->close(); }};
}

asio::awaitable<void> HttpAnswer::wait() {
  while (!given() && !abandoned_)
    co_await answered_.wait();
}

void HttpAnswer::abandon() {
  abandoned_ = true;
  if (events_) events_->abandon();
  answered_.notify();
}

void HttpAnswer::finish() {
  if (events_) events_->close();
}

HttpResponse error_response(int status, std::string_view code, std::string_view message) {
  const Json body = {{"error", {{"code", code}, {"message", message}}}};
  return {.status = status, .content_type = "application/json", .body = dump_json(body)};
}

}  // namespace tinkerbell

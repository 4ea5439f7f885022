#include "drivers/llm/http_exchange.hpp"

#include "drivers/llm/server_error.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <ctime>

namespace tinkerbell {

namespace {

constexpr std::size_t kObjectBytesMax = JsonLimits{}.bytes_max;
constexpr std::size_t kFailureBytesMax = 64 << 10;  ///< Enough for any reason given.

/// "text/html" of "Text/HTML; charset=utf-8".
std::string media_type(const HttpHeaders& headers) {
  std::string_view value = header_value(headers, "content-type");
  value = value.substr(0, value.find(';'));
  while (!value.empty() && value.back() == ' ')
    value.remove_suffix(1);
  std::string type(value);
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
  return type;
}

bool may_pass(Errc code) {
  return code == Errc::unavailable || code == Errc::rate_limited || code == Errc::timed_out ||
         code == Errc::io;
}

/// Statuses of a service that is busy, down or behind a proxy that does not reach it.
bool passes(int status) {
  constexpr std::array kPassing{408, 429, 502, 503, 504, 529};
  return std::ranges::find(kPassing, status) != kPassing.end();
}

std::optional<double> positive_number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && number >= 0 ? std::optional(number) : std::nullopt;
}

Milliseconds milliseconds(double count) {
  constexpr double kMax = 1e9;  // far above every cap, far below an overflow
  return Milliseconds{static_cast<std::int64_t>(std::min(count, kMax))};
}

/// Seconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<std::time_t> date(const std::string& text) {
  std::tm fields{};
  const char* const end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &fields);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return ::timegm(&fields);
}

}  // namespace

void HttpExchange::take_head(const HttpHead& head) {
  head_ = head;
  const std::string type = media_type(head.headers);
  if (head.status != 200) {
    form_ = Form::failure;
  } else if (type == stream_type(framing_)) {
    form_ = Form::stream;
  } else if (type == "application/json") {
    form_ = Form::object;
  } else {
    error_ = {Errc::protocol,
              "unexpected content type " + (type.empty() ? "(none)" : shortened(type, 80))};
  }
}

void HttpExchange::take_body(std::string_view bytes, SteadyTime now) {
  if (error_) return;
  switch (form_) {
    case Form::none:
      return;
    case Form::stream:
      return take_stream(bytes, now);
    case Form::object:
      body_ += bytes;
      if (body_.size() > kObjectBytesMax) error_ = {Errc::too_large, "the answer is too large"};
      return;
    case Form::failure:
      body_ += bytes.substr(0, kFailureBytesMax - body_.size());
      return;
  }
}

/// The HTTP client's idle deadline counts bytes; this counts events, so that comments keep the
/// connection alive but not the answer.
void HttpExchange::take_stream(std::string_view bytes, SteadyTime now) {
  const Result<void> fed = feed(bytes, now);
  if (!fed && !error_) error_ = fed.error();
  const Milliseconds patience = any_event_ ? timeouts_.idle : timeouts_.first_byte;
  if (!error_ && !stream_->ended() && now - last_event_ > patience) {
    error_ = {Errc::timed_out,
              "no event for " + std::to_string(patience.count()) + " ms, only comments"};
  }
}

Result<void> HttpExchange::feed(std::string_view bytes, SteadyTime now) {
  switch (framing_) {
    case Framing::events:
      return events_.feed(bytes, [&](const StreamEvent& event) { take_event(event, now); });
    case Framing::lines:
      return lines_.feed(bytes, [&](std::string_view line) -> Result<void> {
        if (!line.empty()) take_event({.name = {}, .data = std::string(line), .id = {}}, now);
        return {};
      });
  }
}

void HttpExchange::take_event(const StreamEvent& event, SteadyTime now) {
  last_event_ = now;
  any_event_ = true;
  if (error_) return;
  if (const Result<void> taken = stream_->take(event); !taken) error_ = taken.error();
}

Attempt HttpExchange::finish(const Result<HttpHead>& ended, SteadyTime now) {
  Result<ModelReply> said = reply(ended);
  const Repeat repeat = said ? Repeat::never : repeat_after(said.error(), now);
  const bool may_have_cost = !said && was_asked(said.error());
  return {.reply = std::move(said),
          .repeat = repeat,
          .retry_after = retry_after(head_.headers),
          .may_have_cost = may_have_cost,
          .passed_over = stream_->passed_over()};
}

Result<ModelReply> HttpExchange::reply(const Result<HttpHead>& ended) {
  if (error_) return *error_;
  const bool cancelled = !ended && ended.error().code == Errc::cancelled;
  if (form_ == Form::failure && !cancelled) return http_error(head_.status, body_);
  if (!ended && !stream_->ended()) return ended.error();
  if (form_ == Form::object) {
    if (const Result<void> taken = stream_->take_whole(body_); !taken) return taken.error();
  }
  return stream_->finish();
}

/// Whether the service took the question, as far as one can see, and did not refuse it.
bool HttpExchange::was_asked(const Error& error) const {
  switch (form_) {
    case Form::failure:
      return false;
    case Form::none:
      return error.code == Errc::timed_out || error.code == Errc::cancelled;
    case Form::stream:
    case Form::object:
      return true;
  }
}

Repeat HttpExchange::repeat_after(const Error& error, SteadyTime now) const {
  if (error.code == Errc::cancelled) return Repeat::never;
  const std::string_view wish = header_value(head_.headers, "x-should-retry");
  if (wish == "false") return Repeat::never;
  const Repeat least = wish == "true" ? Repeat::at_most : Repeat::never;
  const bool thought_too_long = error_ && error.code == Errc::timed_out && any_event_;
  const bool took_too_long = now - started_ >= timeouts_.total;
  if (thought_too_long || took_too_long) return least;  // it has its price, and would again
  if (error.code == Errc::rate_limited) return Repeat::until_it_passes;
  const bool cut_short = error.code == Errc::protocol && !error_ && !stream_->ended();
  if (!may_pass(error.code) && !cut_short) return least;
  switch (form_) {
    case Form::none:
      return cut_short ? Repeat::at_most : Repeat::until_it_passes;
    case Form::failure:
      return passes(head_.status) ? Repeat::until_it_passes : Repeat::at_most;
    case Form::stream:
    case Form::object:
      return Repeat::at_most;
  }
}

std::optional<Milliseconds> retry_after(const HttpHeaders& headers) {
  if (const auto count = positive_number(header_value(headers, "retry-after-ms"))) {
    return milliseconds(*count);
  }
  if (const auto seconds = positive_number(header_value(headers, "retry-after"))) {
    return milliseconds(*seconds * 1000);
  }
  const auto until = date(std::string(header_value(headers, "retry-after")));
  const auto now = date(std::string(header_value(headers, "date")));
  if (!until || !now) return std::nullopt;
  return milliseconds(std::max(0.0, std::difftime(*until, *now)) * 1000);
}

}  // namespace tinkerbell

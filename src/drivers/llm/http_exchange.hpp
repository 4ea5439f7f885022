#pragma once

#include "drivers/llm/wire_format.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/io/http_client.hpp"
#include "tinkerbell/io/http_message.hpp"
#include "tinkerbell/io/line_reader.hpp"
#include "tinkerbell/io/sse_parser.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// One attempt: the bytes of one HTTP answer on their way to a reply. Does no I/O: it is handed
/// what arrives and the time of its arrival.
class HttpExchange {
 public:
  /// `started`: when the request went out.
  HttpExchange(std::unique_ptr<ReplyStream> stream, Framing framing, const HttpTimeouts& timeouts,
               SteadyTime started)
      : stream_(std::move(stream)),
        framing_(framing),
        timeouts_(timeouts),
        started_(started),
        last_event_(started) {}

  void take_head(const HttpHead& head);
  void take_body(std::string_view bytes, SteadyTime now);

  /// Whether it is already known that no reply will come of it: the rest need not be read.
  [[nodiscard]] bool hopeless() const { return error_.has_value(); }

  /// How it ended, given how the HTTP call did, and when that was.
  [[nodiscard]] Attempt finish(const Result<HttpHead>& ended, SteadyTime now);

 private:
  enum class Form : std::uint8_t {
    none,     ///< No head yet.
    stream,   ///< As asked for.
    object,   ///< One whole answer from a server that does not stream.
    failure,  ///< A status other than 200.
  };

  void take_stream(std::string_view bytes, SteadyTime now);
  void take_event(const StreamEvent& event, SteadyTime now);
  [[nodiscard]] Result<void> feed(std::string_view bytes, SteadyTime now);
  [[nodiscard]] Result<ModelReply> reply(const Result<HttpHead>& ended);
  [[nodiscard]] bool was_asked(const Error& error) const;
  [[nodiscard]] Repeat repeat_after(const Error& error, SteadyTime now) const;

  std::unique_ptr<ReplyStream> stream_;
  Framing framing_;
  HttpTimeouts timeouts_;
  SteadyTime started_;
  SteadyTime last_event_;
  bool any_event_ = false;
  Form form_ = Form::none;
  HttpHead head_;
  SseParser events_;
  LineReader lines_{SseParser::Limits{}.line_bytes_max};
  std::string body_;  ///< Of an object or a failure.
  std::optional<Error> error_;
};

/// What a server asks for in retry-after-ms or retry-after (both may have a fraction). A date (RFC
/// 9110 §5.6.7, IMF-fixdate) is held against the server's own clock, its Date. Nonsense, and a date
/// without a Date, counts as nothing said.
[[nodiscard]] std::optional<Milliseconds> retry_after(const HttpHeaders& headers);

}  // namespace tinkerbell

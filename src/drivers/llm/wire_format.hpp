#pragma once

#include "drivers/llm/provider.hpp"

#include "tinkerbell/drivers/llm/llm_driver.hpp"
#include "tinkerbell/io/http_message.hpp"
#include "tinkerbell/io/sse_parser.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tinkerbell {

/// One event of a stream. Of a line it has the data only.
using StreamEvent = SseParser::Event;

/// Puts one reply together from the events of a stream. Bounded, whatever comes.
class ReplyStream {
 public:
  ReplyStream() = default;
  ReplyStream(const ReplyStream&) = delete;
  ReplyStream& operator=(const ReplyStream&) = delete;
  virtual ~ReplyStream() = default;

  /// Takes the next event; what comes after the end mark is ignored. Events and fields that it does
  /// not know are passed over. Errors: protocol, too_large, or what the server's error says; the
  /// stream is of no use after that.
  [[nodiscard]] virtual Result<void> take(const StreamEvent& event) = 0;

  /// Takes the whole answer of a server that does not stream. Errors: as take.
  [[nodiscard]] virtual Result<void> take_whole(std::string_view body) = 0;

  /// Whether the end mark has arrived.
  [[nodiscard]] virtual bool ended() const = 0;

  /// How many events and fields were passed over.
  [[nodiscard]] virtual std::uint32_t passed_over() const = 0;

  /// The reply; called once. Tool calls of an answer that was cut short are not in it: they must
  /// not run. Errors: protocol (no end mark, or no reason for the end).
  [[nodiscard]] virtual Result<ModelReply> finish() = 0;
};

/// How the events of a stream are told apart.
enum class Framing : std::uint8_t {
  events,  ///< text/event-stream.
  lines,   ///< application/x-ndjson: a line is an event.
};

/// Its media type.
[[nodiscard]] std::string_view stream_type(Framing framing);

/// What one kind of service has of its own: its requests and its stream. All else is the same for
/// all of them (HttpProvider, HttpExchange, ReplyParts, server_error.hpp).
struct WireFormat {
  std::string_view path;  ///< Where questions go to, below the base URL.
  Framing framing = Framing::events;

  /// What says who asks, and in which version.
  HttpHeaders (*headers)(const ProviderSettings& settings);

  std::string (*body)(const ModelQuestion& question, const ProviderSettings& settings);

  std::unique_ptr<ReplyStream> (*stream)(const ModelQuestion& question, Provider::TextHandler text);
};

/// The format of a type that is spoken over HTTP: of every one but `offline`.
[[nodiscard]] const WireFormat& wire_format(ProviderType type);

/// "Authorization: Bearer KEY", or nothing without a key.
[[nodiscard]] HttpHeaders bearer(const ProviderSettings& settings);

}  // namespace tinkerbell

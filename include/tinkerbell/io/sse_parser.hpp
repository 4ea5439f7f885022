#pragma once

#include "tinkerbell/base/result.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// Reads server-sent events from bytes that come in any pieces. One pass, bounded.
/// Source: WHATWG HTML Living Standard, 9.2.6 "Interpreting an event stream".
class SseParser {
 public:
  struct Limits {
    std::size_t line_bytes_max = 1 << 20;
    std::size_t event_bytes_max = 4 << 20;
    std::size_t lines_per_event_max = 10'000;
  };

  struct Event {
    std::string name;  ///< "message" where the stream gives none.
    std::string data;
    std::string id;
  };

  explicit SseParser(Limits limits) : limits_(limits) {}

  SseParser() : SseParser(Limits{}) {}

  /// Takes the next bytes and calls `take` for each event that they complete. Errors: too_large.
  [[nodiscard]] Result<void> feed(std::string_view bytes, const std::function<void(Event)>& take);

  /// Whether bytes of an unfinished event are held: at the end of a stream they are not an event.
  [[nodiscard]] bool in_event() const;

 private:
  Limits limits_;
};

}  // namespace tinkerbell

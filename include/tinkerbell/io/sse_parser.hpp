#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/io/line_reader.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// Reads server-sent events from bytes that come in any pieces. One pass over the bytes, memory
/// bounded by the limits.
/// Source: WHATWG HTML Living Standard, 9.2.6 "Interpreting an event stream".
class SseParser {
 public:
  struct Limits {
    std::size_t line_bytes_max = 1 << 20;
    std::size_t event_bytes_max = 4 << 20;     ///< Of all its lines, comments among them too.
    std::size_t lines_per_event_max = 10'000;  ///< Empty `data:` lines weigh nothing in bytes.
  };

  struct Event {
    std::string name;  ///< "message" where the stream gives none.
    std::string data;  ///< Several `data:` lines are joined with a line feed.
    std::string id;    ///< The last id that the stream gave, with this event or before it.
  };

  explicit SseParser(Limits limits) : limits_(limits), lines_(limits.line_bytes_max) {}

  SseParser() : SseParser(Limits{}) {}

  /// Takes the next bytes and calls `take` for each event that they complete. Errors: too_large;
  /// the parser is of no use after that.
  [[nodiscard]] Result<void> feed(std::string_view bytes, const std::function<void(Event)>& take);

 private:
  [[nodiscard]] Result<void> take_line(std::string_view line,
                                       const std::function<void(Event)>& take);
  [[nodiscard]] Result<void> count(std::string_view line);
  void take_field(std::string_view line);
  void dispatch(const std::function<void(Event)>& take);

  Limits limits_;
  LineReader lines_;
  Event event_;
  std::size_t event_bytes_ = 0;
  std::size_t event_lines_ = 0;
  std::size_t data_lines_ = 0;
};

}  // namespace tinkerbell

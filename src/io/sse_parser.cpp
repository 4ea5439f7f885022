#include "tinkerbell/io/sse_parser.hpp"

#include <utility>

namespace tinkerbell {

namespace {

Error too_large(std::string_view what, std::size_t max, std::string_view unit) {
  return {Errc::too_large, "event stream: " + std::string(what) + " over " + std::to_string(max) +
                               " " + std::string(unit)};
}

}  // namespace

Result<void> SseParser::feed(std::string_view bytes, const std::function<void(Event)>& take) {
  return lines_.feed(bytes, [&](std::string_view line) { return take_line(line, take); });
}

Result<void> SseParser::take_line(std::string_view line, const std::function<void(Event)>& take) {
  if (line.empty()) {
    dispatch(take);
    return {};
  }
  const bool comment = line.front() == ':';
  if (comment && event_lines_ == 0) return {};  // keep-alives between events may go on for ever
  if (Result<void> counted = count(line); !counted) return counted;
  if (!comment) take_field(line);
  return {};
}

Result<void> SseParser::count(std::string_view line) {
  event_bytes_ += line.size();
  event_lines_ += 1;
  if (event_bytes_ > limits_.event_bytes_max) {
    return too_large("an event", limits_.event_bytes_max, "bytes");
  }
  if (event_lines_ > limits_.lines_per_event_max) {
    return too_large("an event", limits_.lines_per_event_max, "lines");
  }
  return {};
}

void SseParser::take_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (data_lines_++ > 0) event_.data += '\n';
    event_.data += value;
  } else if (name == "event") {
    event_.name = value;
  } else if (name == "id" && !value.contains('\0')) {
    event_.id = value;
  }
}

void SseParser::dispatch(const std::function<void(Event)>& take) {
  Event complete = std::exchange(event_, {});
  event_.id = complete.id;
  event_bytes_ = event_lines_ = 0;
  if (std::exchange(data_lines_, 0) == 0) return;  // the standard: without data it is no event
  if (complete.name.empty()) complete.name = "message";
  take(std::move(complete));
}

}  // namespace tinkerbell

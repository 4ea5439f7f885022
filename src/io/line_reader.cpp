#include "tinkerbell/io/line_reader.hpp"

#include <algorithm>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool ends_line(char byte) {
  return byte == '\n' || byte == '\r';
}

}  // namespace

Result<void> LineReader::feed(std::string_view bytes, const LineHandler& take) {
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = std::ranges::find_if(bytes, ends_line);
    const std::string_view part(bytes.begin(), end);
    if (Result<void> held = hold(part); !held) return held;
    if (end == bytes.end()) return {};
    after_cr_ = *end == '\r';
    bytes.remove_prefix(part.size() + 1);
    const std::string held = std::exchange(line_, {});
    std::string_view line = held;
    if (std::exchange(first_line_, false) && line.starts_with(kByteOrderMark)) {
      line.remove_prefix(kByteOrderMark.size());
    }
    if (Result<void> taken = take(line); !taken) return taken;
  }
  return {};
}

Result<void> LineReader::hold(std::string_view part) {
  if (part.size() > line_bytes_max_ - line_.size()) {
    return Error{Errc::too_large, "a line over " + std::to_string(line_bytes_max_) + " bytes"};
  }
  line_.append(part);
  return {};
}

}  // namespace tinkerbell

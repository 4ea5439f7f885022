#include "io/sse_event.hpp"

#include "tinkerbell/base/assert.hpp"

namespace tinkerbell {

std::string sse_event(std::uint64_t id, std::string_view event, std::string_view data) {
  constexpr std::string_view kLineEnds = "\r\n";
  TINKERBELL_ASSERT(event.find_first_of(kLineEnds) == std::string_view::npos);
  std::string text = "id: " + std::to_string(id) + "\nevent: ";
  text += event;
  for (;;) {
    const std::size_t end = data.find_first_of(kLineEnds);
    text += "\ndata: ";
    text += data.substr(0, end);
    if (end == std::string_view::npos) break;
    data.remove_prefix(data.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  return text + "\n\n";
}

}  // namespace tinkerbell

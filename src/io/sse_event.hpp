#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tinkerbell {

/// One server-sent event as it goes over the wire. Line ends in `data` make several `data:` lines;
/// in `event`, which is a name of ours, they are a bug.
[[nodiscard]] std::string sse_event(std::uint64_t id, std::string_view event,
                                    std::string_view data);

}  // namespace tinkerbell

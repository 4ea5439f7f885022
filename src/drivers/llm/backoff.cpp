#include "drivers/llm/backoff.hpp"

#include "tinkerbell/base/hash.hpp"

#include <algorithm>

namespace tinkerbell {

Milliseconds repeat_pause(std::uint32_t failed, const RetrySettings& settings,
                          std::optional<Milliseconds> retry_after, std::string_view key) {
  if (retry_after) return std::min(*retry_after, settings.retry_after_max);
  Milliseconds pause = settings.pause_base;
  for (std::uint32_t n = 1; n < failed && pause < settings.pause_max; ++n)
    pause *= 2;
  pause = std::min(pause, settings.pause_max);
  const auto quarter = static_cast<std::uint64_t>(pause.count() / 4);
  return pause - Milliseconds{crc32c(key, failed) % (quarter + 1)};
}

}  // namespace tinkerbell

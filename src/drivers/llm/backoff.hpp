#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace tinkerbell {

/// How long to wait after attempt number `failed` (from 1): what the server asks for, or base ·
/// 2ⁿ⁻¹ less up to a quarter, so that tasks that failed together do not come back together. Chance
/// comes from the call's key: no source of randomness is needed, and a test can tell the pause.
[[nodiscard]] Milliseconds repeat_pause(std::uint32_t failed, const RetrySettings& settings,
                                        std::optional<Milliseconds> retry_after,
                                        std::string_view key);

}  // namespace tinkerbell

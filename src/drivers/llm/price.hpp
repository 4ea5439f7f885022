#pragma once

#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <cstdint>

namespace tinkerbell {

/// What a call cost, by what the service says that it used.
[[nodiscard]] Money cost_of(const TokenUsage& used, const Price& price);

/// What a question may use. Its input is not counted by the service before it is asked: a token is
/// taken for three bytes (English has about four, code and other scripts about three). Its output
/// is as long as allowed. `price`: may be null.
[[nodiscard]] Reservation reserved_for(const AwaitLLMResponse& question, std::uint32_t tokens_max,
                                       const Price* price);

}  // namespace tinkerbell

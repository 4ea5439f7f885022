#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/command/conversation.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <string>
#include <variant>
#include <vector>

namespace tinkerbell {

/// A text (never an empty one), a call, or a piece that was kept.
using MessagePart = std::variant<std::string, ToolCall, Json>;

/// The parts of a model's answer in the order in which it gave them, with the kept pieces that are
/// of this type of service. Texts are valid UTF-8. A piece that is no JSON any more is left out.
[[nodiscard]] std::vector<MessagePart> parts_of(const Message& message, ProviderType type);

}  // namespace tinkerbell

#include "drivers/llm/price.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

std::uint64_t bytes_of(const Message& message) {
  std::uint64_t bytes = message.text.size();
  for (const ToolCall& call : message.tool_calls)
    bytes += call.name.size() + call.arguments.size();
  for (const KeptPiece& piece : message.kept)
    bytes += piece.json.size();
  return bytes;
}

std::uint64_t bytes_of(const AwaitLLMResponse& question) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < question.messages.size(); ++i)
    bytes += bytes_of(question.messages.at(i));
  for (const ToolSchema& tool : question.tools)
    bytes += tool.name.size() + tool.description.size() + dump_json(tool.parameters).size();
  if (!question.output_schema.is_null()) bytes += dump_json(question.output_schema).size();
  return bytes;
}

}  // namespace

Money cost_of(const TokenUsage& used, const Price& price) {
  const std::uint64_t cached = std::min(used.input_cached, used.input);
  const std::uint64_t written = std::min(used.input_cache_write, used.input - cached);
  return price.input * (used.input - cached - written) + price.input_cached * cached +
         price.input_cache_write * written + price.output * used.output;
}

Reservation reserved_for(const AwaitLLMResponse& question, std::uint32_t tokens_max,
                         const Price* price) {
  constexpr std::uint64_t kBytesPerToken = 3;
  constexpr std::uint64_t kFrameTokens = 64;  // what a service puts around messages and tools
  Reservation reserved{.model = question.model,
                       .tokens_in = bytes_of(question) / kBytesPerToken + kFrameTokens,
                       .tokens_out = tokens_max,
                       .cost = std::nullopt};
  if (price != nullptr) {
    reserved.cost = std::max(price->input, price->input_cache_write) * reserved.tokens_in +
                    price->output * reserved.tokens_out;
  }
  return reserved;
}

}  // namespace tinkerbell

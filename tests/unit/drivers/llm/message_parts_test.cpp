#include "drivers/llm/message_parts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

using testing::ElementsAre;

KeptPiece piece(std::string json, std::uint64_t text_before, std::uint64_t calls_before) {
  return {.provider = "anthropic",
          .json = std::move(json),
          .text_before = text_before,
          .calls_before = calls_before};
}

/// "text x", "call f", "kept {}": in their order.
std::vector<std::string> order(const Message& message,
                               ProviderType type = ProviderType::anthropic) {
  std::vector<std::string> order;
  for (const MessagePart& part : parts_of(message, type)) {
    if (const auto* const text = std::get_if<std::string>(&part)) {
      order.push_back("text " + *text);
    } else if (const auto* const call = std::get_if<ToolCall>(&part)) {
      order.push_back("call " + call->name);
    } else {
      order.push_back("kept " + dump_json(std::get<Json>(part)));
    }
  }
  return order;
}

TEST(MessageParts, KeptPiecesStandWhereTheModelHadThem) {
  const Message message{.role = Role::assistant,
                        .text = "abcd",
                        .tool_calls = {{.name = "f"}, {.name = "g"}},
                        .kept = {piece("1", 0, 0), piece("2", 2, 0), piece("3", 4, 1)}};
  EXPECT_THAT(order(message),
              ElementsAre("kept 1", "text ab", "kept 2", "text cd", "call f", "kept 3", "call g"));
}

TEST(MessageParts, ThoseOfOtherServicesAreLeftOut) {
  const Message message{.role = Role::assistant, .text = "a", .kept = {piece("1", 0, 0)}};
  EXPECT_THAT(order(message, ProviderType::openai_chat), ElementsAre("text a"));
}

TEST(MessageParts, PlacesThatNoLongerFitAndPiecesThatNoLongerReadDoNoHarm) {
  const Message message{
      .role = Role::assistant,
      .text = "\u00fc",
      .tool_calls = {{.name = "f"}},
      .kept = {piece("1", 1, 0), piece("{", 2, 0), piece("2", 99, 99), piece("3", 0, 0)}};
  EXPECT_THAT(order(message), ElementsAre("text \u00fc", "kept 1", "call f", "kept 2", "kept 3"));
}

}  // namespace
}  // namespace tinkerbell

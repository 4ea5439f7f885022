#include "drivers/llm/message_parts.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

/// Deals out a message's text and calls, up to the place of each kept piece.
class Dealer {
 public:
  explicit Dealer(const Message& message) : message_(message) {}

  void deal_until(std::uint64_t text_bytes, std::uint64_t calls) {
    const std::size_t text_end = between_code_points(text_bytes);
    if (text_end > text_) {
      parts_.emplace_back(valid_utf8(message_.text.substr(text_, text_end - text_)));
      text_ = text_end;
    }
    for (; call_ < std::min<std::uint64_t>(calls, message_.tool_calls.size()); ++call_)
      parts_.emplace_back(message_.tool_calls[call_]);
  }

  void add(Json piece) { parts_.emplace_back(std::move(piece)); }

  [[nodiscard]] std::vector<MessagePart> take() {
    deal_until(message_.text.size(), message_.tool_calls.size());
    return std::move(parts_);
  }

 private:
  /// A text in which a secret was masked is no longer as long as it was.
  [[nodiscard]] std::size_t between_code_points(std::uint64_t place) const {
    auto end = static_cast<std::size_t>(std::min<std::uint64_t>(place, message_.text.size()));
    while (end < message_.text.size() &&
           (static_cast<unsigned char>(message_.text[end]) & 0xC0) == 0x80)
      ++end;
    return end;
  }

  const Message& message_;
  std::vector<MessagePart> parts_;
  std::size_t text_ = 0;
  std::size_t call_ = 0;
};

}  // namespace

std::vector<MessagePart> parts_of(const Message& message, ProviderType type) {
  Dealer dealer(message);
  for (const KeptPiece& piece : message.kept) {
    if (piece.provider != name_of(type)) continue;
    Result<Json> json = parse_json(piece.json);
    if (!json) continue;
    dealer.deal_until(piece.text_before, piece.calls_before);
    dealer.add(*std::move(json));
  }
  return dealer.take();
}

}  // namespace tinkerbell

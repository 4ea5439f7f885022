#pragma once

#include "tinkerbell/base/canonical.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/hash.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tinkerbell {

enum class Role : std::uint8_t { system, user, assistant, tool };

template <>
inline constexpr std::array<std::string_view, 4> kNames<Role> = {"system", "user", "assistant",
                                                                 "tool"};

/// A tool call as a model proposed it. `arguments` is the JSON text exactly as received, not yet
/// parsed.
struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;

  static constexpr auto fields() {
    return described(field("id", &ToolCall::id), field("name", &ToolCall::name),
                     field("arguments", &ToolCall::arguments));
  }

  bool operator==(const ToolCall&) const = default;
};

/// A part of a model's answer that only its own kind of service understands, and wants back in the
/// next question as it was: thinking with its signature, encrypted reasoning.
struct KeptPiece {
  std::string provider;            ///< The type of that service: for others it is left out.
  std::string json;                ///< Goes back byte for byte.
  std::uint64_t text_before = 0;   ///< So many bytes of the message's text stand before it,
  std::uint64_t calls_before = 0;  ///< and so many of its calls.

  static constexpr auto fields() {
    return described(field("provider", &KeptPiece::provider), field("json", &KeptPiece::json),
                     field("text_before", &KeptPiece::text_before),
                     field("calls_before", &KeptPiece::calls_before));
  }

  bool operator==(const KeptPiece&) const = default;
};

/// One message of a conversation, in the form of no particular provider.
struct Message {
  Role role = Role::user;
  std::string text;
  std::vector<ToolCall> tool_calls;  ///< Assistant only.
  std::string tool_call_id;          ///< Tool only: the call that this answers.
  std::vector<KeptPiece> kept;       ///< Assistant only: in the order of the answer.

  static constexpr auto fields() {
    return described(field("role", &Message::role), field("text", &Message::text),
                     field("tool_calls", &Message::tool_calls),
                     field("tool_call_id", &Message::tool_call_id), field("kept", &Message::kept));
  }

  bool operator==(const Message&) const = default;
};

/// A growing list of messages that is cheap to copy. Its canonical form is the list of its
/// messages' hashes, so that a conversation of N turns costs O(N) in the journal; the texts
/// themselves are in the results that they came from.
class Conversation {
 public:
  void add(Message message);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  [[nodiscard]] const Message& at(std::size_t index) const { return entries_[index]->message; }

  [[nodiscard]] const Message& back() const { return entries_.back()->message; }

  /// Its first messages.
  [[nodiscard]] Conversation first(std::size_t count) const;

  [[nodiscard]] bool empty() const { return entries_.empty(); }

  /// An array of 16-digit hash prefixes, for people.
  [[nodiscard]] Json to_json() const;

  /// An array of hashes.
  void write_canonical(CanonicalWriter& writer) const;

  /// A journalled conversation has no texts any more: reads as an empty one. Replay gets it from
  /// the task itself.
  void read_canonical(CanonicalReader& reader);

 private:
  struct Entry {
    Message message;
    Sha256 hash;
  };

  std::vector<std::shared_ptr<const Entry>> entries_;
};

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/conversation.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

/// What a conversation must look like for a rule. All that are given must hold; none given always
/// holds.
struct PlaybookCondition {
  std::optional<std::uint32_t> turn;         ///< Assistant messages so far.
  std::optional<Role> last_role;             ///< Of the last message.
  std::optional<std::string> last_contains;  ///< Text in the last message.
  std::optional<std::string> last_lacks;     ///< Text that is not in the last message.
  std::optional<std::string> any_contains;   ///< Text in any message.
  std::optional<std::string> called;         ///< The tool of the most recent call.
  std::optional<std::string> goal_contains;  ///< Text in the first message of the user.

  static constexpr auto fields() {
    using Self = PlaybookCondition;
    return described(field("turn", &Self::turn), field("last_role", &Self::last_role),
                     field("last_contains", &Self::last_contains),
                     field("last_lacks", &Self::last_lacks),
                     field("any_contains", &Self::any_contains), field("called", &Self::called),
                     field("goal_contains", &Self::goal_contains));
  }
};

struct PlaybookCall {
  std::string name;
  Json arguments = Json::object();

  static constexpr auto fields() {
    return described(field("name", &PlaybookCall::name),
                     field("arguments", &PlaybookCall::arguments));
  }
};

/// An answer. In its text, and in every text inside the arguments of its calls, `${last}` stands
/// for the text of the last message and `${goal}` for that of the user's first.
struct PlaybookReply {
  std::string text;
  std::vector<PlaybookCall> calls;
  Milliseconds delay{0};                 ///< Before each piece, and before an answer without text.
  std::uint32_t stream_chunk_bytes = 0;  ///< Of a piece; 0: all at once.

  static constexpr auto fields() {
    return described(field("text", &PlaybookReply::text), field("calls", &PlaybookReply::calls),
                     field("delay_ms", &PlaybookReply::delay),
                     field("stream_chunk_bytes", &PlaybookReply::stream_chunk_bytes));
  }
};

struct PlaybookRule {
  PlaybookCondition when;
  PlaybookReply reply;

  static constexpr auto fields() {
    return described(field("when", &PlaybookRule::when), field("reply", &PlaybookRule::reply));
  }
};

/// A model as a list of rules: the first one that fits answers. A JSON file:
///
///     {"name": "hello", "rules": [
///       {"when": {"turn": 0}, "reply": {"calls": [{"name": "read_file", "arguments": {"path":
///        "a.txt"}}]}},
///       {"reply": {"text": "It says: ${last}", "delay_ms": 20, "stream_chunk_bytes": 8}}]}
struct Playbook {
  std::string name;
  std::vector<PlaybookRule> rules;

  static constexpr auto fields() {
    return described(field("name", &Playbook::name), field("rules", &Playbook::rules));
  }
};

/// Errors: invalid (not JSON, an unknown key, a wrong type or value; names the place), too_large.
[[nodiscard]] Result<Playbook> parse_playbook(std::string_view text);

/// Reads a playbook file of up to 8 MiB. Blocks. Errors: as parse_playbook; not_found (also: no
/// path), denied, io.
[[nodiscard]] Result<Playbook> load_playbook(const std::string& path);

/// The answer to a conversation, with `${…}` replaced. Where no rule fits it says so.
[[nodiscard]] PlaybookReply playbook_reply(const Playbook& playbook,
                                           const Conversation& conversation);

}  // namespace tinkerbell

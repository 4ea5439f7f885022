#include "tinkerbell/command/cassette.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace tinkerbell {

namespace {

Result<void> check(const Exchange& exchange) {
  if (exchange.fingerprint.size() != 2 * Fingerprint{}.bytes.size() ||
      exchange.fingerprint.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return Error{Errc::invalid, "fingerprint: must be 32 hexadecimal digits"};
  }
  if (exchange.reply.has_value() == exchange.error.has_value()) {
    return Error{Errc::invalid, "must have either a reply or an error"};
  }
  return {};
}

Result<void> check(const Cassette& cassette) {
  for (std::size_t i = 0; i < cassette.exchanges.size(); ++i) {
    if (Result<void> good = check(cassette.exchanges[i]); !good) {
      return good.error().with("exchanges: element " + std::to_string(i));
    }
  }
  for (std::size_t i = 0; i < cassette.children.size(); ++i) {
    if (Result<void> good = check(cassette.children[i]); !good) {
      return good.error().with("children: element " + std::to_string(i));
    }
  }
  return {};
}

std::string fingerprint(const AwaitLLMResponse& question) {
  return fingerprint_of(canonical_command(question)).hex();
}

bool has(const Cassette& cassette, const AwaitLLMResponse& question) {
  const std::string wanted = fingerprint(question);
  return std::ranges::find(cassette.exchanges, wanted, &Exchange::fingerprint) !=
         cassette.exchanges.end();
}

// ---- what is different ----

/// Whether the same was asked of another model, or for an answer of another length.
std::optional<std::string> other_call(const Cassette& cassette, const AwaitLLMResponse& question) {
  std::set<std::pair<std::string, std::uint32_t>> calls;
  for (const Exchange& exchange : cassette.exchanges)
    calls.emplace(exchange.model, exchange.tokens_max);
  for (const auto& [model, tokens_max] : calls) {
    AwaitLLMResponse other = question;
    other.model = model;
    other.tokens_max = tokens_max;
    if (!has(cassette, other)) continue;
    const auto in_words = [](const AwaitLLMResponse& call) {
      return "model \"" + call.model + "\" (at most " + std::to_string(call.tokens_max) +
             " tokens)";
    };
    return "it was recorded with " + in_words(other) + " and is asked of " + in_words(question);
  }
  return std::nullopt;
}

/// The longest beginning of the conversation that was asked by itself; 0: none. What was added
/// since the question before is an answer and the outcomes of its calls, so the way back is short.
std::size_t known_messages(const Cassette& cassette, const AwaitLLMResponse& question) {
  constexpr std::size_t kWayBackMax = 64;
  const std::size_t size = question.messages.size();
  for (std::size_t back = 1; back < size && back <= kWayBackMax; ++back) {
    AwaitLLMResponse earlier = question;
    earlier.messages = question.messages.first(size - back);
    if (has(cassette, earlier)) return size - back;
  }
  return 0;
}

/// The tool that a message has the outcome of.
std::string_view tool_of(const Conversation& messages, const Message& outcome) {
  for (std::size_t i = messages.size(); i > 0; --i) {
    for (const ToolCall& call : messages.at(i - 1).tool_calls) {
      if (call.id == outcome.tool_call_id) return call.name;
    }
  }
  return "a call";
}

/// A message by its number, without its words: errors are seen by many.
std::string message_name(const Conversation& messages, std::size_t index) {
  const Message& message = messages.at(index);
  const std::string name = "message " + std::to_string(index + 1);
  if (message.role != Role::tool) return name + " (" + std::string(name_of(message.role)) + ")";
  return name + " (the outcome of " + visible_line(tool_of(messages, message)) + ")";
}

std::string difference(const Cassette& cassette, const AwaitLLMResponse& question) {
  if (cassette.exchanges.empty()) return "it has none of this task";
  if (std::optional<std::string> other = other_call(cassette, question)) return *std::move(other);
  const Conversation& messages = question.messages;
  const std::size_t known = known_messages(cassette, question);
  if (known == 0) {
    return "system prompt, tools or first messages are others than those of " + cassette.kind +
           " \"" + cassette.title + "\", of which it was recorded";
  }
  // What follows next is the recorded answer itself.
  const std::size_t first = messages.at(known).role == Role::assistant ? known + 1 : known;
  std::string names;
  for (std::size_t i = first; i < messages.size(); ++i)
    names += (names.empty() ? "" : ", ") + message_name(messages, i);
  return "its first " + std::to_string(first) + " messages are as recorded, and then comes " +
         (names.empty() ? "another question" : names);
}

}  // namespace

Result<Cassette> cassette_from(const Json& json) {
  Result<Cassette> cassette = from_json_value<Cassette>(json);
  if (!cassette) return cassette;
  if (Result<void> good = check(*cassette); !good) return good.error();
  return cassette;
}

std::uint64_t count_exchanges(const Cassette& cassette) {
  std::uint64_t count = cassette.exchanges.size();
  for (const Cassette& child : cassette.children)
    count += count_exchanges(child);
  return count;
}

Result<const Exchange*> exchange_for(const Cassette& cassette, Seq step,
                                     const AwaitLLMResponse& question) {
  const std::string wanted = fingerprint(question);
  const Exchange* found = nullptr;
  std::size_t count = 0;
  for (const Exchange& exchange : cassette.exchanges) {
    if (exchange.fingerprint != wanted) continue;
    if (exchange.step == step) return &exchange;
    found = &exchange;
    ++count;
  }
  if (count == 1) return found;
  if (count > 1) {
    return Error{Errc::conflict, "the cassette has " + std::to_string(count) +
                                     " answers to this question, and none of step " +
                                     std::to_string(number(step))};
  }
  return Error{Errc::not_found,
               "the cassette has no answer to this question: " + difference(cassette, question)};
}

CassetteRef CassetteRef::of_child(std::size_t n) const {
  if (!cassette_) return {};
  CassetteRef child;
  if (n < cassette_->children.size()) {
    child.cassette_ = std::shared_ptr<const Cassette>(cassette_, &cassette_->children[n]);
  } else {
    child.cassette_ = std::make_shared<const Cassette>();
  }
  return child;
}

Json CassetteRef::to_json() const {
  return cassette_ ? to_json_value(*cassette_) : Json(nullptr);
}

void CassetteRef::write_canonical(CanonicalWriter& writer) const {
  cassette_ ? tinkerbell::write_canonical(writer, *cassette_) : writer.null();
}

void CassetteRef::read_canonical(CanonicalReader& reader) {
  cassette_ = nullptr;
  if (reader.take_null()) return;
  Cassette cassette;
  tinkerbell::read_canonical(reader, cassette);
  cassette_ = std::make_shared<const Cassette>(std::move(cassette));
}

}  // namespace tinkerbell

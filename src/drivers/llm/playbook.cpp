#include "drivers/llm/playbook.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace tinkerbell {

namespace {

constexpr Milliseconds kDelayMax{60'000};
constexpr std::string_view kNoRule = "offline: no rule matches";

// ---- reading ----

Result<void> check(const PlaybookReply& reply) {
  if (reply.delay < Milliseconds{0} || reply.delay > kDelayMax) {
    return Error{Errc::invalid, "delay_ms: not between 0 and " + std::to_string(kDelayMax.count())};
  }
  for (const PlaybookCall& call : reply.calls) {
    if (call.name.empty()) return Error{Errc::invalid, "calls: a call without a name"};
    if (!call.arguments.is_object()) {
      return Error{Errc::invalid, "calls: the arguments of " + call.name + " are no object"};
    }
  }
  return {};
}

// ---- the conversation as the rules see it ----

std::string_view last_text(const Conversation& conversation) {
  return conversation.empty() ? std::string_view() : conversation.back().text;
}

std::string_view goal(const Conversation& conversation) {
  for (std::size_t i = 0; i < conversation.size(); ++i) {
    if (conversation.at(i).role == Role::user) return conversation.at(i).text;
  }
  return {};
}

std::size_t turns(const Conversation& conversation) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < conversation.size(); ++i)
    count += conversation.at(i).role == Role::assistant ? 1 : 0;
  return count;
}

bool any_contains(const Conversation& conversation, const std::string& text) {
  for (std::size_t i = 0; i < conversation.size(); ++i) {
    if (conversation.at(i).text.contains(text)) return true;
  }
  return false;
}

std::string_view last_called(const Conversation& conversation) {
  for (std::size_t i = conversation.size(); i > 0; --i) {
    const Message& message = conversation.at(i - 1);
    if (!message.tool_calls.empty()) return message.tool_calls.back().name;
  }
  return {};
}

bool fits(const PlaybookCondition& when, const Conversation& conversation) {
  const std::string_view last = last_text(conversation);
  if (when.turn && *when.turn != turns(conversation)) return false;
  if (when.last_role && (conversation.empty() || conversation.back().role != *when.last_role)) {
    return false;
  }
  if (when.last_contains && !last.contains(*when.last_contains)) return false;
  if (when.last_lacks && last.contains(*when.last_lacks)) return false;
  if (when.any_contains && !any_contains(conversation, *when.any_contains)) return false;
  if (when.called && last_called(conversation) != *when.called) return false;
  return !when.goal_contains || goal(conversation).contains(*when.goal_contains);
}

// ---- ${last} and ${goal} ----

struct Values {
  std::string_view last;
  std::string_view goal;
};

/// One pass: what a value brings in is not looked at again.
std::string filled(std::string_view text, const Values& values) {
  constexpr std::string_view kLast = "${last}";
  constexpr std::string_view kGoal = "${goal}";
  std::string out;
  while (!text.empty()) {
    const bool is_last = text.starts_with(kLast);
    if (is_last || text.starts_with(kGoal)) {
      out += is_last ? values.last : values.goal;
      text.remove_prefix(is_last ? kLast.size() : kGoal.size());
    } else {
      const std::size_t plain = std::min(text.find('$', 1), text.size());
      out += text.substr(0, plain);
      text.remove_prefix(plain);
    }
  }
  return out;
}

void fill(Json& arguments, const Values& values) {
  if (arguments.is_string()) arguments = filled(arguments.get_ref<const std::string&>(), values);
  if (!arguments.is_structured()) return;
  for (Json& each : arguments)
    fill(each, values);
}

}  // namespace

Result<Playbook> parse_playbook(std::string_view text) {
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  Result<Playbook> playbook = from_json_value<Playbook>(*json, UnknownKeys::reject);
  if (!playbook) return playbook.error();
  for (std::size_t i = 0; i < playbook->rules.size(); ++i) {
    if (auto checked = check(playbook->rules[i].reply); !checked) {
      return checked.error().with("rules: element " + std::to_string(i) + ": reply");
    }
  }
  return playbook;
}

Result<Playbook> load_playbook(const std::string& path) {
  if (path.empty()) {
    return Error{Errc::not_found,
                 "the offline provider has no playbook: name one in the config, or a real model "
                 "(docs/models.md)"};
  }
  const std::string context = "playbook \"" + path + '"';
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return os_error(context, errno);
  const Result<std::string> text = read_all(file.get(), JsonLimits{}.bytes_max, context);
  if (!text) return text.error();
  Result<Playbook> playbook = parse_playbook(*text);
  if (!playbook) return playbook.error().with(context);
  return playbook;
}

PlaybookReply playbook_reply(const Playbook& playbook, const Conversation& conversation) {
  const auto rule = std::ranges::find_if(
      playbook.rules, [&](const PlaybookRule& each) { return fits(each.when, conversation); });
  if (rule == playbook.rules.end()) return {.text = std::string(kNoRule)};
  const Values values{.last = last_text(conversation), .goal = goal(conversation)};
  PlaybookReply reply = rule->reply;
  reply.text = filled(reply.text, values);
  for (PlaybookCall& call : reply.calls)
    fill(call.arguments, values);
  return reply;
}

}  // namespace tinkerbell

#include "control/routes.hpp"

#include "tinkerbell/protocol/rule.hpp"

namespace tinkerbell::control {

namespace {

std::string time_or_never(std::int64_t unix_ns) {
  return unix_ns == 0 ? std::string() : rfc3339(wall_from_unix_nanoseconds(unix_ns));
}

protocol::RuleView rule_view(const StandingRule& rule, WallTime now) {
  return {.number = rule.number,
          .rule = in_words(rule),
          .since = time_or_never(rule.since_unix_ns),
          .by = "uid " + std::to_string(rule.by_uid),
          .via = rule.via,
          .expires = time_or_never(rule.expires_unix_ns),
          .expired = has_expired(rule, now),
          .used = rule.used,
          .last_used = time_or_never(rule.last_used_unix_ns)};
}

}  // namespace

void get_rules(Context& context, Request request) {
  context.parts.calls.list_rules(Completion<std::vector<StandingRule>>(
      [&context, request](const Result<std::vector<StandingRule>>& rules) {
        if (!rules) return request.fail(rules.error());
        protocol::RuleList list;
        for (const StandingRule& rule : *rules)
          list.rules.push_back(rule_view(rule, context.parts.clock.wall()));
        request.answer(list);
      }));
}

void remove_rule(Context& context, Request request) {
  context.parts.calls.remove_rule(
      request.id(), request.person(),
      Completion<StandingRule>([&context, request](const Result<StandingRule>& removed) {
        if (!removed) return request.fail(removed.error());
        request.answer(rule_view(*removed, context.parts.clock.wall()));
      }));
}

}  // namespace tinkerbell::control

#include "drivers/llm/lane.hpp"

#include <algorithm>
#include <utility>

namespace tinkerbell {

void Lane::enter(Caller caller, SteadyTime now) {
  line_.push_back(std::move(caller));
  let_in(now);
}

bool Lane::leave(CommandId id) {
  const auto found = find(id);
  if (found == line_.end()) return false;
  line_.erase(found);
  return true;
}

void Lane::ended(CommandId id, const Attempt& attempt, SteadyTime now) {
  inside_.extract(id).mapped()->ended(attempt, now);
  if (attempt.reply && attempt.reply->usage.known) {
    window_.correct(id, attempt.reply->usage.input + attempt.reply->usage.output);
  }
  let_in(now);
}

void Lane::let_in(SteadyTime now) {
  while (inside_.size() < at_once_) {
    const auto first = next(now);
    if (first == line_.end() || window_.room_at(first->tokens, now) > now) return;
    Caller caller = std::move(*first);
    line_.erase(first);
    inside_.emplace(caller.id, caller.breaker);
    caller.breaker->began();
    window_.add(caller.id, caller.tokens, now);
    caller.start();
  }
}

SteadyTime Lane::next_look(SteadyTime now) {
  SteadyTime look = kNever;
  if (inside_.size() >= at_once_) return look;  // ended() looks
  for (const Caller& each : line_) {
    if (each.breaker->opens_at() > now) look = std::min(look, each.breaker->opens_at());
  }
  if (const auto first = next(now); first != line_.end()) {
    look = std::min(look, window_.room_at(first->tokens, now));
  }
  return look;
}

std::vector<CommandId> Lane::waiting() const {
  std::vector<CommandId> ids;
  for (const Caller& each : line_)
    ids.push_back(each.id);
  return ids;
}

std::optional<Lane::Place> Lane::place_of(CommandId id, SteadyTime now) {
  const auto found = find(id);
  if (found == line_.end()) return std::nullopt;
  return Place{
      .ahead = static_cast<std::size_t>(std::distance(line_.begin(), found)),
      .not_before = std::max(found->breaker->opens_at(), window_.room_at(found->tokens, now))};
}

Lane::Line::iterator Lane::next(SteadyTime now) {
  return std::ranges::find_if(line_,
                              [now](const Caller& each) { return each.breaker->lets_in(now); });
}

Lane::Line::iterator Lane::find(CommandId id) {
  return std::ranges::find(line_, id, &Caller::id);
}

}  // namespace tinkerbell

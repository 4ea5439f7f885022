#include "drivers/llm/lane.hpp"

#include <algorithm>

namespace tinkerbell {

void Lane::enter(CommandId id, Start start) {
  line_.emplace_back(id, std::move(start));
  let_in();
}

bool Lane::leave(CommandId id) {
  return std::erase_if(line_, [id](const auto& each) { return each.first == id; }) != 0;
}

void Lane::ended(CommandId id, Health seen) {
  inside_.erase(id);
  if (seen == Health::well) open_for_ = std::min(open_for_ + 1, at_once_);
  if (seen == Health::failing) open_for_ = 1;
  let_in();
}

std::optional<std::size_t> Lane::ahead_of(CommandId id) const {
  const auto found = std::ranges::find(line_, id, [](const auto& each) { return each.first; });
  if (found == line_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - line_.begin());
}

void Lane::let_in() {
  while (!line_.empty() && inside_.size() < open_for_) {
    auto [id, start] = std::move(line_.front());
    line_.pop_front();
    inside_.insert(id);
    start();
  }
}

}  // namespace tinkerbell

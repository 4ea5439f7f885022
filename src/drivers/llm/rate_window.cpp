#include "drivers/llm/rate_window.hpp"

#include <algorithm>
#include <ranges>

namespace tinkerbell {

namespace {

constexpr std::chrono::minutes kWindow{1};

}  // namespace

SteadyTime RateWindow::room_at(std::uint64_t tokens, SteadyTime now) {
  forget_before(now - kWindow);
  std::size_t requests = questions_.size();
  std::uint64_t used = tokens_;
  const auto has_room = [&] {
    const bool of_requests = limits_.requests == 0 || requests < limits_.requests;
    const bool of_tokens = limits_.tokens == 0 || used == 0 || used + tokens <= limits_.tokens;
    return of_requests && of_tokens;
  };
  SteadyTime at = now;
  for (auto oldest = questions_.begin(); oldest != questions_.end() && !has_room(); ++oldest) {
    --requests;
    used -= oldest->tokens;
    at = oldest->at + kWindow;
  }
  return at;
}

void RateWindow::add(CommandId id, std::uint64_t tokens, SteadyTime now) {
  if (limits_.requests == 0 && limits_.tokens == 0) return;
  questions_.push_back({now, id, tokens});
  tokens_ += tokens;
}

void RateWindow::correct(CommandId id, std::uint64_t tokens) {
  const auto newest_first = std::views::reverse(questions_);
  const auto found = std::ranges::find(newest_first, id, &Question::id);
  if (found == newest_first.end()) return;
  tokens_ -= found->tokens;
  tokens_ += tokens;
  found->tokens = tokens;
}

/// Those of that very moment, too.
void RateWindow::forget_before(SteadyTime time) {
  while (!questions_.empty() && questions_.front().at <= time) {
    tokens_ -= questions_.front().tokens;
    questions_.pop_front();
  }
}

}  // namespace tinkerbell

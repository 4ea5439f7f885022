#include "syscall/account.hpp"

#include <algorithm>
#include <limits>

namespace tinkerbell {

std::uint64_t saturated_sum(std::uint64_t one, std::uint64_t other) {
  std::uint64_t both = 0;
  const bool over = __builtin_add_overflow(one, other, &both);
  return over ? std::numeric_limits<std::uint64_t>::max() : both;
}

namespace {

std::uint64_t tokens_of(const Spending& spent) {
  return saturated_sum(spent.tokens_in, spent.tokens_out);
}

std::uint64_t tokens_of(const Reservation& call) {
  return saturated_sum(call.tokens_in, call.tokens_out);
}

/// Without a price nothing of money can be said, so a bound of it does not hold: no room.
bool fits(const Reservation& call, const Budget& budget, Money cost, std::uint64_t tokens) {
  if (budget.cost && (!call.cost || cost + *call.cost > *budget.cost)) return false;
  return !budget.tokens || saturated_sum(tokens, tokens_of(call)) <= *budget.tokens;
}

}  // namespace

Account::Room Account::room_for(const Reservation& call, const Budget& budget) const {
  if (!open_) return Room::later;
  const std::uint64_t tokens = tokens_of(spent_);
  if (!fits(call, budget, spent_.cost, tokens)) return Room::none;
  const bool now =
      fits(call, budget, spent_.cost + cost_held_, saturated_sum(tokens, tokens_held_));
  return now ? Room::enough : Room::later;
}

std::string Account::shortage(const Reservation& call, const Budget& budget) const {
  if (budget.cost && !call.cost) {
    return "the model \"" + call.model +
           "\" has no price in the config, so no budget of money can hold";
  }
  if (budget.cost && spent_.cost + *call.cost > *budget.cost) {
    return spent_.cost.text() + " of " + budget.cost->text() + " is spent, and it may cost " +
           call.cost->text();
  }
  return std::to_string(tokens_of(spent_)) + " of " + std::to_string(budget.tokens.value_or(0)) +
         " tokens are used, and it may take " + std::to_string(tokens_of(call));
}

void Account::hold(const Reservation& call) {
  cost_held_ += call.cost.value_or(Money{});
  tokens_held_ = saturated_sum(tokens_held_, tokens_of(call));
}

void Account::release(const Reservation& call) {
  cost_held_ -= call.cost.value_or(Money{});
  tokens_held_ -= std::min(tokens_held_, tokens_of(call));
}

std::shared_ptr<Account> Accounts::find(TaskId root) const {
  const auto found = by_root_.find(root);
  return found == by_root_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<Account> Accounts::add(TaskId root) {
  if (by_root_.size() >= swept_at_) {
    std::erase_if(by_root_, [](const auto& each) { return each.second.expired(); });
    swept_at_ = std::max<std::size_t>(64, 2 * by_root_.size());
  }
  auto account = std::make_shared<Account>();
  by_root_.insert_or_assign(root, account);
  return account;
}

std::string model_that_answered(const Reservation& reserved, const Result<Reply>& outcome) {
  const auto* const said = outcome ? std::get_if<AwaitLLMResponse::Reply>(&*outcome) : nullptr;
  return said != nullptr && !said->fallback.empty() ? said->fallback : reserved.model;
}

Spending spent_by(const Reservation& reserved, const Result<Reply>& outcome) {
  if (!outcome) return outcome.error().may_have_cost ? estimated(reserved) : Spending{};
  const auto* const said = std::get_if<AwaitLLMResponse::Reply>(&*outcome);
  if (said == nullptr || !said->usage.known) return estimated(reserved);
  return {.calls = 1,
          .calls_unpriced = said->cost ? 0U : 1U,
          .tokens_in = said->usage.input,
          .tokens_in_cached = said->usage.input_cached,
          .tokens_in_cache_write = said->usage.input_cache_write,
          .tokens_out = said->usage.output,
          .cost = said->cost.value_or(Money{})};
}

Spending estimated(const Reservation& reserved) {
  return {.calls = 1,
          .calls_estimated = 1,
          .calls_unpriced = reserved.cost ? 0U : 1U,
          .tokens_in = reserved.tokens_in,
          .tokens_out = reserved.tokens_out,
          .cost = reserved.cost.value_or(Money{})};
}

}  // namespace tinkerbell

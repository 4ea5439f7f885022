#include "syscall/account.hpp"

#include "tinkerbell/command/render.hpp"

#include <algorithm>
#include <limits>

namespace tinkerbell {

std::uint64_t saturated_sum(std::uint64_t one, std::uint64_t other) {
  std::uint64_t both = 0;
  const bool over = __builtin_add_overflow(one, other, &both);
  return over ? std::numeric_limits<std::uint64_t>::max() : both;
}

Milliseconds saturated_sum(Milliseconds one, Milliseconds other) {
  return one > Milliseconds::max() - other ? Milliseconds::max() : one + other;
}

namespace {

Use use_of(const Spending& spent) {
  return {.cost = spent.cost,
          .tokens = saturated_sum(spent.tokens_in, spent.tokens_out),
          .calls = spent.calls,
          .tasks = spent.tasks,
          .time = spent.time};
}

Use use_of(const Reservation& command) {
  return {.cost = command.cost.value_or(Money{}),
          .tokens = saturated_sum(command.tokens_in, command.tokens_out),
          .calls = command.model.empty() ? 0U : 1U,
          .tasks = command.tasks};
}

bool is_within(const std::optional<std::uint64_t>& bound, std::uint64_t used) {
  return !bound || used <= *bound;
}

/// Whether there is room for the command after what was used before. Without a price nothing of
/// money can be said, so a bound of it does not hold: no room. One that begins tasks only needs
/// room for them. Nobody knows how long one will work: some of the time must be left.
bool fits(const Reservation& command, const Budget& budget, Use used) {
  used += use_of(command);
  if (command.tasks > 0) return is_within(budget.tasks, used.tasks);
  if (budget.time && used.time >= *budget.time) return false;
  if (budget.cost && (!command.cost || used.cost > *budget.cost)) return false;
  return is_within(budget.tokens, used.tokens) && is_within(budget.calls, used.calls);
}

}  // namespace

Use& Use::operator+=(const Use& other) {
  cost += other.cost;
  tokens = saturated_sum(tokens, other.tokens);
  calls = saturated_sum(calls, other.calls);
  tasks = saturated_sum(tasks, other.tasks);
  time = saturated_sum(time, other.time);
  return *this;
}

Use& Use::operator-=(const Use& other) {
  cost -= other.cost;
  tokens -= std::min(tokens, other.tokens);
  calls -= std::min(calls, other.calls);
  tasks -= std::min(tasks, other.tasks);
  time -= std::min(time, other.time);
  return *this;
}

Account::Room Account::room_for(const Reservation& command, const Budget& budget) const {
  if (!open_) return Room::later;
  Use used = use_of(spent_);
  if (!fits(command, budget, used)) return Room::none;
  return fits(command, budget, used += held_) ? Room::enough : Room::later;
}

std::string Account::shortage(const Reservation& command, const Budget& budget) const {
  const Use used = use_of(spent_);
  const Use wanted = use_of(command);
  if (command.tasks > 0) {
    return std::to_string(used.tasks) + " of " + std::to_string(budget.tasks.value_or(0)) +
           " tasks were begun";
  }
  if (budget.time && used.time >= *budget.time) {
    return in_seconds(used.time) + " of " + in_seconds(*budget.time) + " are worked";
  }
  if (budget.cost && !command.cost) {
    return "the model \"" + command.model +
           "\" has no price in the config, so no budget of money can hold";
  }
  if (budget.cost && used.cost + wanted.cost > *budget.cost) {
    return used.cost.text() + " of " + budget.cost->text() + " is spent, and it may cost " +
           wanted.cost.text();
  }
  if (!is_within(budget.calls, saturated_sum(used.calls, wanted.calls))) {
    return std::to_string(used.calls) + " of " + std::to_string(*budget.calls) +
           " model calls are made";
  }
  return std::to_string(used.tokens) + " of " + std::to_string(budget.tokens.value_or(0)) +
         " tokens are used, and it may take " + std::to_string(wanted.tokens);
}

void Account::hold(const Reservation& command) {
  held_ += use_of(command);
}

void Account::release(const Reservation& command) {
  held_ -= use_of(command);
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

namespace {

/// What a model said, also where that was turned down; null: nothing.
const AwaitLLMResponse::Reply* said_in(const Result<Reply>& outcome) {
  const Reply* const reply = outcome ? &*outcome : outcome.error().rejected.get();
  return reply == nullptr ? nullptr : std::get_if<AwaitLLMResponse::Reply>(reply);
}

}  // namespace

std::string model_that_answered(const Reservation& reserved, const Result<Reply>& outcome) {
  const AwaitLLMResponse::Reply* const said = said_in(outcome);
  return said != nullptr && !said->fallback.empty() ? said->fallback : reserved.model;
}

Spending spent_by(const Reservation& reserved, const Result<Reply>& outcome) {
  if (reserved.tasks > 0) return outcome ? Spending{.tasks = reserved.tasks} : Spending{};
  const AwaitLLMResponse::Reply* const said = said_in(outcome);
  if (!outcome && said == nullptr && !outcome.error().may_have_cost) return {};
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

Milliseconds time_worked(const Result<Reply>& outcome, Milliseconds before) {
  if (!outcome) return outcome.error().took;
  if (const auto* const program = std::get_if<AwaitProcess::Reply>(&*outcome)) {
    return program->duration;
  }
  const auto* const said = std::get_if<AwaitLLMResponse::Reply>(&*outcome);
  return said != nullptr && said->took ? std::max(*said->took - before, Milliseconds{0})
                                       : Milliseconds{0};
}

}  // namespace tinkerbell

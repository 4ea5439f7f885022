#include "drivers/llm/breaker.hpp"

#include "drivers/llm/backoff.hpp"

#include <algorithm>
#include <utility>

namespace tinkerbell {

Breaker::Breaker(std::string name, const RetrySettings& retry)
    : name_(std::move(name)), retry_(retry) {}

bool Breaker::lets_in(SteadyTime now) const {
  return now >= opens_at_ && inside_ < open_for_;
}

bool Breaker::is_worth_asking(SteadyTime now) const {
  if (is_used_up(now)) return false;
  return pauses_ == 0 || (now >= opens_at_ && inside_ == 0);
}

void Breaker::ended(const Attempt& attempt, SteadyTime now) {
  --inside_;
  if (attempt.reply) {
    failed_requests_ = 0;
    pauses_ = 0;
    if (open_for_ < kAny) ++open_for_;
    return;
  }
  if (attempt.reply.error().code == Errc::exhausted) used_up_until_ = now + retry_.pause_max;
  if (attempt.repeat == Repeat::at_most) ++failed_requests_;
  if (attempt.repeat != Repeat::until_it_passes && failed_requests_ < retry_.attempts_max) return;
  const bool began_before_the_pause = now < opens_at_;
  if (!began_before_the_pause) ++pauses_;
  open_for_ = 1;
  opens_at_ = std::max(opens_at_, now + repeat_pause(pauses_, retry_, attempt.retry_after, name_));
}

}  // namespace tinkerbell

#include "tinkerbell/journal/spending.hpp"

#include <chrono>

namespace tinkerbell {

namespace {

void add(std::uint64_t& sum, std::uint64_t more) {
  if (__builtin_add_overflow(sum, more, &sum)) sum = std::numeric_limits<std::uint64_t>::max();
}

void add(Money& sum, Money more) {
  sum += more;
}

void add(Milliseconds& sum, Milliseconds more) {
  Milliseconds::rep both = 0;
  const bool over = __builtin_add_overflow(sum.count(), more.count(), &both);
  sum = over ? Milliseconds::max() : Milliseconds{both};
}

}  // namespace

Spending& Spending::operator+=(const Spending& other) {
  apply_to_fields<Spending>(
      [&](const auto&... each) { (add(this->*each.member, other.*each.member), ...); });
  return *this;
}

void AcceptedWork::count(const Spending& before, const Spending& after, WallTime at) {
  if (after.accepted == 0) return;
  const bool first = before.accepted == 0;
  if (first && tasks++ == 0) since_unix_ns = unix_nanoseconds(at);
  questions += after.questions - (first ? 0 : before.questions);
}

std::int64_t utc_day(WallTime time) {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

}  // namespace tinkerbell

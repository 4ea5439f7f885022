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

}  // namespace

Spending& Spending::operator+=(const Spending& other) {
  apply_to_fields<Spending>(
      [&](const auto&... each) { (add(this->*each.member, other.*each.member), ...); });
  return *this;
}

std::int64_t utc_day(WallTime time) {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

}  // namespace tinkerbell

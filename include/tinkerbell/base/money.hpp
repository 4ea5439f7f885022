#pragma once

#include "tinkerbell/base/canonical.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace tinkerbell {

/// An amount of money in the currency of the configured prices, exact: a whole number of 10⁻¹² of
/// its unit, which is what one token costs at 0.000001 per million. Up to 9.2 million units; what
/// would be more stays at that, so a sum that runs over is above every limit and not below it.
class Money {
 public:
  constexpr Money() = default;

  [[nodiscard]] static constexpr Money of_trillionths(std::int64_t count) {
    Money money;
    money.trillionths_ = count;
    return money;
  }

  /// "2", "0.25", "1234.000001": digits, then up to `decimals_max` (at most 12) behind a point. No
  /// sign, no exponent. Errors: invalid.
  [[nodiscard]] static Result<Money> parse(std::string_view text, int decimals_max = 12);

  [[nodiscard]] constexpr std::int64_t trillionths() const { return trillionths_; }

  /// With all its decimals, at least two: "2.00", "0.000375".
  [[nodiscard]] std::string text() const;

  constexpr auto operator<=>(const Money&) const = default;

  friend constexpr Money operator+(Money one, Money other) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(one.trillionths_, other.trillionths_, &sum)) {
      return end_of_range(other.trillionths_ < 0);
    }
    return of_trillionths(sum);
  }

  friend constexpr Money operator-(Money one, Money other) {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(one.trillionths_, other.trillionths_, &difference)) {
      return end_of_range(other.trillionths_ > 0);
    }
    return of_trillionths(difference);
  }

  friend constexpr Money operator*(Money each, std::uint64_t count) {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(each.trillionths_, count, &product)) {
      return end_of_range(each.trillionths_ < 0);
    }
    return of_trillionths(product);
  }

  constexpr Money& operator+=(Money other) { return *this = *this + other; }

  constexpr Money& operator-=(Money other) { return *this = *this - other; }

  // How fields.hpp writes it: for people as text, in the journal as the number.

  [[nodiscard]] Json to_json() const { return text(); }

  [[nodiscard]] static Result<Money> from_json(const Json& json);

  void write_canonical(CanonicalWriter& writer) const { writer.integer(trillionths_); }

  void read_canonical(CanonicalReader& reader);

 private:
  static constexpr Money end_of_range(bool negative) {
    return of_trillionths(negative ? INT64_MIN : INT64_MAX);
  }

  std::int64_t trillionths_ = 0;
};

}  // namespace tinkerbell

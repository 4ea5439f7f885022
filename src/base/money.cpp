#include "tinkerbell/base/money.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tinkerbell {

namespace {

constexpr int kDecimals = 12;
constexpr std::uint64_t kTrillion = 1'000'000'000'000;

bool is_digit(char c) {
  return '0' <= c && c <= '9';
}

}  // namespace

Result<Money> Money::parse(std::string_view text, int decimals_max) {
  const Error wrong{Errc::invalid, "\"" + std::string(text) +
                                       "\" is no amount: digits, then up to " +
                                       std::to_string(decimals_max) + " behind a point"};
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view decimals = point < text.size() ? text.substr(point + 1) : "";
  const bool has_digits = !whole.empty() && (point == text.size() || !decimals.empty());
  if (!has_digits || decimals.size() > static_cast<std::size_t>(decimals_max)) return wrong;
  Money amount;
  for (const char digit : whole) {
    if (!is_digit(digit)) return wrong;
    amount = amount * 10 + of_trillionths((digit - '0') * static_cast<std::int64_t>(kTrillion));
  }
  std::int64_t worth = kTrillion;
  for (const char digit : decimals) {
    if (!is_digit(digit)) return wrong;
    worth /= 10;
    amount += of_trillionths((digit - '0') * worth);
  }
  if (amount == end_of_range(false)) {
    return Error{Errc::invalid, "\"" + std::string(text) + "\" is more than 9 million"};
  }
  return amount;
}

Result<Money> Money::from_json(const Json& json) {
  if (!json.is_string()) return Error{Errc::invalid, "must be an amount in quotes"};
  return parse(json.get_ref<const std::string&>());
}

std::string Money::text() const {
  const bool negative = trillionths_ < 0;
  const std::uint64_t size = negative ? 0 - static_cast<std::uint64_t>(trillionths_)
                                      : static_cast<std::uint64_t>(trillionths_);
  std::array<char, 48> digits{};
  const int length =
      std::snprintf(digits.data(), digits.size(), "%s%llu.%0*llu", negative ? "-" : "",
                    static_cast<unsigned long long>(size / kTrillion), kDecimals,
                    static_cast<unsigned long long>(size % kTrillion));
  std::string text(digits.data(), static_cast<std::size_t>(length));
  const std::size_t shortest = text.find('.') + 3;
  while (text.size() > shortest && text.back() == '0')
    text.pop_back();
  return text;
}

void Money::read_canonical(CanonicalReader& reader) {
  trillionths_ = reader.integer();
}

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/error.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace tinkerbell {

/// The stable names of an enum whose values count from 0, in order. Specialise beside the enum:
/// `template <> inline constexpr std::array kNames<Colour> = {"red", "green"};`
template <class E>
inline constexpr std::array<std::string_view, 0> kNames{};

template <class E>
concept Named = std::is_enum_v<E> && (kNames<E>.size() > 0);

template <Named E>
[[nodiscard]] constexpr std::string_view name_of(E value) {
  return kNames<E>[static_cast<std::size_t>(std::to_underlying(value))];
}

template <Named E>
[[nodiscard]] constexpr std::optional<E> value_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames<E>.size(); ++i) {
    if (kNames<E>[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

template <>
inline constexpr std::array<std::string_view, 21> kNames<Errc> = {
    "internal",    "invalid",      "not_found",       "denied",    "outside_workspace",
    "too_large",   "conflict",     "timed_out",       "cancelled", "abandoned",
    "unavailable", "unauthorized", "rate_limited",    "protocol",  "io",
    "exhausted",   "not_started",  "unknown_outcome", "diverged",  "unsupported",
    "storage_full"};

}  // namespace tinkerbell

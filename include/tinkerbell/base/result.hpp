#pragma once

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/base/error.hpp"

#include <expected>
#include <type_traits>
#include <utility>

namespace tinkerbell {

/// A value or an Error. Failure is an ordinary answer: it travels like any other value.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(Error error) : state_(std::unexpected(std::move(error))) {}  // NOLINT: converts by design

  template <class U = T>
    requires(std::is_constructible_v<T, U &&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error>)
  Result(U&& value) : state_(std::forward<U>(value)) {}  // NOLINT: converts by design

  [[nodiscard]] bool ok() const { return state_.has_value(); }

  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& operator*() & { return checked(state_); }

  [[nodiscard]] const T& operator*() const& { return checked(state_); }

  [[nodiscard]] T&& operator*() && { return std::move(checked(state_)); }

  [[nodiscard]] T* operator->() { return &checked(state_); }

  [[nodiscard]] const T* operator->() const { return &checked(state_); }

  [[nodiscard]] const Error& error() const& {
    TINKERBELL_ASSERT(!state_.has_value());
    return state_.error();
  }

  [[nodiscard]] Error&& error() && {
    TINKERBELL_ASSERT(!state_.has_value());
    return std::move(state_).error();
  }

 private:
  template <class State>
  static auto& checked(State& state) {
    TINKERBELL_ASSERT(state.has_value());
    return *state;
  }

  std::expected<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;

  Result(Error error) : state_(std::unexpected(std::move(error))) {}  // NOLINT: converts by design

  [[nodiscard]] bool ok() const { return state_.has_value(); }

  explicit operator bool() const { return ok(); }

  [[nodiscard]] const Error& error() const& {
    TINKERBELL_ASSERT(!state_.has_value());
    return state_.error();
  }

  [[nodiscard]] Error&& error() && {
    TINKERBELL_ASSERT(!state_.has_value());
    return std::move(state_).error();
  }

 private:
  std::expected<void, Error> state_;
};

}  // namespace tinkerbell

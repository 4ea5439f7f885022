#pragma once

#include "tinkerbell/base/result.hpp"

#include <functional>
#include <utility>

namespace tinkerbell {

/// The one-shot handle that delivers an answer. Dropped unused, it answers Errc::abandoned, so that
/// nobody waits for ever.
template <class T>
class Completion {
 public:
  using Handler = std::move_only_function<void(Result<T>)>;

  Completion() = default;

  explicit Completion(Handler handler) : handler_(std::move(handler)) {}

  Completion(Completion&& other) noexcept : handler_(std::exchange(other.handler_, nullptr)) {}

  Completion& operator=(Completion&& other) noexcept {
    if (this != &other) {
      abandon();
      handler_ = std::exchange(other.handler_, nullptr);
    }
    return *this;
  }

  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  ~Completion() { abandon(); }

  /// Delivers; the handle is empty afterwards. A second call is a bug.
  void operator()(Result<T> result) {
    TINKERBELL_ASSERT(handler_ != nullptr);
    std::exchange(handler_, nullptr)(std::move(result));
  }

  explicit operator bool() const { return handler_ != nullptr; }

 private:
  void abandon() {
    if (handler_ != nullptr) (*this)(Error{Errc::abandoned, "nobody answered"});
  }

  Handler handler_;
};

}  // namespace tinkerbell

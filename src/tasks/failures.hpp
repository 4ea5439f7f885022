#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/commands.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// A command that failed, and how.
struct Failure {
  std::string command;  ///< Its fingerprint.
  std::string outcome;  ///< The hash of what was told of it.
  std::uint32_t times = 0;
  std::string line;  ///< For people: "run make: exit 2".

  static constexpr auto fields() {
    return described(field("command", &Failure::command), field("outcome", &Failure::outcome),
                     field("times", &Failure::times), field("line", &Failure::line));
  }
};

/// Which commands failed how often with the very same outcome, each since it last went well. What
/// comes between does not count: one that reads a file before each attempt gets no further either.
/// Of the newest ones.
class Failures {
 public:
  Failures() = default;

  explicit Failures(std::vector<Failure> failures) : failures_(std::move(failures)) {}

  /// `told`: what the model is told of the outcome.
  void add(const TaskCommand& command, const Result<Reply>& outcome, const std::string& told);

  /// One that failed so often; null: none.
  [[nodiscard]] const Failure* reached(std::uint32_t times) const;

  /// Those that failed so often may do so as often again.
  void forgive(std::uint32_t times);

  [[nodiscard]] const std::vector<Failure>& all() const { return failures_; }

 private:
  std::vector<Failure> failures_;  ///< The newest last.
};

}  // namespace tinkerbell

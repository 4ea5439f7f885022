#pragma once

#include "tinkerbell/base/ids.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// What a simulation found to be wrong: the first thing counts.
class Findings {
 public:
  void expect(bool holds, std::string_view otherwise, CommandId where = {}) {
    if (holds || first_) return;
    first_ = std::string(otherwise) + " (task " + std::to_string(number(where.task)) +
             ", command " + std::to_string(number(where.seq)) + ")";
  }

  [[nodiscard]] const std::optional<std::string>& first() const { return first_; }

 private:
  std::optional<std::string> first_;
};

}  // namespace tinkerbell

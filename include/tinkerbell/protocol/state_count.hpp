#pragma once

#include "tinkerbell/base/fields.hpp"

#include <cstdint>
#include <string>

namespace tinkerbell::protocol {

/// How many tasks are in one state.
struct StateCount {
  std::string state;
  std::uint64_t count = 0;

  static constexpr auto fields() {
    return described(field("state", &StateCount::state), field("count", &StateCount::count));
  }

  bool operator==(const StateCount&) const = default;
};

}  // namespace tinkerbell::protocol

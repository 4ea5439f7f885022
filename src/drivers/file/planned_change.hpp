#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"

#include <cstdint>
#include <string>

namespace tinkerbell {

/// What a command makes of a file. Pure: prepare, perform and recover come to the same.
struct PlannedChange {
  std::string content;
  std::uint64_t line = 1;  ///< Where it begins, counted from 1.
  std::uint64_t places = 1;
};

/// Errors: too_large.
[[nodiscard]] Result<PlannedChange> planned_change(const AwaitFileWrite& write,
                                                   const PreImage& before, bool may_quote = false);

/// Errors: invalid (nothing to look for, or nothing would change), not_found (file or text),
/// conflict (several places), too_large. The messages name lines, and have their text only with
/// `may_quote`.
[[nodiscard]] Result<PlannedChange> planned_change(const AwaitFileEdit& edit,
                                                   const PreImage& before, bool may_quote = false);

}  // namespace tinkerbell

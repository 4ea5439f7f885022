#pragma once

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/journal/record.hpp"

#include <set>
#include <vector>

namespace tinkerbell {

/// Adds the contents that the records of a task speak of: of files, what its commands changed, were
/// to change, and would have changed; of programs, what they wrote. Errors: invalid (a record
/// cannot be read: nobody knows what it needs).
[[nodiscard]] Result<void> add_contents(const std::vector<Record>& records,
                                        std::set<Sha256>& contents);

}  // namespace tinkerbell

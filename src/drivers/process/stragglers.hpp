#pragma once

#include <set>
#include <string>

namespace tinkerbell {

/// Kills what programs without a shim have left: every process whose environment has one of these
/// idempotency keys. A shim takes its program with it when it dies, but without a sandbox not what
/// that has started. No process id is believed: each is held (pidfd) before its environment is
/// read, so that whoever comes after it under the same number is never killed. Returns once they
/// are gone; false if some are not in time. Blocks, mostly for one look at /proc.
///
/// Not found: a process that emptied its environment, or that is another user's.
[[nodiscard]] bool end_stragglers(const std::set<std::string>& keys);

}  // namespace tinkerbell

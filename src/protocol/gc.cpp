#include "tinkerbell/protocol/gc.hpp"

namespace tinkerbell::protocol {

Result<void> check(const GcRequest& request) {
  constexpr Milliseconds kOldest = std::chrono::days(36'525);
  if (!request.older_than) return {};
  if (*request.older_than >= Milliseconds{0} && *request.older_than <= kOldest) return {};
  return Error{Errc::invalid, "older_than_ms: from 0 to 100 years"};
}

}  // namespace tinkerbell::protocol

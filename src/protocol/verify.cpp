#include "tinkerbell/protocol/verify.hpp"

#include "tinkerbell/base/hash.hpp"

namespace tinkerbell::protocol {

Result<void> check(const VerifyRequest& request) {
  if (!request.anchor || !Sha256::from_hex(request.anchor->seal).empty()) return {};
  return Error{Errc::invalid, "the anchor's seal is not 64 lower-case hexadecimal digits"};
}

}  // namespace tinkerbell::protocol

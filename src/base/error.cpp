#include "tinkerbell/base/error.hpp"

#include "tinkerbell/base/names.hpp"

#include <array>
#include <cerrno>
#include <system_error>

namespace tinkerbell {

std::string_view to_string(Errc code) {
  return name_of(code);
}

Error Error::with(std::string_view context) const {
  return {code, std::string(context) + ": " + message, retry_at, may_have_cost, took, rejected};
}

namespace {

Errc code_for(int errno_value) {
  switch (errno_value) {
    case ENOENT:
      return Errc::not_found;
    case EACCES:
    case EPERM:
      return Errc::denied;
    case EXDEV:
      return Errc::outside_workspace;
    case EFBIG:
      return Errc::too_large;
    case ENOSPC:
    case EDQUOT:
      return Errc::storage_full;
    case ETIMEDOUT:
      return Errc::timed_out;
    case EADDRINUSE:
      return Errc::conflict;
    case ECONNREFUSED:
    case ENETUNREACH:
    case EHOSTUNREACH:
      return Errc::unavailable;
    default:
      return Errc::io;
  }
}

}  // namespace

Error os_error(std::string_view operation, int errno_value) {
  return {code_for(errno_value),
          std::string(operation) + ": " + std::generic_category().message(errno_value)};
}

}  // namespace tinkerbell

#include "drivers/http/redirect.hpp"

#include <algorithm>
#include <array>

namespace tinkerbell {

bool is_redirect(int status) {
  constexpr std::array kRedirects{301, 302, 303, 307, 308};
  return std::ranges::find(kRedirects, status) != kRedirects.end();
}

bool stays_at_server(const HttpUrl& from, const HttpUrl& to) {
  if (from.host != to.host) return false;
  const bool upgraded = !from.secure && to.secure && from.port == "80" && to.port == "443";
  return upgraded || (from.secure == to.secure && from.port == to.port);
}

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/io/http_url.hpp"
#include "tinkerbell/io/ip_address.hpp"

#include <set>
#include <span>
#include <string>
#include <string_view>

namespace tinkerbell {

/// Where requests may go whatever rules and people say. Names are judged by all of their addresses,
/// once these are known; an address that stands in the URL is judged at once.
class Egress {
 public:
  /// `reach`: host:port of servers that are not on the public internet and may be talked to.
  explicit Egress(std::set<std::string> reach) : reach_(std::move(reach)) {}

  /// What can be said before the name is resolved. Errors: invalid (a host that is spelled in a way
  /// that hides which one it is), denied.
  [[nodiscard]] Result<void> check_url(const HttpUrl& url) const;

  /// Errors: denied, for any of them.
  [[nodiscard]] Result<void> check_addresses(const HttpUrl& url,
                                             std::span<const IpAddress> addresses) const;

 private:
  std::set<std::string> reach_;
};

/// What an address belongs to that is not the public internet: "loopback", "private". Empty: it is
/// on it. Source: IANA IPv4 and IPv6 Special-Purpose Address Registries; HAZARDS S54.
[[nodiscard]] std::string_view special_purpose_of(const IpAddress& address);

/// Whether a cloud gives away keys of its machines there; also where the address is in one of IPv6.
[[nodiscard]] bool is_metadata_service(const IpAddress& address);

}  // namespace tinkerbell

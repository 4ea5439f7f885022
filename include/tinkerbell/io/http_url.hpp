#pragma once

#include "tinkerbell/base/result.hpp"

#include <string>
#include <string_view>

namespace tinkerbell {

/// Where a request goes, taken apart by one parser so that the check and the connection agree.
struct HttpUrl {
  bool secure = false;
  std::string host;       ///< For name resolution and certificates, in lower case: IPv6 without
                          ///< brackets.
  std::string port;       ///< Decimal, 1–65535.
  std::string authority;  ///< For the Host header: brackets kept, no default port.
  std::string target;     ///< Path and query, still encoded, never empty.

  /// "https://api.example:8443": names the server in messages and keys the pool. Paths and queries
  /// may hold secrets and stay out.
  [[nodiscard]] std::string origin() const;

  /// "api.example:8443", "[::1]:80".
  [[nodiscard]] std::string host_and_port() const;
};

/// Errors: invalid — another scheme than http and https, a user name, no host, a host that is
/// neither a name of ASCII letters, digits, dots, hyphens and underscores nor an address, port 0,
/// control bytes in any spelling. A fragment is dropped. Source: RFC 3986, RFC 9110 4.2.
[[nodiscard]] Result<HttpUrl> parse_http_url(std::string_view url);

/// What `reference` (of a Location or a link) means where it stands in what `base` leads to: an
/// absolute URL without a fragment, of whatever scheme. Errors: invalid. Source: RFC 3986 5.2.
[[nodiscard]] Result<std::string> resolve_reference(std::string_view base,
                                                    std::string_view reference);

/// The text with each %XX as the byte that it stands for.
[[nodiscard]] std::string percent_decoded(std::string_view text);

}  // namespace tinkerbell

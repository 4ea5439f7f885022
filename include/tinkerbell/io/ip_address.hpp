#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace tinkerbell {

/// An address on the internet, in network order.
struct IpAddress {
  bool is_v4 = true;  ///< Then only the first four bytes count; the others are 0.
  std::array<std::uint8_t, 16> bytes{};

  bool operator==(const IpAddress&) const = default;
};

/// What the resolver takes for an address without asking anybody: "10.0.0.1", but also "0x0a.1",
/// "167772161" and "012.0.0.1". Nothing: it is a name. Does not block.
[[nodiscard]] std::optional<IpAddress> address_in(const std::string& host);

/// As one writes it: "10.0.0.1", "2001:db8::1".
[[nodiscard]] std::string to_text(const IpAddress& address);

}  // namespace tinkerbell

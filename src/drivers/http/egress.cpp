#include "drivers/http/egress.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace tinkerbell {

namespace {

using Bytes = std::array<std::uint8_t, 16>;

struct Prefix {
  Bytes bytes;
  unsigned bits;
  std::string_view what;
};

constexpr auto kSpecialV4 = std::to_array<Prefix>({
    {{0}, 8, "this network"},
    {{10}, 8, "private"},
    {{100, 64}, 10, "shared by a carrier"},
    {{127}, 8, "loopback"},
    {{169, 254}, 16, "link-local"},
    {{172, 16}, 12, "private"},
    {{192, 0, 0}, 24, "reserved"},
    {{192, 0, 2}, 24, "for documentation"},
    {{192, 88, 99}, 24, "reserved"},
    {{192, 168}, 16, "private"},
    {{198, 18}, 15, "for benchmarks"},
    {{198, 51, 100}, 24, "for documentation"},
    {{203, 0, 113}, 24, "for documentation"},
    {{224}, 4, "multicast"},
    {{240}, 4, "reserved"},
});

/// Only 2000::/3 is on the internet, and of that not all. The first that fits counts.
constexpr auto kSpecialV6 = std::to_array<Prefix>({
    {{}, 128, "unspecified"},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, "loopback"},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96, "an IPv4 address in one of IPv6"},
    {{0, 0x64, 0xFF, 0x9B}, 32, "an IPv4 address in one of IPv6 (NAT64)"},
    {{0x20, 0x01, 0, 0}, 32, "an IPv4 address in one of IPv6 (Teredo)"},
    {{0x20, 0x02}, 16, "an IPv4 address in one of IPv6 (6to4)"},
    {{0x20, 0x01, 0}, 23, "reserved"},
    {{0x20, 0x01, 0x0D, 0xB8}, 32, "for documentation"},
    {{0x3F, 0xFF, 0}, 20, "for documentation"},
    {{0xFC}, 7, "private"},
    {{0xFE, 0x80}, 10, "link-local"},
    {{0xFF}, 8, "multicast"},
});
constexpr Prefix kInternetV6{{0x20}, 3, ""};

constexpr auto kMetadataV4 = std::to_array<Bytes>({
    {169, 254, 169, 254},  // most
    {169, 254, 170, 2},    // AWS: containers
    {169, 254, 170, 23},   // AWS: pods
    {100, 100, 100, 200},  // Alibaba
    {168, 63, 129, 16},    // Azure
    {192, 0, 0, 192},      // Oracle
});
constexpr auto kMetadataV6 = std::to_array<Bytes>({
    {0xFD, 0x00, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54},  // AWS
    {0xFD, 0x00, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x23},     // AWS: pods
    {0xFD, 0x20, 0x00, 0xCE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54},  // Google
});

bool begins_with(const Bytes& bytes, const Prefix& prefix) {
  const unsigned whole = prefix.bits / 8;
  if (!std::equal(bytes.begin(), bytes.begin() + whole, prefix.bytes.begin())) return false;
  const unsigned rest = prefix.bits % 8;
  return rest == 0 || ((bytes[whole] ^ prefix.bytes[whole]) >> (8 - rest)) == 0;
}

/// The four bytes at each place where a way of carrying IPv4 in IPv6 has them: of every address,
/// whatever its prefix, for a network may have its own.
std::array<Bytes, 3> carried_in(const Bytes& v6) {
  std::array<Bytes, 3> carried{};
  std::copy_n(v6.begin() + 12, 4, carried[0].begin());  // mapped, compatible, NAT64, ISATAP
  std::copy_n(v6.begin() + 2, 4, carried[1].begin());   // 6to4
  std::transform(v6.begin() + 12, v6.end(), carried[2].begin(),
                 [](std::uint8_t byte) { return static_cast<std::uint8_t>(~byte); });  // Teredo
  return carried;
}

template <std::size_t N>
bool is_one_of(const std::array<Bytes, N>& addresses, const Bytes& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

Error denied(const HttpUrl& url, const std::string& why) {
  return {Errc::denied, url.host_and_port() + " is not on the public internet: " + why};
}

}  // namespace

std::string_view special_purpose_of(const IpAddress& address) {
  const auto fits = [&](const Prefix& prefix) { return begins_with(address.bytes, prefix); };
  if (address.is_v4) {
    const auto found = std::ranges::find_if(kSpecialV4, fits);
    return found == kSpecialV4.end() ? "" : found->what;
  }
  const auto found = std::ranges::find_if(kSpecialV6, fits);
  if (found != kSpecialV6.end()) return found->what;
  return fits(kInternetV6) ? "" : "reserved";
}

bool is_metadata_service(const IpAddress& address) {
  if (address.is_v4) return is_one_of(kMetadataV4, address.bytes);
  return is_one_of(kMetadataV6, address.bytes) ||
         std::ranges::any_of(carried_in(address.bytes),
                             [](const Bytes& v4) { return is_one_of(kMetadataV4, v4); });
}

Result<void> Egress::check_url(const HttpUrl& url) const {
  if (url.host.ends_with('.')) {
    return Error{Errc::invalid, "url: the host ends with a dot: rules would not know it again"};
  }
  const std::optional<IpAddress> address = address_in(url.host);
  if (!address) return {};
  if (const std::string plain = to_text(*address); plain != url.host) {
    return Error{Errc::invalid, "url: the host is the address " + plain + ": write it so"};
  }
  return check_addresses(url, {&*address, 1});
}

Result<void> Egress::check_addresses(const HttpUrl& url,
                                     std::span<const IpAddress> addresses) const {
  const bool named = reach_.contains(url.host_and_port());
  for (const IpAddress& address : addresses) {
    if (is_metadata_service(address)) {
      return denied(url, to_text(address) + " is a metadata service, which nobody is let to");
    }
    const std::string_view what = special_purpose_of(address);
    if (!what.empty() && !named) {
      return denied(url, to_text(address) + " is " + std::string(what) +
                             "; [network] reach in the config names those that may be reached");
    }
  }
  return {};
}

}  // namespace tinkerbell

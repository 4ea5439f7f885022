#include "tinkerbell/io/ip_address.hpp"

#include "io/client_connection.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace tinkerbell {

std::optional<IpAddress> address_in(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  IpAddress address;
  address.is_v4 = list->ai_family == AF_INET;
  if (address.is_v4) {
    sockaddr_in v4{};
    std::memcpy(&v4, list->ai_addr, sizeof v4);
    std::memcpy(address.bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
  } else {
    sockaddr_in6 v6{};
    std::memcpy(&v6, list->ai_addr, sizeof v6);
    std::memcpy(address.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  }
  return address;
}

std::string to_text(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.is_v4 ? AF_INET : AF_INET6, address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::vector<IpAddress> addresses_of(const Endpoints& endpoints) {
  std::vector<IpAddress> addresses;
  for (const auto& endpoint : endpoints) {
    IpAddress& address = addresses.emplace_back();
    address.is_v4 = endpoint.address().is_v4();
    if (address.is_v4) {
      std::ranges::copy(endpoint.address().to_v4().to_bytes(), address.bytes.begin());
    } else {
      address.bytes = endpoint.address().to_v6().to_bytes();
    }
  }
  return addresses;
}

}  // namespace tinkerbell

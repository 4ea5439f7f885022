#pragma once

#include <sys/un.h>

#include <cstddef>

namespace tinkerbell {

/// Of sun_path in unix(7), less the terminating zero.
inline constexpr std::size_t kSocketPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

}  // namespace tinkerbell

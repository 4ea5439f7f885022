#pragma once

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/result.hpp"

#include <cstdint>
#include <stop_token>
#include <string_view>

namespace tinkerbell {

struct ContentSum {
  Sha256 sha256;
  std::uint64_t bytes = 0;
};

/// How much is read at most, and who may end it.
struct ContentBounds {
  std::uint64_t bytes_max = UINT64_MAX;
  std::stop_token stop{};
};

/// All functions read from the beginning, wherever the descriptor stands, until the end that the
/// file has then. Errors of all: cancelled, too_large, io.

[[nodiscard]] Result<ContentSum> hash_content(int fd, const ContentBounds& bounds,
                                              std::string_view path);

/// Copies into an empty file. The sum is of what was written. Blocks of zeros become holes, so a
/// sparse file stays sparse.
[[nodiscard]] Result<ContentSum> copy_content(int from, int to, const ContentBounds& bounds,
                                              std::string_view path);

/// Lets an empty file share the blocks of another one, all at one instant. False: these two cannot.
/// Source: ioctl_ficlonerange(2).
[[nodiscard]] bool clone_content(int from, int to);

}  // namespace tinkerbell

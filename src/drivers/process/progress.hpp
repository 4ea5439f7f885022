#pragma once

#include "tinkerbell/base/ids.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tinkerbell {

/// How far the output of one run has been shown.
struct ProgressRequest {
  CommandId id;
  std::filesystem::path directory;
  std::uint64_t shown = 0;
  bool ended = false;  ///< Nothing more comes: the rest is shown, whole characters or not.
};

/// What has come since.
struct ProgressPiece {
  CommandId id;
  std::uint64_t end = 0;  ///< Shown up to here.
  std::string text;       ///< Ends between characters, unless it is the last.
};

/// Reads on in the output of each run; leaves out those with nothing new. Blocks as a disk does.
[[nodiscard]] std::vector<ProgressPiece> new_output(const std::vector<ProgressRequest>& requests);

/// How many bytes at the end of `text` begin a UTF-8 character that is not complete: 0–3.
[[nodiscard]] std::size_t incomplete_tail(std::string_view text);

}  // namespace tinkerbell

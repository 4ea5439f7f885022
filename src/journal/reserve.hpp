#pragma once

#include "tinkerbell/base/result.hpp"

#include <filesystem>

namespace tinkerbell {

/// Space kept back in a file that holds nothing, so that a few last records find room on a full
/// disk.
class Reserve {
 public:
  static constexpr std::uint64_t kBytes = 1 << 20;

  explicit Reserve(std::filesystem::path file) : file_(std::move(file)) {}

  /// Errors: storage_full (so much is not free), io, denied.
  [[nodiscard]] Result<void> take();

  /// Commits may use it.
  void give_up_half();
  void give_up();

 private:
  [[nodiscard]] Error failure(int errno_value) const;

  std::filesystem::path file_;
  bool taken_ = false;
};

}  // namespace tinkerbell

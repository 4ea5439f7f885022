#pragma once

#include "tinkerbell/base/hmac.hpp"
#include "tinkerbell/base/result.hpp"

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

namespace tinkerbell {

/// The secret under which a journal is sealed: 32 random bytes, written as 64 hexadecimal digits.
/// Whoever has it can make seals; nothing that we print or store leads back to it.
class SealKey {
 public:
  /// Errors: invalid. The text is in no message.
  [[nodiscard]] static Result<SealKey> from_text(std::string_view text);

  /// Errors: not_found, denied (others can read it), invalid, io.
  [[nodiscard]] static Result<SealKey> read(const std::filesystem::path& file);

  /// A new one, in `file`, which is synced with its name. What is there is replaced. Errors:
  /// storage_full, io, denied.
  [[nodiscard]] static Result<SealKey> make(const std::filesystem::path& file);

  /// Tells one key from another.
  [[nodiscard]] std::string id() const;

  [[nodiscard]] Sha256 sign(std::initializer_list<std::string_view> pieces) const {
    return hmac_.of(pieces);
  }

 private:
  explicit SealKey(const Sha256& secret);

  HmacSha256 hmac_;
};

}  // namespace tinkerbell

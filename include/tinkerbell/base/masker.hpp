#pragma once

#include "tinkerbell/base/fields.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// Replaces every registered secret by "[secret]", in its raw, base64, percent-encoded and
/// JSON-escaped spelling. The one place through which text passes before it reaches the journal, a
/// log, a prompt or a client. Filled at start, read-only afterwards: safe from any thread then.
class Masker {
 public:
  /// Values shorter than 8 bytes are refused (false): they would mask ordinary text.
  bool add(std::string_view secret);

  [[nodiscard]] std::string masked(std::string text) const;

  /// Whether masked() would change it.
  [[nodiscard]] bool finds_secret_in(std::string_view text) const;

  [[nodiscard]] bool empty() const { return needles_.empty(); }

 private:
  std::vector<std::string> needles_;  ///< Longest first.
};

/// Masks every text in a described value: its strings, those of its parts, of vectors, of maps and
/// of Json trees.
void mask_strings(Json& value, const Masker& masker);

inline void mask_strings(std::string& value, const Masker& masker) {
  value = masker.masked(std::move(value));
}

template <class T>
void mask_strings(T& value, const Masker& masker) {
  if (masker.empty()) return;
  if constexpr (Described<T>) {
    apply_to_fields<T>(
        [&](const auto&... each) { (mask_strings(value.*each.member, masker), ...); });
  } else if constexpr (detail::kIsOptional<T>) {
    if (value) mask_strings(*value, masker);
  } else if constexpr (detail::kIsVector<T>) {
    for (auto& each : value)
      mask_strings(each, masker);
  } else if constexpr (std::same_as<T, std::map<std::string, std::string>>) {
    for (auto& [key, text] : value)
      text = masker.masked(std::move(text));
  }
}

}  // namespace tinkerbell

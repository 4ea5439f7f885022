#pragma once

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

  [[nodiscard]] bool empty() const { return needles_.empty(); }

 private:
  std::vector<std::string> needles_;  ///< Longest first.
};

}  // namespace tinkerbell

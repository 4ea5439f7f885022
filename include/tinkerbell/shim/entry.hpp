#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// What must be found at a path.
enum class Entry : std::uint8_t {
  same,       ///< The file of this device and inode.
  read_only,  ///< That file, on a mount that cannot be written.
  hidden,     ///< Anything else, or nothing.
};

template <>
inline constexpr std::array<std::string_view, 3> kNames<Entry> = {"same", "read_only", "hidden"};

struct EntryCheck {
  std::string path;  ///< Absolute, or "." for the directory where the program starts.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  Entry expected = Entry::same;

  static constexpr auto fields() {
    return described(field("path", &EntryCheck::path), field("device", &EntryCheck::device),
                     field("inode", &EntryCheck::inode), field("expected", &EntryCheck::expected));
  }
};

/// The last look before a program begins, from inside its finished sandbox:
/// `tinkerbell-shim --enter CHECKS PROGRAM [ARGUMENT]...`.
///
/// Bubblewrap mounts by paths, and between our look at the workspace and its mount somebody may put
/// a link or another directory in their place. What is mounted for good is compared here, and the
/// program is executed only if it is what was judged.
struct EntryChecks {
  std::vector<EntryCheck> checks;

  static constexpr auto fields() { return described(field("checks", &EntryChecks::checks)); }
};

inline constexpr std::string_view kEnterOption = "--enter";

/// Errors: conflict, with the path that is not as expected.
[[nodiscard]] Result<void> check_entry(const EntryChecks& entry);

}  // namespace tinkerbell

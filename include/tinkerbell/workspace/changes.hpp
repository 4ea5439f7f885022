#pragma once

#include "tinkerbell/base/canonical.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

/// All that counts of what stands at a path; times do not.
struct FileState {
  FileType type = FileType::file;
  std::uint32_t mode = 0;   ///< As in TreeEntry.
  Sha256 content;           ///< As in TreeEntry.
  std::uint64_t bytes = 0;  ///< As in TreeEntry.

  void write_canonical(CanonicalWriter& writer) const;
  void read_canonical(CanonicalReader& reader);

  bool operator==(const FileState&) const = default;
};

[[nodiscard]] FileState state_of(const TreeEntry& entry);

/// What becomes of a path. Nothing: there is nothing there.
struct FileChange {
  std::string path;
  std::optional<FileState> before;
  std::optional<FileState> after;

  void write_canonical(CanonicalWriter& writer) const;
  void read_canonical(CanonicalReader& reader);

  bool operator==(const FileChange&) const = default;
};

/// What makes `after` of `before`, in byte order of the paths. Where one of the trees has left
/// something out nobody knows what changed, so nothing is said about it.
[[nodiscard]] std::vector<FileChange> changes_between(const Tree& before, const Tree& after);

/// The way back.
[[nodiscard]] std::vector<FileChange> reversed(std::vector<FileChange> changes);

}  // namespace tinkerbell

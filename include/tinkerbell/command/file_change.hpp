#pragma once

#include "tinkerbell/base/canonical.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

enum class FileType : std::uint8_t { file, directory, link };

template <>
inline constexpr std::array<std::string_view, 3> kNames<FileType> = {"file", "directory", "link"};

/// All that counts of what stands at a path; times do not.
struct FileState {
  FileType type = FileType::file;
  std::uint32_t mode = 0;   ///< 07777 of a file, 0777 of a directory, 0777 for every link.
  Sha256 content;           ///< Of a file's bytes or a link's target; none for a directory.
  std::uint64_t bytes = 0;  ///< Of a file's content or a link's target; 0 for a directory.

  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static Result<FileState> from_json(const Json& json);
  void write_canonical(CanonicalWriter& writer) const;
  void read_canonical(CanonicalReader& reader);

  bool operator==(const FileState&) const = default;
};

/// What becomes of a path. Nothing: there is nothing there.
struct FileChange {
  std::string path;  ///< Relative to the workspace; bytes.
  std::optional<FileState> before;
  std::optional<FileState> after;

  static constexpr auto fields() {
    return described(field("path", &FileChange::path), field("before", &FileChange::before),
                     field("after", &FileChange::after));
  }

  bool operator==(const FileChange&) const = default;
};

/// One list for two of which the second was made after the first; both in byte order of the paths.
/// Where somebody else wrote between the two, only the second is told: the first is undone by no
/// one any more.
[[nodiscard]] std::vector<FileChange> composed(const std::vector<FileChange>& first,
                                               const std::vector<FileChange>& second);

/// A change of a draft, as people are shown it.
struct DraftChange {
  FileChange change;
  std::string diff;  ///< Unified; of what is no text, or very long, a line about it.

  static constexpr auto fields() {
    return described(field("change", &DraftChange::change), field("diff", &DraftChange::diff));
  }

  bool operator==(const DraftChange&) const = default;
};

/// A path of a draft that is not taken over, and why.
struct LeftInDraft {
  std::string path;
  std::string why;  ///< For people: "changed in the workspace, too".

  static constexpr auto fields() {
    return described(field("path", &LeftInDraft::path), field("why", &LeftInDraft::why));
  }

  bool operator==(const LeftInDraft&) const = default;
};

}  // namespace tinkerbell

#include "tinkerbell/workspace/changes.hpp"

#include "workspace/canonical_parts.hpp"
#include "workspace/path_union.hpp"

#include "tinkerbell/base/fields.hpp"

#include <array>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::uint64_t kPartsOfState = 4;
constexpr std::uint64_t kPartsOfChange = 3;

}  // namespace

FileState state_of(const TreeEntry& entry) {
  return {entry.type, entry.mode, entry.content, entry.bytes};
}

void FileState::write_canonical(CanonicalWriter& writer) const {
  writer.begin_array(kPartsOfState);
  writer.unsigned_integer(std::to_underlying(type));
  writer.unsigned_integer(mode);
  writer.text(bytes_of(content));
  writer.unsigned_integer(bytes);
}

void FileState::read_canonical(CanonicalReader& reader) {
  if (reader.begin_array() != kPartsOfState) reader.fail();
  type = read_enum<FileType>(reader);
  mode = read_mode(reader);
  content = read_hash(reader);
  bytes = reader.unsigned_integer();
}

void FileChange::write_canonical(CanonicalWriter& writer) const {
  writer.begin_array(kPartsOfChange);
  writer.text(path);
  tinkerbell::write_canonical(writer, before);
  tinkerbell::write_canonical(writer, after);
}

void FileChange::read_canonical(CanonicalReader& reader) {
  if (reader.begin_array() != kPartsOfChange) reader.fail();
  path = read_path(reader);
  tinkerbell::read_canonical(reader, before);
  tinkerbell::read_canonical(reader, after);
}

std::vector<FileChange> changes_between(const Tree& before, const Tree& after) {
  std::vector<FileChange> changes;
  for_each_path(std::array{&before, &after},
                [&](const std::string& path, const std::array<const TreeEntry*, 2>& entries) {
                  const std::optional<FileState> then = state_at(entries[0]);
                  const std::optional<FileState> now = state_at(entries[1]);
                  if (then == now || before.is_left_out(path) || after.is_left_out(path)) return;
                  changes.push_back({path, then, now});
                });
  return changes;
}

std::vector<FileChange> reversed(std::vector<FileChange> changes) {
  for (FileChange& change : changes)
    std::swap(change.before, change.after);
  return changes;
}

}  // namespace tinkerbell

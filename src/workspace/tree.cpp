#include "tinkerbell/workspace/tree.hpp"

#include "workspace/canonical_parts.hpp"

#include <algorithm>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::uint64_t kFieldsOfEntry = 9;

void write_entry(CanonicalWriter& writer, const TreeEntry& entry) {
  writer.begin_array(kFieldsOfEntry);
  writer.text(entry.path);
  writer.unsigned_integer(std::to_underlying(entry.type));
  writer.unsigned_integer(entry.mode);
  writer.unsigned_integer(entry.bytes);
  writer.integer(entry.mtime_ns);
  writer.integer(entry.ctime_ns);
  writer.unsigned_integer(entry.inode);
  writer.unsigned_integer(entry.device);
  writer.text(bytes_of(entry.content));
}

TreeEntry read_entry(CanonicalReader& reader) {
  TreeEntry entry;
  if (reader.begin_array() != kFieldsOfEntry) reader.fail();
  entry.path = read_path(reader);
  entry.type = read_enum<FileType>(reader);
  entry.mode = read_mode(reader);
  entry.bytes = reader.unsigned_integer();
  entry.mtime_ns = reader.integer();
  entry.ctime_ns = reader.integer();
  entry.inode = reader.unsigned_integer();
  entry.device = reader.unsigned_integer();
  entry.content = read_hash(reader);
  return entry;
}

/// The elements of an array; it fails unless their paths ascend.
template <class T, class Read>
std::vector<T> read_ascending(CanonicalReader& reader, const Read& read) {
  std::vector<T> values;
  const std::uint64_t count = reader.begin_array();
  if (count > kTreeEntriesMax) reader.fail();
  for (std::uint64_t left = count; left > 0 && !reader.failed(); --left) {
    T value = read(reader);
    if (!values.empty() && values.back().path >= value.path) reader.fail();
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace

void add_contents(const Tree& tree, std::set<Sha256>& contents) {
  for (const TreeEntry& entry : tree.entries) {
    if (!entry.content.empty()) contents.insert(entry.content);
  }
}

const TreeEntry* Tree::find(std::string_view path) const {
  const auto found = std::ranges::lower_bound(entries, path, {}, &TreeEntry::path);
  return found != entries.end() && found->path == path ? &*found : nullptr;
}

bool Tree::is_left_out(std::string_view path) const {
  if (left_out.empty()) return false;
  for (;;) {
    if (std::ranges::binary_search(left_out, path, {},
                                   [](const LeftOut& out) { return std::string_view(out.path); })) {
      return true;
    }
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return false;
    path = path.substr(0, slash);
  }
}

void Tree::write_canonical(CanonicalWriter& writer) const {
  CanonicalWriter content;
  content.begin_array(3);
  content.integer(looked_ns);
  content.begin_array(entries.size());
  for (const TreeEntry& entry : entries)
    write_entry(content, entry);
  content.begin_array(left_out.size());
  for (const LeftOut& out : left_out) {
    content.begin_array(2);
    content.text(out.path);
    content.unsigned_integer(std::to_underlying(out.reason));
  }
  writer.begin_array(2);
  writer.text(bytes_of(sha256(content.bytes())));
  writer.canonical(content.bytes());
}

void Tree::read_canonical(CanonicalReader& reader) {
  *this = {};
  if (reader.begin_array() != 2) reader.fail();
  const Sha256 expected = read_hash(reader);
  const std::string_view content = reader.skip();
  if (reader.failed() || sha256(content) != expected) return reader.fail();
  CanonicalReader inside(content);
  if (inside.begin_array() != 3) inside.fail();
  looked_ns = inside.integer();
  entries = read_ascending<TreeEntry>(inside, &read_entry);
  left_out = read_ascending<LeftOut>(inside, [](CanonicalReader& from) {
    if (from.begin_array() != 2) from.fail();
    std::string path = read_path(from);
    return LeftOut{std::move(path), read_enum<LeftOutReason>(from)};
  });
  if (!inside.is_done()) reader.fail();
}

}  // namespace tinkerbell

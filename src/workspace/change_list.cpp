#include "tinkerbell/workspace/change_list.hpp"

#include "tinkerbell/base/canonical.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <cstdint>
#include <string>

namespace tinkerbell {

namespace {

constexpr std::uint64_t kListBytesMax = std::uint64_t{256} << 20;

}  // namespace

Result<Sha256> keep_changes(const std::vector<FileChange>& changes, ContentStore& contents) {
  CanonicalWriter writer;
  write_canonical(writer, changes);
  return contents.put(writer.take());
}

Result<std::vector<FileChange>> kept_changes(const Sha256& list, const ContentStore& contents) {
  const Result<std::string> bytes = contents.read(list, kListBytesMax);
  if (!bytes) return bytes.error().with("the list of changes");
  std::vector<FileChange> changes;
  CanonicalReader reader(*bytes);
  read_canonical(reader, changes);
  if (!reader.is_done()) return Error{Errc::invalid, "what is kept is not a list of changes"};
  return changes;
}

}  // namespace tinkerbell

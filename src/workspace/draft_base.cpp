#include "tinkerbell/workspace/draft_base.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kParts = 4;
constexpr std::uint64_t kBaseBytesMax = std::uint64_t{4} << 30;

std::string name_of_draft(TaskId draft) {
  return "the draft of task " + std::to_string(number(draft));
}

}  // namespace

void DraftBase::write_canonical(CanonicalWriter& writer) const {
  writer.begin_array(kParts);
  writer.text(workspace);
  source.write_canonical(writer);
  copied.write_canonical(writer);
  writer.boolean(shared);
}

void DraftBase::read_canonical(CanonicalReader& reader) {
  if (reader.begin_array() != kParts) reader.fail();
  workspace = reader.text();
  source.read_canonical(reader);
  copied.read_canonical(reader);
  shared = reader.boolean();
}

Result<DraftBase> read_base(const Drafts& drafts, TaskId draft) {
  const fs::path file = drafts.base_of(draft);
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT)
    return Error{Errc::not_found, "task " + std::to_string(number(draft)) + " has no draft"};
  if (!fd) return os_error("open " + file.string(), errno);
  const Result<std::string> bytes = read_all(fd.get(), kBaseBytesMax, file.string());
  if (!bytes) return bytes.error();
  CanonicalReader reader(*bytes);
  DraftBase base;
  base.read_canonical(reader);
  if (!reader.is_done()) return Error{Errc::invalid, name_of_draft(draft) + " is damaged"};
  return base;
}

Result<void> write_base(const Drafts& drafts, TaskId draft, const DraftBase& base) {
  const fs::path file = drafts.base_of(draft);
  fs::path fresh = file;
  fresh += ".new";
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return os_error("make " + fresh.string(), errno);
  CanonicalWriter writer;
  base.write_canonical(writer);
  if (Result<void> written = write_all(fd.get(), writer.bytes(), fresh.string()); !written) {
    return written;
  }
  if (::fsync(fd.get()) != 0) return os_error("sync " + fresh.string(), errno);
  if (::rename(fresh.c_str(), file.c_str()) != 0) return os_error("name " + file.string(), errno);
  return sync_directory(file.parent_path());
}

/// First what makes it one, so that a half removed one is none.
Result<void> remove_draft(const Drafts& drafts, TaskId draft) {
  std::error_code error;
  fs::remove(drafts.base_of(draft), error);
  if (error) return os_error("remove " + name_of_draft(draft), error.value());
  return remove_tree(drafts.directory_of(draft));
}

}  // namespace tinkerbell

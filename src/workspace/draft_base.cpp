#include "tinkerbell/workspace/draft_base.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <vector>

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

Result<void> note_unclaimed(const Drafts& drafts, TaskId draft) {
  const fs::path file = drafts.unclaimed_of(draft);
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return os_error("make " + file.string(), errno);
  if (Result<void> synced = sync_directory(file.parent_path()); !synced) return synced;
  return sync_directory(drafts.directory());
}

Result<void> claim_draft(const Drafts& drafts, TaskId draft) {
  std::error_code error;
  fs::remove(drafts.unclaimed_of(draft), error);
  if (error) return os_error("claim " + name_of_draft(draft), error.value());
  return {};
}

namespace {

/// Whose draft a directory is; kNoTask: nobody's.
TaskId owner_of(const fs::path& directory) {
  const std::string name = directory.filename().string();
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), value);
  const bool whole = failure == std::errc{} && end == name.data() + name.size();
  return whole ? TaskId{value} : kNoTask;
}

/// What is not whole may also be what a task was just copying: that begins anew by itself.
Result<void> settle(const Drafts& drafts, TaskId draft,
                    const std::function<Result<bool>(TaskId task)>& is_task) {
  std::error_code error;
  const bool unclaimed = fs::exists(drafts.unclaimed_of(draft), error);
  if (!unclaimed && fs::exists(drafts.base_of(draft), error)) return {};
  const Result<bool> there = is_task(draft);
  if (!there) return there.error();
  return *there ? claim_draft(drafts, draft) : remove_draft(drafts, draft);
}

}  // namespace

Result<void> settle_fork_drafts(const Drafts& drafts,
                                const std::function<Result<bool>(TaskId task)>& is_task) {
  std::error_code error;
  std::vector<TaskId> found;
  for (const auto& entry : fs::directory_iterator(drafts.directory(), error)) {
    if (const TaskId owner = owner_of(entry.path()); owner != kNoTask) found.push_back(owner);
  }
  for (const TaskId draft : found) {
    if (Result<void> settled = settle(drafts, draft, is_task); !settled) return settled;
  }
  return {};
}

/// First what makes it one, so that a half removed one is none.
Result<void> remove_draft(const Drafts& drafts, TaskId draft) {
  std::error_code error;
  fs::remove(drafts.base_of(draft), error);
  if (error) return os_error("remove " + name_of_draft(draft), error.value());
  return remove_tree(drafts.directory_of(draft));
}

}  // namespace tinkerbell

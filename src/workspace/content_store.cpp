#include "tinkerbell/workspace/content_store.hpp"

#include "workspace/directory_names.hpp"
#include "workspace/file_content.hpp"
#include "workspace/file_status.hpp"
#include "workspace/sync_many.hpp"

#include "tinkerbell/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tinkerbell {

namespace {

constexpr std::string_view kIncoming = "incoming";
constexpr std::size_t kShardDigits = 2;
constexpr mode_t kContentMode = 0400;

/// Read into memory first: whether it is there already is known before anything is written.
constexpr std::uint64_t kSmallBytes = 1 << 20;

std::string shard_of(const std::string& hex) {
  return hex.substr(0, kShardDigits);
}

/// "ab/cdef…".
std::string final_name(const std::string& hex) {
  return shard_of(hex) + '/' + hex.substr(kShardDigits);
}

Error damaged(const Sha256& content) {
  return {Errc::io, "the content " + content.hex() + " in the store is damaged"};
}

Result<UniqueFd> make_private(int directory, const std::string& name) {
  if (::mkdirat(directory, name.c_str(), 0700) != 0 && errno != EEXIST) {
    return os_error("make directory " + name, errno);
  }
  UniqueFd made(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made) return os_error("open directory " + name, errno);
  struct stat status{};
  if (::fstat(made.get(), &status) != 0) return os_error("stat " + name, errno);
  if (status.st_uid != ::geteuid() || (status.st_mode & 0077) != 0) {
    return Error{Errc::denied, "others may enter the directory " + name};
  }
  return made;
}

Result<void> remove_file(int directory, const std::string& name) {
  if (::unlinkat(directory, name.c_str(), 0) != 0) return os_error("remove " + name, errno);
  return {};
}

}  // namespace

Result<std::unique_ptr<ContentStore>> ContentStore::open(const std::string& path) {
  Result<UniqueFd> directory = make_private(AT_FDCWD, path);
  if (!directory) return directory.error().with("open content store");
  Result<UniqueFd> incoming = make_private(directory->get(), std::string(kIncoming));
  if (!incoming) return incoming.error().with("open content store");
  Result<std::vector<std::string>> left = names_in(incoming->get(), kIncoming);
  if (!left) return left.error().with("open content store");
  for (const std::string& name : *left) {
    if (Result<void> removed = remove_file(incoming->get(), name); !removed) return removed.error();
  }
  return std::unique_ptr<ContentStore>(
      new ContentStore(*std::move(directory), *std::move(incoming)));
}

// ---- putting ----

Result<Sha256> ContentStore::put(int fd, std::uint64_t bytes_max, const std::stop_token& stop) {
  Result<struct statx> status = statx_of(fd, "", "content");
  if (!status) return status.error();
  if (!may_clone_ && status->stx_size <= std::min(bytes_max, kSmallBytes)) {
    if (::lseek(fd, 0, SEEK_SET) != 0) return os_error("read a content", errno);
    Result<std::string> content = read_all(fd, bytes_max, "content");
    return content ? put(*content) : Result<Sha256>(content.error());
  }
  const std::string name = std::to_string(next_incoming_++);
  Result<UniqueFd> file = create_incoming(name);
  if (!file) return file.error();
  const bool cloned = may_clone_ && clone_content(fd, file->get());
  if (!cloned && (errno == EOPNOTSUPP || errno == ENOTTY)) may_clone_ = false;
  Result<ContentSum> sum = cloned ? hash_content(file->get(), {bytes_max, stop}, "content")
                                  : copy_content(fd, file->get(), {bytes_max, stop}, "content");
  if (!sum) {
    (void)remove_file(incoming_.get(), name);
    return sum.error();
  }
  return keep(name, file->get(), sum->sha256);
}

Result<Sha256> ContentStore::put(std::string_view content) {
  const Sha256 hash = sha256(content);
  if (renew(hash)) return hash;
  const std::string name = std::to_string(next_incoming_++);
  Result<UniqueFd> file = create_incoming(name);
  if (!file) return file.error();
  if (Result<void> written = write_all(file->get(), content, "content"); !written) {
    (void)remove_file(incoming_.get(), name);
    return written.error();
  }
  return keep(name, file->get(), hash);
}

Result<UniqueFd> ContentStore::create_incoming(const std::string& name) {
  UniqueFd file(::openat(incoming_.get(), name.c_str(),
                         O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return os_error("create a content", errno);
  return file;
}

/// Whether it is there already; then it is as if it had been put now. The time of a content is that
/// of its last put.
bool ContentStore::renew(const Sha256& content) {
  const std::scoped_lock lock(age_mutex_);
  const std::string hex = content.hex();
  const std::string named = final_name(hex);
  const auto touched = [](const UniqueFd& directory, const std::string& name) {
    return ::utimensat(directory.get(), name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) == 0;
  };
  // Once more after the incoming ones: a sync may have named it in between.
  return touched(directory_, named) || touched(incoming_, hex) || touched(directory_, named);
}

/// The file is whole: from now on it is found by its hash.
Result<Sha256> ContentStore::keep(const std::string& name, int fd, const Sha256& content) {
  Result<void> kept;
  if (renew(content)) {
    kept = remove_file(incoming_.get(), name);
  } else if (::fchmod(fd, kContentMode) != 0) {
    kept = os_error("set the mode of a content", errno);
  } else {
    // Never over one that is there: a sync that is under way may have flushed that, and not this.
    const std::scoped_lock lock(incoming_mutex_);
    const std::string hex = content.hex();
    if (::renameat2(incoming_.get(), name.c_str(), incoming_.get(), hex.c_str(),
                    RENAME_NOREPLACE) == 0) {
      put_since_sync_.push_back(content);
    } else if (errno == EEXIST) {
      kept = remove_file(incoming_.get(), name);
    } else {
      kept = os_error("name a content", errno);
    }
  }
  if (kept) return content;
  (void)::unlinkat(incoming_.get(), name.c_str(), 0);
  return kept.error();
}

// ---- making durable ----

Result<Sha256> ContentStore::put_durably(std::string_view content) {
  Result<Sha256> put = this->put(content);
  if (!put) return put;
  if (Result<void> synced = sync(); !synced) return synced.error();
  return put;
}

Result<void> ContentStore::sync() {
  const std::scoped_lock whole(sync_mutex_);
  if (failure_) return *failure_;
  std::vector<Sha256> contents;
  {
    const std::scoped_lock lock(incoming_mutex_);
    contents.swap(put_since_sync_);
  }
  Result<void> done = sync_contents(contents);
  if (done) done = give_names(contents);
  if (!done) failure_ = done.error();
  return done;
}

Result<void> ContentStore::sync_contents(const std::vector<Sha256>& contents) const {
  std::vector<std::string> names;
  names.reserve(contents.size());
  for (const Sha256& content : contents)
    names.push_back(content.hex());
  return sync_many(incoming_.get(), names);
}

Result<void> ContentStore::give_names(const std::vector<Sha256>& contents) const {
  if (contents.empty()) return {};
  std::set<std::string> changed{"."};
  for (const Sha256& content : contents) {
    const std::string hex = content.hex();
    if (changed.insert(shard_of(hex)).second) {
      Result<UniqueFd> shard = make_private(directory_.get(), shard_of(hex));
      if (!shard) return shard.error();
    }
    if (::renameat(incoming_.get(), hex.c_str(), directory_.get(), final_name(hex).c_str()) != 0) {
      return os_error("name a content", errno);
    }
  }
  return sync_many(directory_.get(), std::vector(changed.begin(), changed.end()));
}

// ---- reading ----

bool ContentStore::has(const Sha256& content) const {
  return open_unchecked(content).ok();
}

Result<UniqueFd> ContentStore::open_unchecked(const Sha256& content) const {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC;
  const std::string hex = content.hex();
  const std::string named = final_name(hex);
  // Once more after the incoming ones: a sync may have named it in between.
  for (const auto& [directory, name] :
       {std::pair{directory_.get(), &named}, {incoming_.get(), &hex}, {directory_.get(), &named}}) {
    UniqueFd file(::openat(directory, name->c_str(), kFlags));
    if (file) return file;
    if (errno != ENOENT) return os_error("open the content " + hex, errno);
  }
  return Error{Errc::not_found, "the content " + hex + " is not in the store"};
}

Result<std::uint64_t> ContentStore::look_through(int fd, const Sha256& content) {
  const Result<ContentSum> sum = hash_content(fd, {}, "content");
  if (!sum) return sum.error();
  return sum->sha256 == content ? Result<std::uint64_t>(sum->bytes) : damaged(content);
}

Result<UniqueFd> ContentStore::open(const Sha256& content) const {
  Result<UniqueFd> file = open_unchecked(content);
  if (!file) return file;
  if (const Result<std::uint64_t> whole = look_through(file->get(), content); !whole) {
    return whole.error();
  }
  return file;
}

Result<std::uint64_t> ContentStore::bytes_of(const Sha256& content) const {
  const Result<UniqueFd> file = open_unchecked(content);
  return file ? look_through(file->get(), content) : Result<std::uint64_t>(file.error());
}

Result<std::string> ContentStore::read(const Sha256& content, std::uint64_t bytes_max) const {
  Result<UniqueFd> file = open_unchecked(content);
  if (!file) return file.error();
  Result<std::string> bytes = read_all(file->get(), bytes_max, "content");
  if (bytes && sha256(*bytes) != content) return damaged(content);
  return bytes;
}

Result<void> ContentStore::copy_to(const Sha256& content, int fd) const {
  Result<UniqueFd> file = open_unchecked(content);
  if (!file) return file.error();
  const Result<ContentSum> sum = may_clone_ && clone_content(file->get(), fd)
                                     ? hash_content(fd, {}, "content")
                                     : copy_content(file->get(), fd, {}, "content");
  if (!sum) return sum.error();
  if (sum->sha256 != content) return damaged(content);
  return {};
}

// ---- keeping house ----

Result<void> ContentStore::for_each(
    const std::function<Result<void>(int, const std::string&, const Sha256&)>& visit) const {
  UniqueFd top(::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top) return os_error("list the content store", errno);
  Result<std::vector<std::string>> shards = names_in(top.get(), "content store");
  if (!shards) return shards.error();
  for (const std::string& shard : *shards) {
    if (shard.size() != kShardDigits) continue;
    const UniqueFd directory(
        ::openat(directory_.get(), shard.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory) return os_error("open " + shard, errno);
    Result<std::vector<std::string>> names = names_in(directory.get(), shard);
    if (!names) return names.error();
    for (const std::string& name : *names) {
      const Sha256 content = Sha256::from_hex(shard + name);
      if (content.empty()) continue;  // not of ours
      if (Result<void> visited = visit(directory.get(), name, content); !visited) return visited;
    }
  }
  return {};
}

Result<ContentStore::Usage> ContentStore::usage() const {
  Usage usage;
  Result<void> seen = for_each([&](int shard, const std::string& name, const Sha256&) {
    Result<struct statx> status = statx_of(shard, name.c_str(), name);
    if (!status) return Result<void>(status.error());
    ++usage.contents;
    usage.bytes += status->stx_size;
    return Result<void>();
  });
  if (!seen) return seen.error();
  return usage;
}

ContentStore::Work::Work(ContentStore& store) : store_(store) {
  const std::scoped_lock lock(store_.work_mutex_);
  began_ = store_.work_began_ns_.insert(file_clock_ns());
}

ContentStore::Work::~Work() {
  const std::scoped_lock lock(store_.work_mutex_);
  store_.work_began_ns_.erase(began_);
}

WallTime ContentStore::before_all_work(WallTime put_before) const {
  const std::scoped_lock lock(work_mutex_);
  if (work_began_ns_.empty()) return put_before;
  return std::min(put_before, wall_from_unix_nanoseconds(*work_began_ns_.begin()));
}

Result<ContentStore::Usage> ContentStore::remove_all_but(const std::set<Sha256>& needed,
                                                         WallTime put_before, bool dry_run) {
  Usage removed;
  const auto remove_if_old = [&](int shard, const std::string& name) -> Result<void> {
    const std::scoped_lock lock(age_mutex_);
    Result<struct statx> status = statx_of(shard, name.c_str(), name);
    if (!status) return status.error();
    if (nanoseconds(status->stx_mtime) >= unix_nanoseconds(put_before)) return {};
    if (Result<void> gone = dry_run ? Result<void>() : remove_file(shard, name); !gone) return gone;
    ++removed.contents;
    removed.bytes += status->stx_size;
    return {};
  };
  Result<void> done =
      for_each([&](int shard, const std::string& name, const Sha256& content) -> Result<void> {
        return needed.contains(content) ? Result<void>() : remove_if_old(shard, name);
      });
  if (!done) return done.error();
  return removed;
}

}  // namespace tinkerbell

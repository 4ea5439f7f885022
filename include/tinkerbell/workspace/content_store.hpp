#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// The contents of files, and outputs too long for a reply, each once, by their SHA-256.
///
/// A directory that nobody else may enter:
///
///     ab/cdef…       a content whose hash begins with ab; all of it is on the disk
///     incoming/…     what was put since the last sync(); removed when the store is opened
///
/// Only sync() gives a content its final name, after it is on the disk. So after a loss of power
/// what has such a name is whole, and what has none may be put again. Nothing may rely on a content
/// before sync() has returned. Files have mode 0400 and are never given out by a hard link.
///
/// One process at a time; any thread; every function may block. Whether a content is still what its
/// name says is looked at whenever it is read. Errors of all: io, denied; of those
/// that read: not_found, and io for a damaged one.
class ContentStore {
 public:
  /// Makes the directory if it is missing. Errors: denied (somebody else's, or others may enter).
  [[nodiscard]] static Result<std::unique_ptr<ContentStore>> open(const std::string& path);

  /// Takes all that an open regular file holds, from its beginning (where the descriptor stands
  /// afterwards is open). Where the file system can, the two share their blocks. The hash is of
  /// what was kept, also if the file changes meanwhile. Errors: also cancelled, too_large.
  [[nodiscard]] Result<Sha256> put(int fd, std::uint64_t bytes_max = UINT64_MAX,
                                   const std::stop_token& stop = {});

  [[nodiscard]] Result<Sha256> put(std::string_view content);

  /// And makes it durable.
  [[nodiscard]] Result<Sha256> put_durably(std::string_view content);

  /// Makes all that was put before this call durable. It is on the disk then, whoever put it.
  /// Once it has failed it always fails: the system tells a lost write only once, so nobody knows
  /// what is on the disk until the store is opened anew.
  [[nodiscard]] Result<void> sync();

  [[nodiscard]] bool has(const Sha256& content) const;

  /// How long it is; it was looked through.
  [[nodiscard]] Result<std::uint64_t> bytes_of(const Sha256& content) const;

  /// The file, to read; it was looked through.
  [[nodiscard]] Result<UniqueFd> open(const Sha256& content) const;

  [[nodiscard]] Result<std::string> read(const Sha256& content, std::uint64_t bytes_max) const;

  /// Fills an empty file. After an error nobody may use what is in it.
  [[nodiscard]] Result<void> copy_to(const Sha256& content, int fd) const;

  struct Usage {
    std::uint64_t contents = 0;
    std::uint64_t bytes = 0;
  };

  /// Of those that are durable.
  [[nodiscard]] Result<Usage> usage() const;

  /// Something that puts contents and may take long until what relies on them is written down. It
  /// lives that long; the store outlives it.
  class Work {
   public:
    explicit Work(ContentStore& store);
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    ~Work();

   private:
    ContentStore& store_;
    std::multiset<std::int64_t>::iterator began_;
  };

  /// For remove_all_but(): `put_before`, or when the oldest work under way began if that was
  /// earlier. To be asked before it is looked what is needed.
  [[nodiscard]] WallTime before_all_work(WallTime put_before) const;

  /// Removes all durable contents that are not in `needed` and were put for the last time before
  /// `put_before`, and says what that was; a dry run only says it. Others may put something
  /// meanwhile: what was there for long is as young then as what is new.
  [[nodiscard]] Result<Usage> remove_all_but(const std::set<Sha256>& needed, WallTime put_before,
                                             bool dry_run = false);

 private:
  ContentStore(UniqueFd directory, UniqueFd incoming)
      : directory_(std::move(directory)), incoming_(std::move(incoming)) {}

  [[nodiscard]] bool renew(const Sha256& content);
  [[nodiscard]] Result<UniqueFd> open_unchecked(const Sha256& content) const;
  [[nodiscard]] static Result<std::uint64_t> look_through(int fd, const Sha256& content);
  [[nodiscard]] Result<UniqueFd> create_incoming(const std::string& name);
  [[nodiscard]] Result<Sha256> keep(const std::string& name, int fd, const Sha256& content);
  [[nodiscard]] Result<void> sync_contents(const std::vector<Sha256>& contents) const;
  [[nodiscard]] Result<void> give_names(const std::vector<Sha256>& contents) const;
  [[nodiscard]] Result<void> for_each(
      const std::function<Result<void>(int shard, const std::string& name, const Sha256& content)>&
          visit) const;

  UniqueFd directory_;
  UniqueFd incoming_;
  std::atomic<std::uint64_t> next_incoming_ = 1;
  std::atomic<bool> may_clone_ = true;  ///< Until the file system says that it cannot.
  std::optional<Error> failure_;        ///< Of a sync().
  std::mutex sync_mutex_;  ///< Held for a whole sync(): who waits for it finds all durable.
  std::mutex incoming_mutex_;
  std::vector<Sha256> put_since_sync_;
  std::mutex
      age_mutex_;  ///< Between the look at a content's age and its removal it gets no younger.
  mutable std::mutex work_mutex_;
  std::multiset<std::int64_t> work_began_ns_;  ///< Of all that is under way, by the files' clock.
};

}  // namespace tinkerbell

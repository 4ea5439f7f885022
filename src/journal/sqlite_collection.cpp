#include "journal/sqlite_collection.hpp"

#include "journal/families.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

/// What one piece looks at, so that a commit that waits meanwhile waits for milliseconds.
constexpr std::uint32_t kTasksAtOnce = 1'000;
constexpr std::size_t kBytesAtOnce = 1 << 20;
constexpr std::size_t kLinksAtOnce = 256;
constexpr std::size_t kFilesAtOnce = 1'000;

class SqliteCollection final : public StoreCollection {
 public:
  SqliteCollection(const CollectedParts& parts, const Retention& retention)
      : parts_(parts), retention_(retention) {}

  [[nodiscard]] Result<void> begin();

  [[nodiscard]] Result<bool> collect_more() override;

  [[nodiscard]] const Collected& so_far() const override { return collected_; }

 private:
  /// What is left of removed commits, and the seal in front of it.
  struct Removed {
    Link link;
    Sha256 before;
  };

  enum class Step : std::uint8_t { look, mark, sweep, forget, files, done };

  [[nodiscard]] Result<void> next_piece();
  [[nodiscard]] Result<void> look();
  [[nodiscard]] Result<void> mark();
  [[nodiscard]] Result<void> mark_some();
  [[nodiscard]] Result<void> sweep();
  [[nodiscard]] Result<void> sweep_some();
  [[nodiscard]] Result<void> pass(const Link& link);
  [[nodiscard]] Result<void> take_out_of(const Link& commit, const Sha256& before);
  [[nodiscard]] Result<void> put_back(Link left, const Sha256& before);
  [[nodiscard]] Result<void> note_removed(Link left, const Sha256& before);
  [[nodiscard]] Result<void> let_go(const PackedRecord& packed);
  [[nodiscard]] Result<void> forget();
  [[nodiscard]] Result<void> remove_files();
  [[nodiscard]] Result<void> list_files();

  template <class Work>
  [[nodiscard]] Result<void> in_transaction(Work work);
  [[nodiscard]] Result<void> checked(Result<void> done);

  CollectedParts parts_;
  Retention retention_;
  Collected collected_;
  Step step_ = Step::look;

  Families families_;
  TaskId looked_at_ = kNoTask;  ///< Up to here.
  std::vector<TaskHead> to_mark_;
  std::unordered_set<TaskId> leaving_;
  std::map<Sha256, std::int64_t> would_go_;  ///< In a dry run: uses of blobs.
  Lsn last_leaving_{0};                      ///< No record of theirs is behind it.
  LinkPlace place_ = SealChain::kFront;      ///< No row up to here has records of theirs.
  Sha256 seal_;                              ///< Of the link there.
  std::optional<Removed> removed_;           ///< That link, if it is one.
  std::vector<fs::path> unused_files_;       ///< Of blobs whose rows the current piece takes away.
  std::vector<std::string> files_;           ///< In the directory, not looked at yet.

  SqliteStatement leave_;
  SqliteStatement remove_head_;
  SqliteStatement raise_meta_;
  SqliteStatement remove_row_;
  SqliteStatement insert_row_;
};

Result<void> SqliteCollection::begin() {
  for (const TaskId task : retention_.keep)
    families_.keep(task);
  for (auto [statement, sql] :
       {std::pair{&leave_, "INSERT INTO leaving (task, head) VALUES (?1, ?2)"},
        {&remove_head_, "DELETE FROM tasks WHERE id = ?1 AND ended = 1"},
        {&raise_meta_, "UPDATE meta SET value = max(value, ?2) WHERE key = ?1"},
        {&remove_row_, "DELETE FROM commits WHERE first_lsn = ?1"},
        {&insert_row_,
         "INSERT INTO commits (first_lsn, last_lsn, body, seal) VALUES (?1, ?2, ?3, ?4)"}}) {
    Result<SqliteStatement> prepared = parts_.database.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = *std::move(prepared);
  }
  const auto left = parts_.database.prepare("SELECT task, head FROM leaving");
  if (!left) return left.error();
  SqliteQuery row(*left);
  for (;;) {  // of a collection that was broken off
    const Result<bool> found = row.next();
    if (!found) return found.error();
    if (!*found) return {};
    leaving_.insert(TaskId{static_cast<std::uint64_t>(row.integer(0))});
    last_leaving_ = std::max(last_leaving_, Lsn{static_cast<std::uint64_t>(row.integer(1))});
  }
}

Result<bool> SqliteCollection::collect_more() {
  if (parts_.blobs.is_in_use()) {
    return Error{Errc::conflict,
                 "the journal is being copied or verified: nothing is removed meanwhile"};
  }
  if (Result<void> done = next_piece(); !done) return done.error();
  return step_ == Step::done;
}

Result<void> SqliteCollection::next_piece() {
  switch (step_) {
    case Step::look:
      return look();
    case Step::mark:
      return mark();
    case Step::sweep:
      return sweep();
    case Step::forget:
      return forget();
    case Step::files:
      return remove_files();
    case Step::done:
      return {};
  }
  return {};
}

/// A family that has ended stays ended: only a task that lives can begin another one in it. So what
/// is decided here holds, whatever is appended meanwhile.
Result<void> SqliteCollection::look() {
  const Result<std::vector<TaskHead>> heads = parts_.tasks.after(looked_at_, kTasksAtOnce);
  if (!heads) return heads.error();
  for (const TaskHead& head : *heads)
    families_.add(head);
  if (!heads->empty()) looked_at_ = heads->back().task;
  if (heads->size() == kTasksAtOnce) return {};
  to_mark_ = families_.ended_before(retention_.ended_before);
  collected_.tasks = to_mark_.size();
  for (const TaskHead& head : to_mark_) {
    leaving_.insert(head.task);
    collected_.gone.insert(head.task);
    last_leaving_ = std::max(last_leaving_, head.head);
  }
  step_ = retention_.dry_run ? Step::sweep : Step::mark;
  return {};
}

Result<void> SqliteCollection::mark() {
  if (Result<void> marked = in_transaction([this] { return mark_some(); }); !marked) return marked;
  to_mark_.resize(to_mark_.size() - std::min<std::size_t>(to_mark_.size(), kTasksAtOnce));
  if (to_mark_.empty()) step_ = Step::sweep;
  return {};
}

/// From the back. Their numbers are never given again.
Result<void> SqliteCollection::mark_some() {
  const std::size_t count = std::min<std::size_t>(to_mark_.size(), kTasksAtOnce);
  for (std::size_t i = to_mark_.size() - count; i < to_mark_.size(); ++i) {
    const TaskHead& head = to_mark_[i];
    if (Result<void> removed = SqliteQuery(remove_head_, stored(head.task)).run(); !removed) {
      return removed;
    }
    TINKERBELL_ASSERT(parts_.database.changes() == 1);  // it had not ended
    for (const auto& [key, value] : {std::pair{std::string_view("last_task"), stored(head.task)},
                                     {std::string_view("last_lsn"), stored(head.head)}}) {
      if (Result<void> raised = SqliteQuery(raise_meta_, key, value).run(); !raised) return raised;
    }
    SqliteQuery leave(leave_, stored(head.task), stored(head.head));
    if (Result<void> left = leave.run(); !left) return left;
  }
  return {};
}

Result<void> SqliteCollection::sweep() {
  if (leaving_.empty()) {
    step_ = Step::forget;
    return {};
  }
  if (retention_.dry_run) return sweep_some();
  if (Result<void> swept = in_transaction([this] { return sweep_some(); }); !swept) return swept;
  if (unused_files_.empty()) return {};
  // With durability `process` only this makes sure that the rows are gone before the files are.
  if (Result<void> synced = checked(parts_.database.checkpoint()); !synced) return synced;
  for (const fs::path& file : std::exchange(unused_files_, {}))
    (void)::unlink(file.c_str());  // what stays is found by remove_files()
  return {};
}

Result<void> SqliteCollection::sweep_some() {
  std::size_t bytes = 0;
  for (std::size_t links = 0; links < kLinksAtOnce && bytes < kBytesAtOnce; ++links) {
    const Result<std::optional<Link>> link = parts_.chain.after(place_);
    if (!link) return link.error();
    if (!*link || (*link)->first() > last_leaving_) {
      step_ = Step::forget;
      return {};
    }
    bytes += (*link)->content.size();
    if (Result<void> passed = pass(**link); !passed) return passed;
  }
  return {};
}

Result<void> SqliteCollection::pass(const Link& link) {
  const Sha256 before = std::exchange(seal_, link.seal_or_none());
  place_ = link.at;
  if (link.kind == LinkKind::commit) return take_out_of(link, before);
  removed_.reset();
  if (link.kind == LinkKind::removed) removed_ = {link, before};
  return {};
}

/// One that is damaged, or does not hold, stays as it is, for whoever restores it or looks into it.
Result<void> SqliteCollection::take_out_of(const Link& commit, const Sha256& before) {
  const bool sealed = parts_.chain.covers(commit.at);
  const auto leaves = [this](const PackedRecord& packed) {
    return leaving_.contains(packed.record.task);
  };
  const Result<CommitRow> row =
      CommitReader::decoded(commit.first(), commit.last(), commit.content);
  if (!row || std::ranges::none_of(row->records, leaves) ||
      (sealed && !parts_.chain.holds(before, commit))) {
    removed_.reset();
    return {};
  }
  Link left{.at = {}, .content = {}, .seal = {}, .cut = {}};
  for (const PackedRecord& packed : row->records) {
    std::string encoded;
    append_encoded(packed.record, encoded, packed.blob);
    if (leaves(packed)) {
      ++collected_.records;
      collected_.bytes += encoded.size();
      if (Result<void> gone = let_go(packed); !gone) return gone;
      continue;
    }
    if (left.content.empty()) left.at.first = stored(packed.record.lsn);
    left.at.last = stored(packed.record.lsn);
    left.content.append(encoded);
  }
  if (retention_.dry_run) return {};
  parts_.commits.forget(commit.first());
  if (Result<void> removed = SqliteQuery(remove_row_, commit.at.first).run(); !removed) {
    return removed;
  }
  if (sealed) left.seal = commit.seal;
  if (!left.content.empty()) return put_back(std::move(left), before);
  left.kind = LinkKind::removed;
  left.at = commit.at;
  return sealed ? note_removed(std::move(left), before) : Result<void>{};
}

Result<void> SqliteCollection::put_back(Link left, const Sha256& before) {
  removed_.reset();
  if (left.seal) left.cut = parts_.chain.cut_of(before, left);
  place_ = left.at;
  const std::string seal = SealChain::stored_seal(left);
  return SqliteQuery(insert_row_, left.at.first, left.at.last, SqliteBlob{left.content},
                     SqliteBlob{seal})
      .run();
}

/// As one with those in front of it, or there would be as many rows as before.
Result<void> SqliteCollection::note_removed(Link left, const Sha256& before) {
  Removed removed{.link = std::move(left), .before = before};
  if (removed_) {
    removed.link.at.first = removed_->link.at.first;
    removed.before = removed_->before;
    if (Result<void> done = parts_.chain.remove(removed_->link.at); !done) return done;
  }
  removed.link.cut = parts_.chain.cut_of(removed.before, removed.link);
  place_ = removed.link.at;
  removed_ = std::move(removed);
  return parts_.chain.insert(removed_->link);
}

/// The blob of a record that goes.
Result<void> SqliteCollection::let_go(const PackedRecord& packed) {
  if (!packed.blob) return {};
  const Sha256& hash = packed.blob->hash;
  const Result<Blobs::Kept> kept = parts_.blobs.kept(hash);
  if (!kept && kept.error().code == Errc::invalid) return {};  // missing: it cannot go any more
  if (!kept) return kept.error();
  const std::int64_t fewer = retention_.dry_run ? ++would_go_[hash] : 1;
  if (!retention_.dry_run) {
    if (Result<void> gone = parts_.blobs.let_go(hash); !gone) return gone;
  }
  if (kept->uses > fewer) return {};
  ++collected_.blobs;
  collected_.bytes += kept->bytes;
  if (kept->file) unused_files_.push_back(*kept->file);
  return {};
}

Result<void> SqliteCollection::forget() {
  if (!retention_.dry_run && !leaving_.empty()) {
    Result<void> emptied =
        in_transaction([this] { return parts_.database.execute("DELETE FROM leaving"); });
    if (!emptied) return emptied;
  }
  if (Result<void> listed = list_files(); !listed) return listed;
  step_ = Step::files;
  return {};
}

Result<void> SqliteCollection::list_files() {
  std::error_code failed;
  for (fs::directory_iterator at(parts_.blobs.directory(), failed), end; !failed && at != end;
       at.increment(failed)) {
    files_.push_back(at->path().filename().string());
  }
  if (failed && failed.value() != ENOENT) {
    return os_error("list " + parts_.blobs.directory().string(), failed.value());
  }
  return {};
}

/// The writer is here, so no commit is under way that is about to name one of them.
Result<void> SqliteCollection::remove_files() {
  for (std::size_t i = 0; i < kFilesAtOnce && !files_.empty(); ++i) {
    const fs::path file = parts_.blobs.directory() / files_.back();
    const Result<bool> unused = parts_.blobs.is_unused_file(files_.back());
    if (!unused) return unused.error();
    files_.pop_back();
    if (!*unused) continue;
    std::error_code gone;
    const auto bytes = fs::file_size(file, gone);
    if (!gone) collected_.bytes += bytes;
    if (!retention_.dry_run) (void)::unlink(file.c_str());
  }
  if (files_.empty()) step_ = Step::done;
  return {};
}

template <class Work>
Result<void> SqliteCollection::in_transaction(Work work) {
  Result<void> done = parts_.database.execute("BEGIN IMMEDIATE");
  if (done) done = work();
  if (done) done = parts_.database.execute("COMMIT");
  if (!done) {
    (void)parts_.database.execute("ROLLBACK");  // the first error says more
    unused_files_.clear();
  } else if (parts_.database.log_pages() >= kLogPagesMax) {
    done = parts_.database.checkpoint();
  }
  return checked(std::move(done));
}

/// After any error but a full disk nothing may look durable any more.
Result<void> SqliteCollection::checked(Result<void> done) {
  if (!done && done.error().code != Errc::storage_full) parts_.failed(done.error());
  return done;
}

}  // namespace

Result<std::unique_ptr<StoreCollection>> collect_from(const CollectedParts& parts,
                                                      const Retention& retention) {
  auto collection = std::make_unique<SqliteCollection>(parts, retention);
  if (Result<void> begun = collection->begin(); !begun) return begun.error();
  return std::unique_ptr<StoreCollection>(std::move(collection));
}

}  // namespace tinkerbell

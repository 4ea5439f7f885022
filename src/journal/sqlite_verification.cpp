#include "journal/sqlite_verification.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace tinkerbell {

namespace {

/// What one piece looks at, so that a commit that waits meanwhile waits for milliseconds.
constexpr std::size_t kBytesAtOnce = 1 << 20;
constexpr std::size_t kLinksAtOnce = 256;
constexpr std::uint32_t kTasksAtOnce = 1'000;

std::string in_words(Lsn lsn) {
  return std::to_string(number(lsn));
}

std::string in_words(Lsn first, Lsn last) {
  return first == last ? "record " + in_words(first)
                       : "records " + in_words(first) + " to " + in_words(last);
}

class SqliteVerification final : public StoreVerification {
 public:
  SqliteVerification(const VerifiedParts& parts, const Verification& wanted)
      : parts_(parts), wanted_(wanted), in_use_(parts.blobs.in_use()) {
    verified_.sealed_from = parts.chain.from();
    verified_.newest = parts.newest;
    verified_.anchor = parts.anchor;
  }

  [[nodiscard]] Result<bool> verify_more() override;

  [[nodiscard]] const Verified& so_far() const override { return verified_; }

 private:
  enum class Step : std::uint8_t { begin, links, end, tasks, done };

  [[nodiscard]] Result<void> next_piece();
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<void> look_at_links();
  [[nodiscard]] Result<void> look_at(const Link& link);
  [[nodiscard]] Result<void> look_at_records(const Link& commit);
  [[nodiscard]] Result<void> look_at_record(const PackedRecord& packed);
  [[nodiscard]] Result<void> look_at_payload(const PackedRecord& packed);
  void say_of_seal(const Link& link);
  [[nodiscard]] Result<void> look_at_end();
  [[nodiscard]] Result<void> look_at_tasks();
  void look_at_head(const TaskHead& head);
  void look_for_tasks_without_row();

  void found(Lsn lsn, std::string what) { found({}, lsn, std::move(what)); }

  void found(const Record& record, Lsn lsn, std::string what) {
    verified_.damage =
        Damage{.lsn = lsn, .task = record.task, .seq = record.seq, .what = std::move(what)};
  }

  VerifiedParts parts_;
  Verification wanted_;
  std::shared_ptr<void> in_use_;
  Verified verified_;
  Step step_ = Step::begin;

  LinkPlace place_ = SealChain::kFront;  ///< Looked at up to here.
  Sha256 seal_;                          ///< Of the link there.
  Lsn last_{0};                          ///< The last record there.
  std::size_t bytes_ = 0;                ///< In this piece.
  std::unordered_set<TaskId> leaving_;
  std::unordered_map<TaskId, Lsn> heads_;  ///< The newest record of each task.
  std::set<Sha256> payloads_;              ///< That were looked at.
  TaskId looked_at_ = kNoTask;             ///< Tasks up to here.
  std::unordered_set<TaskId> with_row_;
};

Result<bool> SqliteVerification::verify_more() {
  if (Result<void> done = next_piece(); !done) return done.error();
  return verified_.damage || step_ == Step::done;
}

Result<void> SqliteVerification::next_piece() {
  switch (step_) {
    case Step::begin:
      return begin();
    case Step::links:
      return look_at_links();
    case Step::end:
      return look_at_end();
    case Step::tasks:
      return look_at_tasks();
    case Step::done:
      return {};
  }
  return {};
}

/// Of tasks that a collection was about to remove when it was broken off there is any part.
Result<void> SqliteVerification::begin() {
  step_ = Step::links;
  const auto leaving = parts_.database.prepare("SELECT task FROM leaving");
  if (!leaving) return leaving.error();
  SqliteQuery row(*leaving);
  for (;;) {
    const Result<bool> more = row.next();
    if (!more) return more.error();
    if (!*more) return {};
    leaving_.insert(TaskId{static_cast<std::uint64_t>(row.integer(0))});
  }
}

Result<void> SqliteVerification::look_at_links() {
  bytes_ = 0;
  for (std::size_t links = 0; links < kLinksAtOnce && bytes_ < kBytesAtOnce; ++links) {
    const Result<std::optional<Link>> link = parts_.chain.after(place_);
    if (!link && link.error().code == Errc::invalid) {  // a page is damaged
      found(Lsn{number(last_) + 1}, link.error().message);
      return {};
    }
    if (!link) return link.error();
    if (!*link || (*link)->last() > parts_.newest.lsn) {
      step_ = Step::end;
      return {};
    }
    if (Result<void> looked = look_at(**link); !looked || verified_.damage) return looked;
    place_ = (*link)->at;
    seal_ = (*link)->seal_or_none();
    last_ = std::max(last_, (*link)->last());
  }
  return {};
}

/// What is wrong with one record is said of that one, not of its commit.
Result<void> SqliteVerification::look_at(const Link& link) {
  bytes_ += link.content.size();
  const bool in_chain = parts_.chain.covers(link.at) || link.at == parts_.chain.begun();
  const bool holds = !in_chain || parts_.chain.holds(seal_, link);
  const Lsn expected{number(last_) + 1};
  if (!holds && link.first() > expected) {
    found(expected, "is missing (up to " + in_words(Lsn{number(link.first()) - 1}) + "), or " +
                        in_words(link.first(), link.last()) + " changed: the seal is another one");
    return {};
  }
  if (link.kind == LinkKind::commit) {
    if (Result<void> looked = look_at_records(link); !looked || verified_.damage) return looked;
  }
  if (!holds) {
    say_of_seal(link);
    return {};
  }
  if (in_chain && (link.kind == LinkKind::begun || link.kind == LinkKind::accepted)) {
    verified_.notes.push_back(link.content);
  }
  return {};
}

void SqliteVerification::say_of_seal(const Link& link) {
  if (link.kind == LinkKind::removed) {
    found(link.first(), "is missing: that it was removed is not sealed");
  } else if (link.kind != LinkKind::commit) {
    found(link.first(), "what was noted before it is not as it was written");
  } else {
    std::string_view rest = link.content;
    const Result<PackedRecord> first = take_header(rest);
    found(first ? first->record : Record{}, link.first(),
          in_words(link.first(), link.last()) +
              ", one commit, is not what was written behind the commit before it: the seal is "
              "another one");
  }
}

Result<void> SqliteVerification::look_at_records(const Link& commit) {
  std::string_view rest = commit.content;
  Lsn newest{0};
  while (!rest.empty()) {
    const Lsn expected = newest == Lsn{0} ? commit.first() : Lsn{number(newest) + 1};
    const Result<PackedRecord> packed = take_decoded(rest);
    if (!packed) {
      found(expected, packed.error().message);
      return {};
    }
    const Record& record = packed->record;
    const bool ascends = newest == Lsn{0} ? record.lsn == commit.first() : record.lsn > newest;
    if (!ascends || record.lsn > commit.last()) {
      found(record, expected, "record " + in_words(record.lsn) + " stands in its place");
      return {};
    }
    newest = record.lsn;
    if (Result<void> looked = look_at_record(*packed); !looked || verified_.damage) return looked;
  }
  if (newest != commit.last()) {
    found(std::max(commit.first(), Lsn{number(newest) + 1}), "is missing at the end of its commit");
  }
  return {};
}

Result<void> SqliteVerification::look_at_record(const PackedRecord& packed) {
  const Record& record = packed.record;
  Lsn& head = heads_[record.task];
  if (record.previous != head && !leaving_.contains(record.task)) {
    found(record, record.lsn,
          "names record " + in_words(record.previous) +
              " as the one before it of its task, which is " + in_words(head));
    return {};
  }
  head = record.lsn;
  ++verified_.records;
  if (!packed.blob || (wanted_.task != kNoTask && wanted_.task != record.task)) return {};
  return look_at_payload(packed);
}

Result<void> SqliteVerification::look_at_payload(const PackedRecord& packed) {
  if (!payloads_.insert(packed.blob->hash).second) return {};
  const Result<std::string> payload = parts_.blobs.get(*packed.blob);
  if (!payload && payload.error().code != Errc::invalid) return payload.error();
  if (!payload) {
    found(packed.record, packed.record.lsn, "its payload: " + payload.error().message);
    return {};
  }
  bytes_ += payload->size();
  ++verified_.blobs;
  return {};
}

Result<void> SqliteVerification::look_at_end() {
  step_ = Step::tasks;
  if (seal_ != parts_.newest.seal) {
    found(Lsn{number(last_) + 1},
          "is missing: the journal had records up to " + in_words(parts_.newest.lsn));
    return {};
  }
  if (wanted_.anchor.seal.empty()) return {};
  const Result<bool> there = parts_.chain.goes_through(wanted_.anchor);
  if (!there) return there.error();
  if (!*there && wanted_.anchor.lsn > parts_.newest.lsn) {
    found(Lsn{number(last_) + 1},
          "is missing: the journal had records up to " + in_words(wanted_.anchor.lsn));
  } else if (!*there) {
    found(wanted_.anchor.lsn, "is not the record that the given anchor was taken of");
  }
  return {};
}

Result<void> SqliteVerification::look_at_tasks() {
  const Result<std::vector<TaskHead>> heads = parts_.tasks.after(looked_at_, kTasksAtOnce);
  if (!heads && heads.error().code == Errc::invalid) {
    found(Lsn{0}, heads.error().message);
    return {};
  }
  if (!heads) return heads.error();
  for (const TaskHead& head : *heads) {
    look_at_head(head);
    if (verified_.damage) return {};
  }
  if (!heads->empty()) looked_at_ = heads->back().task;
  if (heads->size() == kTasksAtOnce) return {};
  step_ = Step::done;
  look_for_tasks_without_row();
  return {};
}

/// One that was changed since is as its newer records say.
void SqliteVerification::look_at_head(const TaskHead& head) {
  with_row_.insert(head.task);
  if (head.head > parts_.newest.lsn) return;
  const auto newest = heads_.find(head.task);
  if (newest != heads_.end() && newest->second == head.head) return;
  found({.task = head.task}, head.head,
        "its task's row leads to it, and " +
            (newest == heads_.end() ? "the task has no records"
                                    : "the task's newest record is " + in_words(newest->second)));
}

void SqliteVerification::look_for_tasks_without_row() {
  for (const auto& [task, head] : heads_) {
    if (with_row_.contains(task) || leaving_.contains(task)) continue;
    found({.task = task}, head, "is of a task that has no row");
    return;
  }
}

}  // namespace

Result<std::unique_ptr<StoreVerification>> verify(const VerifiedParts& parts,
                                                  const Verification& wanted) {
  return std::unique_ptr<StoreVerification>(std::make_unique<SqliteVerification>(parts, wanted));
}

}  // namespace tinkerbell

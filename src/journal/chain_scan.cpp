#include "journal/chain_scan.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <ranges>
#include <unordered_map>
#include <utility>

namespace tinkerbell {

namespace {

/// Which lsns are still to be looked for, to within a few: a bit for each 64 of them.
class WantedLsns {
 public:
  explicit WantedLsns(Lsn newest) : words_((number(newest) >> (kBucketBits + kWordBits)) + 1) {}

  void add(Lsn lsn) {
    const std::uint64_t bucket = number(lsn) >> kBucketBits;
    words_[bucket >> kWordBits] |= std::uint64_t{1} << (bucket & kWordMask);
  }

  /// No wanted lsn up to `limit` is above it; 0: there is none.
  [[nodiscard]] Lsn bound(Lsn limit) const {
    const std::uint64_t last = number(limit) >> kBucketBits;
    std::uint64_t word = last >> kWordBits;
    std::uint64_t bits = words_[word] & (~std::uint64_t{0} >> (kWordMask - (last & kWordMask)));
    while (bits == 0 && word > 0)
      bits = words_[--word];
    if (bits == 0) return Lsn{0};
    const auto bit = static_cast<std::uint64_t>(std::bit_width(bits) - 1);
    const std::uint64_t bucket = (word << kWordBits) + bit;
    return std::min(limit, Lsn{((bucket + 1) << kBucketBits) - 1});
  }

  /// The first lsn that shares its bit.
  [[nodiscard]] static Lsn begin_of_bucket(Lsn lsn) {
    return Lsn{number(lsn) >> kBucketBits << kBucketBits};
  }

 private:
  static constexpr unsigned kBucketBits = 6;
  static constexpr unsigned kWordBits = 6;
  static constexpr std::uint64_t kWordMask = 63;

  std::vector<std::uint64_t> words_;
};

/// Where a record stands: in which of the rows that were kept, and where in it.
struct Place {
  std::uint32_t row = 0;
  std::uint32_t offset = 0;
};

/// What was found of a task.
struct Chain {
  TaskId task = kNoTask;
  Lsn next{0};                ///< The record that is looked for; 0: none any more.
  std::vector<Place> places;  ///< The newest first.
  std::optional<Error> error{};
};

/// Chains with the rows in which they stand.
class PackedChains final : public StoredChains {
 public:
  PackedChains(std::vector<Chain> chains, std::vector<std::string> rows,
               std::map<Lsn, std::string> blobs)
      : chains_(std::move(chains)), rows_(std::move(rows)), blobs_(std::move(blobs)) {}

  [[nodiscard]] Result<std::vector<Record>> next() override {
    const Chain chain = std::exchange(chains_.at(next_++), {});
    if (chain.error) return *chain.error;
    std::vector<Record> records;
    records.reserve(chain.places.size());
    for (std::size_t i = chain.places.size(); i-- > 0;) {
      if (i >= kAhead) fetch(chain.places[i - kAhead]);
      std::string_view bytes = at(chain.places[i]);
      Result<PackedRecord> packed = take_decoded(bytes);
      if (!packed) return packed.error();
      if (packed->blob) packed->record.payload = std::move(blobs_.at(packed->record.lsn));
      records.push_back(std::move(packed->record));
    }
    return records;
  }

 private:
  /// Memory is slow, and a task's records stand far from each other: they are called for so many
  /// before their turn.
  static constexpr std::size_t kAhead = 12;

  [[nodiscard]] std::string_view at(Place place) const {
    return std::string_view(rows_[place.row]).substr(place.offset);
  }

  void fetch(Place place) const {
    constexpr std::size_t kLine = 64;
    constexpr std::size_t kLines = 4;
    for (std::size_t i = 0; i < kLines; ++i)
      __builtin_prefetch(at(place).data() + i * kLine);
  }

  std::vector<Chain> chains_;
  std::size_t next_ = 0;
  std::vector<std::string> rows_;
  std::map<Lsn, std::string> blobs_;  ///< Payloads, by the lsn of their record.
};

class ChainScan {
 public:
  ChainScan(CommitReader& commits, Blobs& blobs, std::span<const TaskHead> heads)
      : commits_(commits), blobs_(blobs), newest_(newest_of(heads)), wanted_(newest_) {
    for (const TaskHead& head : heads) {
      by_task_.emplace(head.task, chains_.size());
      chains_.push_back({.task = head.task, .next = head.head, .places = {}});
      if (head.head == Lsn{0}) chains_.back().error = broken(chains_.back());
      wanted_.add(head.head);
    }
  }

  [[nodiscard]] Result<std::unique_ptr<StoredChains>> run(
      const std::function<Error(const Error&)>& located);

 private:
  static Lsn newest_of(std::span<const TaskHead> heads) {
    return heads.empty() ? Lsn{0} : std::ranges::max(heads, {}, &TaskHead::head).head;
  }

  static Error broken(const Chain& chain) {
    return {Errc::invalid, "the chain of task " + std::to_string(number(chain.task)) +
                               " breaks at record " + std::to_string(number(chain.next))};
  }

  [[nodiscard]] Result<void> take_row(PackedRow row);
  [[nodiscard]] Result<void> take_record(Chain& chain, const PackedRow::Entry& entry,
                                         std::size_t offset);
  void give_up(Lsn first, Lsn last, const Error& why);

  CommitReader& commits_;
  Blobs& blobs_;
  Lsn newest_;
  WantedLsns wanted_;
  std::unordered_map<TaskId, std::size_t> by_task_;
  std::vector<Chain> chains_;
  std::vector<std::string> rows_;
  std::map<Lsn, std::string> payloads_;
};

Result<std::unique_ptr<StoredChains>> ChainScan::run(
    const std::function<Error(const Error&)>& located) {
  Lsn bound = wanted_.bound(newest_);
  while (bound != Lsn{0}) {
    Result<std::optional<PackedRow>> row = commits_.packed_row_before(bound);
    Lsn first = WantedLsns::begin_of_bucket(bound);
    if (!row && row.error().code == Errc::invalid) {
      give_up(first, bound, row.error());
    } else if (!row) {
      return row.error();
    } else if (!*row) {
      break;
    } else {
      first = (*row)->first;
      if (Result<void> taken = take_row(*std::move(*row)); !taken) return taken.error();
    }
    if (first <= Lsn{1}) break;
    bound = wanted_.bound(Lsn{number(first) - 1});
  }
  for (Chain& chain : chains_) {
    if (chain.next != Lsn{0} && !chain.error) chain.error = broken(chain);
    if (chain.error) chain.error = located(*chain.error);
  }
  return std::unique_ptr<StoredChains>(
      std::make_unique<PackedChains>(std::move(chains_), std::move(rows_), std::move(payloads_)));
}

/// The newest records first: each leads to the one before it.
Result<void> ChainScan::take_row(PackedRow row) {
  const auto entries = row.entries();
  if (!entries) {
    give_up(row.first, row.last, entries.error());
    return {};
  }
  std::string kept;  // without what belongs to others, which may be nearly all of the row
  std::size_t end = row.body.size();
  for (const PackedRow::Entry& entry : std::views::reverse(*entries)) {
    const std::size_t after = std::exchange(end, entry.offset);
    const auto found = by_task_.find(entry.header.record.task);
    if (found == by_task_.end()) continue;
    Chain& chain = chains_[found->second];
    if (chain.next != entry.header.record.lsn || chain.error) continue;
    if (Result<void> taken = take_record(chain, entry, kept.size()); !taken) return taken;
    kept.append(row.body, entry.offset, after - entry.offset);
    if (chain.next != Lsn{0} && chain.next < row.first) wanted_.add(chain.next);
  }
  if (!kept.empty()) rows_.push_back(std::move(kept));
  return {};
}

/// Into the row that comes next, at `offset`.
Result<void> ChainScan::take_record(Chain& chain, const PackedRow::Entry& entry,
                                    std::size_t offset) {
  const Record& record = entry.header.record;
  if (entry.header.blob) {
    Result<std::string> payload = blobs_.get(*entry.header.blob);
    if (!payload && payload.error().code != Errc::invalid) return payload.error();
    if (payload) {
      payloads_.emplace(record.lsn, *std::move(payload));
    } else {
      chain.error = payload.error().with("record " + std::to_string(number(record.lsn)));
    }
  }
  chain.places.push_back({.row = static_cast<std::uint32_t>(rows_.size()),
                          .offset = static_cast<std::uint32_t>(offset)});
  chain.next = record.kind == RecordKind::snapshot ? Lsn{0} : record.previous;
  if (chain.next >= record.lsn) chain.error = broken(chain);
  return {};
}

/// Those that need a record in what cannot be read.
void ChainScan::give_up(Lsn first, Lsn last, const Error& why) {
  for (Chain& chain : chains_) {
    if (chain.next >= first && chain.next <= last && !chain.error) chain.error = why;
  }
}

}  // namespace

Result<std::unique_ptr<StoredChains>> scan_chains(
    CommitReader& commits, Blobs& blobs, std::span<const TaskHead> heads,
    const std::function<Error(const Error&)>& located) {
  return ChainScan(commits, blobs, heads).run(located);
}

}  // namespace tinkerbell

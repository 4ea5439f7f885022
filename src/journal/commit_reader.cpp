#include "journal/commit_reader.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

constexpr std::size_t kCacheBytesMax = 8 << 20;
constexpr Lsn kNewest{std::numeric_limits<std::int64_t>::max()};

Error damaged(Lsn row, std::string_view what) {
  return {Errc::invalid, "commit " + std::to_string(number(row)) + ": " + std::string(what)};
}

/// Goes through the records of a row. `take` takes the next one off and returns its lsn.
template <class Take>
Result<void> read_row(Lsn first, Lsn last, std::string_view body, Take take) {
  Lsn newest{0};
  while (!body.empty()) {
    const Result<Lsn> lsn = take(body);
    if (!lsn) return damaged(first, lsn.error().message);
    // Some may be missing: those of tasks that were removed.
    const bool ascends = newest == Lsn{0} ? *lsn == first : *lsn > newest;
    if (!ascends || *lsn > last) return damaged(first, "holds records of another commit");
    newest = *lsn;
  }
  if (newest != last) return damaged(first, "records are missing");
  return {};
}

}  // namespace

Result<std::vector<PackedRow::Entry>> PackedRow::entries() const {
  constexpr std::size_t kRecordBytesUsual = 150;
  std::vector<Entry> entries;
  entries.reserve(body.size() / kRecordBytesUsual + 1);
  const Result<void> read = read_row(first, last, body, [&](std::string_view& rest) -> Result<Lsn> {
    const std::size_t offset = body.size() - rest.size();
    Result<PackedRecord> header = take_header(rest);
    if (!header) return header.error();
    return entries.emplace_back(*std::move(header), offset).header.record.lsn;
  });
  if (!read) return read.error();
  return entries;
}

const PackedRecord* CommitRow::find(Lsn lsn) const {
  const auto lsn_of = [](const PackedRecord& each) { return each.record.lsn; };
  const auto found = std::ranges::lower_bound(records, lsn, {}, lsn_of);
  return found != records.end() && lsn_of(*found) == lsn ? &*found : nullptr;
}

Result<CommitReader> CommitReader::on(SqliteConnection& database) {
  Result<SqliteStatement> find = database.prepare(
      "SELECT first_lsn, last_lsn, body FROM commits WHERE first_lsn <= ?1 "
      "ORDER BY first_lsn DESC LIMIT 1");
  if (!find) return find.error();
  return CommitReader(*std::move(find));
}

Result<std::shared_ptr<const CommitRow>> CommitReader::row_with(Lsn lsn) {
  const auto after = cache_.upper_bound(lsn);
  if (after != cache_.begin() && lsn <= std::prev(after)->second->last()) {
    return std::prev(after)->second;
  }
  auto row = read(lsn);
  if (!row) return row;
  if (*row == nullptr || lsn > (*row)->last()) return damaged(lsn, "is missing");
  keep(*row);
  return row;
}

Result<std::shared_ptr<const CommitRow>> CommitReader::newest() {
  return read(kNewest);
}

Result<std::shared_ptr<const CommitRow>> CommitReader::read(Lsn lsn) {
  SqliteQuery query(find_, stored(lsn));
  const Result<bool> found = query.next();
  if (!found) return found.error();
  if (!*found) return std::shared_ptr<const CommitRow>{};
  const auto first = static_cast<std::uint64_t>(query.integer(0));
  const auto last = static_cast<std::uint64_t>(query.integer(1));
  Result<CommitRow> row = decoded(Lsn{first}, Lsn{last}, query.blob(2));
  if (!row) return row.error();
  return std::make_shared<const CommitRow>(*std::move(row));
}

Result<CommitRow> CommitReader::decoded(Lsn first, Lsn last, std::string_view body) {
  CommitRow row{.records = {}, .bytes = body.size()};
  const Result<void> read = read_row(first, last, body, [&](std::string_view& rest) -> Result<Lsn> {
    Result<PackedRecord> packed = take_decoded(rest);
    if (!packed) return packed.error();
    return row.records.emplace_back(*std::move(packed)).record.lsn;
  });
  if (!read) return read.error();
  row.bytes += row.records.size() * sizeof(PackedRecord);
  return row;
}

Result<std::optional<PackedRow>> CommitReader::packed_row_before(Lsn lsn) {
  SqliteQuery query(find_, stored(lsn));
  const Result<bool> found = query.next();
  if (!found) return found.error();
  if (!*found) return std::optional<PackedRow>{};
  return PackedRow{.first = Lsn{static_cast<std::uint64_t>(query.integer(0))},
                   .last = Lsn{static_cast<std::uint64_t>(query.integer(1))},
                   .body = std::string(query.blob(2))};
}

void CommitReader::forget(Lsn first) {
  const auto found = cache_.find(first);
  if (found == cache_.end()) return;
  cached_bytes_ -= found->second->bytes;
  cache_.erase(found);
}

void CommitReader::keep(std::shared_ptr<const CommitRow> row) {
  if (cached_bytes_ + row->bytes > kCacheBytesMax) {  // rare, and cheaper than an order of use
    cache_.clear();
    cached_bytes_ = 0;
  }
  cached_bytes_ += row->bytes;
  cache_.emplace(row->first(), std::move(row));
}

}  // namespace tinkerbell

#include "journal/commit_reader.hpp"

namespace tinkerbell {

namespace {

constexpr std::size_t kCacheBytesMax = 8 << 20;
constexpr Lsn kNewest{std::numeric_limits<std::int64_t>::max()};

Error damaged(Lsn row, std::string_view what) {
  return {Errc::invalid, "commit " + std::to_string(number(row)) + ": " + std::string(what)};
}

Result<CommitRow> decoded(Lsn first, Lsn last, std::string_view body) {
  CommitRow row{.records = {}, .bytes = body.size()};
  for (Lsn expected = first; !body.empty(); expected = Lsn{number(expected) + 1}) {
    Result<Record> record = take_decoded(body);
    if (!record) return damaged(first, record.error().message);
    if (record->lsn != expected) return damaged(first, "holds records of another commit");
    row.records.push_back(*std::move(record));
  }
  if (row.records.empty() || row.last() != last) return damaged(first, "records are missing");
  row.bytes += row.records.size() * sizeof(Record);
  return row;
}

}  // namespace

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
  SqliteQuery query(find_, static_cast<std::int64_t>(number(lsn)));
  const Result<bool> found = query.next();
  if (!found) return found.error();
  if (!*found) return std::shared_ptr<const CommitRow>{};
  const auto first = static_cast<std::uint64_t>(query.integer(0));
  const auto last = static_cast<std::uint64_t>(query.integer(1));
  Result<CommitRow> row = decoded(Lsn{first}, Lsn{last}, query.blob(2));
  if (!row) return row.error();
  return std::make_shared<const CommitRow>(*std::move(row));
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

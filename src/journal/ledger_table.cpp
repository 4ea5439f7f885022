#include "journal/ledger_table.hpp"

#include "tinkerbell/base/hash.hpp"

namespace tinkerbell {

namespace {

constexpr std::string_view kPut =
    "INSERT INTO ledger (root, day, model, spent, crc) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
    "(root, day, model) DO UPDATE SET spent = ?4, crc = ?5";
constexpr std::string_view kOne =
    "SELECT root, day, model, spent, crc FROM ledger WHERE root = ?1 AND day = ?2 AND model = ?3";
constexpr std::string_view kOfRoots =
    "SELECT root, day, model, spent, crc FROM ledger WHERE root BETWEEN ?1 AND ?2 AND day BETWEEN "
    "?3 AND ?4 ORDER BY root, day, model";

/// Over all values, with a separator that no number contains; text is preceded by its length.
std::uint32_t crc_of(const LedgerLine& line, std::string_view spent) {
  std::string bytes;
  const auto add = [&](auto value) { bytes.append(std::to_string(value)).push_back(' '); };
  add(stored(line.root));
  add(line.day);
  add(line.model.size());
  bytes.append(line.model).append(spent);
  return crc32c(bytes);
}

Result<void> execute(const SqliteStatement& statement, const LedgerLine& line) {
  const std::string spent = canonical_bytes(line.spent);
  SqliteQuery query(statement, stored(line.root), line.day, line.model, SqliteBlob{spent},
                    std::int64_t{crc_of(line, spent)});
  return query.run();
}

Result<LedgerLine> line_in(const SqliteQuery& row) {
  LedgerLine line{.root = TaskId{static_cast<std::uint64_t>(row.integer(0))},
                  .day = row.integer(1),
                  .model = row.text(2),
                  .spent = {}};
  const std::string_view spent = row.blob(3);
  if (row.integer(4) != std::int64_t{crc_of(line, spent)}) {
    return Error{Errc::invalid, "what task " + std::to_string(number(line.root)) +
                                    " spent on day " + std::to_string(line.day) + ": wrong crc"};
  }
  Result<Spending> read = from_canonical<Spending>(spent);
  if (!read) return read.error();
  line.spent = *read;
  return line;
}

/// Hands each line of the answer to `use`.
template <class Use>
Result<void> for_each_line(SqliteQuery& query, Use use) {
  for (;;) {
    const Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row) return {};
    Result<LedgerLine> line = line_in(query);
    if (!line) return line.error();
    use(*std::move(line));
  }
}

}  // namespace

Result<LedgerTable> LedgerTable::on(SqliteConnection& database) {
  LedgerTable table;
  for (auto [statement, sql] :
       {std::pair{&table.put_, kPut}, {&table.one_, kOne}, {&table.of_roots_, kOfRoots}}) {
    Result<SqliteStatement> prepared = database.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = *std::move(prepared);
  }
  return table;
}

Result<void> LedgerTable::add(const Charge& charge) {
  LedgerLine sum{
      .root = charge.root, .day = utc_day(charge.at), .model = charge.model, .spent = {}};
  {
    SqliteQuery query(one_, stored(sum.root), sum.day, sum.model);
    Result<void> read = for_each_line(query, [&](LedgerLine line) { sum = std::move(line); });
    if (!read) return read;
  }
  sum.spent += charge.spent;
  return execute(put_, sum);
}

Result<Spending> LedgerTable::total(TaskId root) {
  const Result<std::vector<LedgerLine>> found = lines({.root = root});
  if (!found) return found.error();
  Spending sum;
  for (const LedgerLine& line : *found)
    sum += line.spent;
  return sum;
}

Result<std::vector<LedgerLine>> LedgerTable::lines(const LedgerRange& range) {
  std::vector<LedgerLine> lines;
  const bool all = range.root == kNoTask;
  SqliteQuery query(of_roots_, all ? std::int64_t{0} : stored(range.root),
                    all ? std::numeric_limits<std::int64_t>::max() : stored(range.root),
                    range.first_day, range.last_day);
  Result<void> read =
      for_each_line(query, [&](LedgerLine line) { lines.push_back(std::move(line)); });
  if (!read) return read.error();
  return lines;
}

}  // namespace tinkerbell

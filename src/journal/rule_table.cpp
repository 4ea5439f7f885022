#include "journal/rule_table.hpp"

#include "tinkerbell/base/hash.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace tinkerbell {

namespace {

constexpr std::string_view kPrefix = "rule/";
constexpr std::size_t kCrcDigits = 8;

std::string key_of(std::uint64_t number) {
  return std::string(kPrefix) + std::to_string(number);
}

/// Over the key too: no rule takes the place of another.
std::string crc_of(std::string_view key, std::string_view body) {
  std::array<char, kCrcDigits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", crc32c(body, crc32c(key)));
  return digits.data();
}

Result<KeptRule> rule_in(const SqliteQuery& row) {
  const std::string key = row.text(0);
  const std::string_view value = row.blob(1);
  KeptRule rule;
  const char* const end = key.data() + key.size();
  const auto [stopped, failed] = std::from_chars(key.data() + kPrefix.size(), end, rule.number);
  const bool whole = failed == std::errc() && stopped == end && value.size() >= kCrcDigits;
  if (whole) rule.body = value.substr(kCrcDigits);
  if (!whole || value.substr(0, kCrcDigits) != crc_of(key, rule.body)) {
    return Error{Errc::invalid, "standing " + key + ": wrong crc"};
  }
  return rule;
}

}  // namespace

Result<RuleTable> RuleTable::on(SqliteConnection& database) {
  RuleTable table;
  for (auto [statement, sql] :
       {std::pair{&table.all_,
                  "SELECT key, value FROM meta WHERE key >= 'rule/' AND key < 'rule0'"},
        {&table.put_,
         "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2"},
        {&table.remove_, "DELETE FROM meta WHERE key = ?1"}}) {
    Result<SqliteStatement> prepared = database.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = *std::move(prepared);
  }
  return table;
}

Result<std::vector<KeptRule>> RuleTable::all() {
  std::vector<KeptRule> rules;
  SqliteQuery query(all_);
  for (;;) {
    const Result<bool> row = query.next();
    if (!row) return row.error();
    if (!*row) break;
    Result<KeptRule> rule = rule_in(query);
    if (!rule) return rule.error();
    rules.push_back(*std::move(rule));
  }
  std::ranges::sort(rules, {}, &KeptRule::number);
  return rules;
}

Result<void> RuleTable::put(const KeptRule& rule) {
  const std::string key = key_of(rule.number);
  const std::string value = crc_of(key, rule.body) + rule.body;
  return SqliteQuery(put_, std::string_view(key), SqliteBlob{value}).run();
}

Result<void> RuleTable::remove(std::uint64_t number) {
  const std::string key = key_of(number);
  return SqliteQuery(remove_, std::string_view(key)).run();
}

}  // namespace tinkerbell

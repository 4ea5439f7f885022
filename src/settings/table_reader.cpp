#include "settings/table_reader.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tinkerbell::settings {

namespace {

/// How many letters two words differ in at most, to be taken for the same word misspelt.
constexpr std::size_t kMisspeltMax = 2;

std::uint32_t line_of(const toml::source_region& source) {
  return std::max<std::uint32_t>(source.begin.line, 1);
}

std::string_view name_of_type(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
  }
}

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};

constexpr std::array kUnits = {Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"m", 60'000},
                               Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};

constexpr std::int64_t kDurationMax = 3'650LL * 86'400'000;  // ten years, in milliseconds

std::optional<Milliseconds> duration_from(std::string_view text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  const auto* const unit = std::ranges::find(kUnits, std::string_view(rest, end), &Unit::name);
  if (error != std::errc{} || unit == kUnits.end()) return std::nullopt;
  if (count < 1 || count > kDurationMax / unit->milliseconds) return std::nullopt;
  return Milliseconds{count * unit->milliseconds};
}

struct ByteUnit {
  std::string_view name;
  unsigned shift;  ///< A power of two.
};

constexpr std::array kByteUnits = {ByteUnit{"KiB", 10}, ByteUnit{"MiB", 20}, ByteUnit{"GiB", 30},
                                   ByteUnit{"TiB", 40}};

constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 60;

std::optional<std::uint64_t> bytes_from(std::string_view text) {
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  const auto* const unit =
      std::ranges::find(kByteUnits, std::string_view(rest, end), &ByteUnit::name);
  if (error != std::errc{} || unit == kByteUnits.end()) return std::nullopt;
  if (count < 1 || count > kBytesMax >> unit->shift) return std::nullopt;
  return count << unit->shift;
}

/// A number as it stands in the file, as far as a double keeps it: to 15 digits.
std::string decimal(const toml::node& node) {
  if (const auto* const integer = node.as_integer()) return std::to_string(integer->get());
  const auto* const number = node.as_floating_point();
  if (number == nullptr) return {};
  std::array<char, 400> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(),
                                          number->get(), std::chars_format::fixed);
  return {digits.data(), error == std::errc{} ? end : digits.data()};
}

std::optional<std::vector<std::string>> strings_from(const toml::node& node) {
  const toml::array* const array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::vector<std::string> strings;
  for (const toml::node& each : *array) {
    const auto* const string = each.as_string();
    if (string == nullptr) return std::nullopt;
    strings.push_back(string->get());
  }
  return strings;
}

std::optional<std::vector<std::vector<std::string>>> lists_from(const toml::node& node) {
  const toml::array* const array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::vector<std::vector<std::string>> lists;
  for (const toml::node& each : *array) {
    std::optional<std::vector<std::string>> list = strings_from(each);
    if (!list) return std::nullopt;
    lists.push_back(*std::move(list));
  }
  return lists;
}

}  // namespace

// ---- Problems ----

void Problems::add(std::uint32_t line, std::string text) {
  if (line >= line_) return;
  line_ = line;
  text_ = std::move(text);
}

Error Problems::first() const {
  return {Errc::invalid, source_name_ + ":" + std::to_string(line_) + ": " + visible_line(text_)};
}

// ---- TableReader ----

const toml::node* TableReader::find(std::string_view key) {
  known_.emplace_back(key);
  return table_.get(key);
}

bool TableReader::has(std::string_view key) {
  return find(key) != nullptr;
}

std::optional<std::string> TableReader::text(std::string_view key) {
  const toml::node* const node = find(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* const string = node->as_string()) return string->get();
  reject_type(key, "a string");
  return std::nullopt;
}

void TableReader::read(std::string_view key, std::string& into) {
  if (std::optional<std::string> value = text(key)) into = *std::move(value);
}

void TableReader::read(std::string_view key, std::vector<std::string>& into) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  std::optional<std::vector<std::string>> strings = strings_from(*node);
  if (!strings || strings->empty()) return reject(key, "must be an array of strings, not empty");
  into = *std::move(strings);
}

void TableReader::read(std::string_view key, std::vector<std::vector<std::string>>& into) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  std::optional<std::vector<std::vector<std::string>>> lists = lists_from(*node);
  if (!lists || lists->empty() || std::ranges::any_of(*lists, &std::vector<std::string>::empty)) {
    return reject(key, "must be an array of arrays of strings, none of them empty");
  }
  into = *std::move(lists);
}

void TableReader::read(std::string_view key, std::uint32_t& into, std::uint32_t min,
                       std::uint32_t max) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  const auto* const integer = node->as_integer();
  if (integer == nullptr) return reject_type(key, "an integer");
  const std::int64_t value = integer->get();
  if (value < min || value > max) {
    return reject(key, "must be from " + std::to_string(min) + " to " + std::to_string(max) +
                           ", not " + std::to_string(value));
  }
  into = static_cast<std::uint32_t>(value);
}

void TableReader::read(std::string_view key, Milliseconds& into) {
  const std::optional<std::string> value = text(key);
  if (!value) return;
  const std::optional<Milliseconds> duration = duration_from(*value);
  if (!duration) {
    return reject(key, R"(must be a duration like "250ms", "30s", "5m", "2h" or "1d", not ")" +
                           *value + "\"");
  }
  into = *duration;
}

void TableReader::read(std::string_view key, bool& into) {
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  const auto* const boolean = node->as_boolean();
  if (boolean == nullptr) return reject_type(key, "true or false");
  into = boolean->get();
}

void TableReader::read_bytes(std::string_view key, std::uint64_t& into) {
  const std::optional<std::string> value = text(key);
  if (!value) return;
  const std::optional<std::uint64_t> bytes = bytes_from(*value);
  if (!bytes) {
    return reject(key, R"(must be a size like "64KiB", "256MiB" or "4GiB", not ")" + *value + "\"");
  }
  into = *bytes;
}

void TableReader::read(std::string_view key, Money& into) {
  constexpr int kDecimalsMax = 6;
  const toml::node* const node = find(key);
  if (node == nullptr) return;
  if (!node->is_number()) return reject_type(key, "a number");
  const Result<Money> amount = Money::parse(decimal(*node), kDecimalsMax);
  if (!amount) return reject(key, "must be an amount: " + amount.error().message);
  into = *amount;
}

void TableReader::read_path(std::string_view key, std::string& into) {
  std::optional<std::string> value = text(key);
  if (!value) return;
  if (!value->starts_with('/') || value->contains('\0')) {
    return reject(key, "must be an absolute path, not \"" + *value + "\"");
  }
  into = *std::move(value);
}

void TableReader::read_mode(std::string_view key, std::uint32_t& into) {
  const std::optional<std::string> value = text(key);
  if (!value) return;
  const char* const end = value->data() + value->size();
  std::uint32_t mode = 0;
  const auto [rest, error] = std::from_chars(value->data(), end, mode, 8);
  if (error != std::errc{} || rest != end || mode > 0777) {
    return reject(key, "must be permission bits like \"0660\", not \"" + *value + "\"");
  }
  into = mode;
}

const toml::table* TableReader::table(std::string_view key) {
  const toml::node* const node = find(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) reject_type(key, "a table");
  return node->as_table();
}

const toml::array* TableReader::tables(std::string_view key) {
  const toml::node* const node = find(key);
  if (node == nullptr) return nullptr;
  if (node->is_array_of_tables()) return node->as_array();
  reject_type(key, "an array of tables");
  return nullptr;
}

void TableReader::reject(std::string_view key, std::string_view what) {
  const toml::node* const node = table_.get(key);
  problems_.add(line_of(node != nullptr ? node->source() : table_.source()),
                "\"" + std::string(key) + "\" in " + title_ + " " + std::string(what));
}

void TableReader::reject_type(std::string_view key, std::string_view expected) {
  reject(key, "must be " + std::string(expected) + ", not " +
                  std::string(name_of_type(*table_.get(key))));
}

void TableReader::reject_unknown_keys() {
  for (const auto& [key, node] : table_) {
    if (std::ranges::find(known_, key.str()) != known_.end()) continue;
    std::string text = "unknown key \"" + std::string(key.str()) + "\" in " + title_;
    if (const std::string_view near = nearest_known(key.str()); !near.empty()) {
      text += ": did you mean \"" + std::string(near) + "\"?";
    }
    problems_.add(line_of(key.source()), std::move(text));
  }
}

std::string_view TableReader::nearest_known(std::string_view key) const {
  std::string_view nearest;
  std::size_t least = kMisspeltMax + 1;
  for (const std::string& known : known_) {
    // Longer differences are no misspellings, and a hostile key must not cost time.
    if (key.size() > known.size() + kMisspeltMax) continue;
    const std::size_t distance = edit_distance(key, known);
    if (distance < least && distance < known.size()) {
      least = distance;
      nearest = known;
    }
  }
  return nearest;
}

}  // namespace tinkerbell::settings

#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/error.hpp"
#include "tinkerbell/base/money.hpp"
#include "tinkerbell/base/names.hpp"

#include <toml++/toml.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::settings {

/// What is wrong with a config file. All of it is looked for; what stands first is reported.
class Problems {
 public:
  explicit Problems(std::string_view source_name) : source_name_(source_name) {}

  /// `line` counts from 1.
  void add(std::uint32_t line, std::string text);

  [[nodiscard]] bool empty() const { return line_ == kNowhere; }

  /// "tinkerbell.toml:12: …"
  [[nodiscard]] Error first() const;

 private:
  static constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();

  std::string source_name_;
  std::uint32_t line_ = kNowhere;
  std::string text_;
};

/// Reads one table. A key that is absent leaves its variable as it is; one that nobody asked for is
/// a problem, found when the reader goes. Refers to the table and the problems.
class TableReader {
 public:
  /// `title` as people know it: "[models.default]".
  TableReader(const toml::table& table, std::string title, Problems& problems)
      : table_(table), title_(std::move(title)), problems_(problems) {}

  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;

  ~TableReader() { reject_unknown_keys(); }

  void read(std::string_view key, std::string& into);
  void read(std::string_view key, std::vector<std::string>& into);
  void read(std::string_view key, std::vector<std::vector<std::string>>& into);

  /// An integer from `min` to `max`.
  void read(std::string_view key, std::uint32_t& into, std::uint32_t min, std::uint32_t max);

  /// "250ms", "30s", "5m", "2h" or "1d", more than nothing.
  void read(std::string_view key, Milliseconds& into);

  void read(std::string_view key, bool& into);

  /// "64KiB", "256MiB", "4GiB" or "1TiB", more than nothing.
  void read_bytes(std::string_view key, std::uint64_t& into);

  /// Says whether the key is there and names one.
  template <Named E>
  bool read(std::string_view key, E& into) {
    std::optional<std::string> name = text(key);
    if (!name) return false;
    if (const std::optional<E> value = value_named<E>(*name)) {
      into = *value;
      return true;
    }
    std::string choices;
    for (const std::string_view each : kNames<E>)
      choices += (choices.empty() ? "" : ", ") + std::string(each);
    reject(key, "must be one of " + choices + ", not \"" + *name + "\"");
    return false;
  }

  /// An amount from 0 with up to six decimals: 2, 0.25.
  void read(std::string_view key, Money& into);

  /// An absolute path.
  void read_path(std::string_view key, std::string& into);

  /// Permission bits as a string: "0660".
  void read_mode(std::string_view key, std::uint32_t& into);

  [[nodiscard]] bool has(std::string_view key);

  /// The table of this key, or nothing.
  [[nodiscard]] const toml::table* table(std::string_view key);

  /// The array of tables of this key ([[policy.rule]]), or nothing.
  [[nodiscard]] const toml::array* tables(std::string_view key);

  /// Adds a problem: `what` follows the key's name ("must be …"), at its line if it is there.
  void reject(std::string_view key, std::string_view what);

 private:
  const toml::node* find(std::string_view key);
  std::optional<std::string> text(std::string_view key);
  void reject_type(std::string_view key, std::string_view expected);
  void reject_unknown_keys();
  [[nodiscard]] std::string_view nearest_known(std::string_view key) const;

  const toml::table& table_;
  std::string title_;
  Problems& problems_;
  std::vector<std::string> known_;
};

}  // namespace tinkerbell::settings

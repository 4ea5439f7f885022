#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/money.hpp"

#include <cstdint>
#include <limits>
#include <string>

namespace tinkerbell {

/// What a family of tasks used.
struct Spending {
  std::uint64_t calls = 0;            ///< Attempts that were charged.
  std::uint64_t calls_estimated = 0;  ///< Of those: nobody knows what they used; charged at what
                                      ///< was reserved.
  std::uint64_t calls_unpriced = 0;   ///< Of those: their model has no price; in tokens only.
  std::uint64_t tokens_in = 0;        ///< All that was read, cached or not.
  std::uint64_t tokens_in_cached = 0;
  std::uint64_t tokens_in_cache_write = 0;
  std::uint64_t tokens_out = 0;
  Money cost;
  std::uint64_t tasks = 0;  ///< Begun by others of the family, if their number has a bound.
  Milliseconds time{0};     ///< That model calls and programs worked, as far as it is known.

  /// What would be more than a field can hold stays at the most that it can.
  Spending& operator+=(const Spending& other);

  bool operator==(const Spending&) const = default;

  static constexpr auto fields() {
    return described(field("calls", &Spending::calls),
                     field("calls_estimated", &Spending::calls_estimated),
                     field("calls_unpriced", &Spending::calls_unpriced),
                     field("tokens_in", &Spending::tokens_in),
                     field("tokens_in_cached", &Spending::tokens_in_cached),
                     field("tokens_in_cache_write", &Spending::tokens_in_cache_write),
                     field("tokens_out", &Spending::tokens_out), field("cost", &Spending::cost),
                     field("tasks", &Spending::tasks), field("time_ms", &Spending::time));
  }
};

/// One attempt, or several: goes into the ledger with the records that say so.
struct Charge {
  TaskId root = kNoTask;  ///< The task from which its family comes; never kNoTask.
  WallTime at{};          ///< Its day in UTC counts.
  std::string model;
  Spending spent;
};

/// A line of the ledger: all that a family spent on a model in a day.
struct LedgerLine {
  TaskId root = kNoTask;
  std::int64_t day = 0;  ///< Since 1970-01-01, in UTC.
  std::string model;
  Spending spent;

  bool operator==(const LedgerLine&) const = default;
};

/// Which lines.
struct LedgerRange {
  TaskId root = kNoTask;  ///< kNoTask: of all.
  std::int64_t first_day = std::numeric_limits<std::int64_t>::min();
  std::int64_t last_day = std::numeric_limits<std::int64_t>::max();  ///< This one too.
};

/// The day of a time in UTC, as the ledger counts: since 1970-01-01, below 0 before it.
[[nodiscard]] std::int64_t utc_day(WallTime time);

}  // namespace tinkerbell

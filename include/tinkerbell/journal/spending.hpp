#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/money.hpp"

#include <cstdint>
#include <limits>
#include <string>

namespace tinkerbell {

/// What a family of tasks used, money or people's time.
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
  std::uint64_t tasks = 0;      ///< Begun by others of the family, if their number has a bound.
  Milliseconds time{0};         ///< That model calls and programs worked, as far as it is known.
  std::uint64_t questions = 0;  ///< To people.
  std::uint64_t accepted = 0;   ///< How often its changes were accepted; see AcceptedWork.

  /// What would be more than a field can hold stays at the most that it can.
  Spending& operator+=(const Spending& other);

  bool operator==(const Spending&) const = default;

  static constexpr auto fields() {
    return described(
        field("calls", &Spending::calls), field("calls_estimated", &Spending::calls_estimated),
        field("calls_unpriced", &Spending::calls_unpriced),
        field("tokens_in", &Spending::tokens_in),
        field("tokens_in_cached", &Spending::tokens_in_cached),
        field("tokens_in_cache_write", &Spending::tokens_in_cache_write),
        field("tokens_out", &Spending::tokens_out), field("cost", &Spending::cost),
        field("tasks", &Spending::tasks), field("time_ms", &Spending::time),
        field("questions", &Spending::questions), field("accepted", &Spending::accepted));
  }
};

/// Under which number the ledger has what a share of a family's budget was used for, besides under
/// the family's own: one that no durable task has, so that sums over all families leave it out.
[[nodiscard]] constexpr TaskId share_in_ledger(TaskId task) {
  return TaskId{number(task) | kVolatileBit};
}

/// One attempt, or several: goes into the ledger with the records that say so.
struct Charge {
  TaskId root = kNoTask;  ///< The task from which its family comes, or share_in_ledger(); never
                          ///< kNoTask.
  WallTime at{};          ///< Its day in UTC counts.
  std::string model;
  Spending spent;
};

/// Whether a charge says something of what people were asked or have accepted.
[[nodiscard]] inline bool counts_for_people(const Charge& charge) {
  return charge.spent.questions > 0 || charge.spent.accepted > 0;
}

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
  TaskId root = kNoTask;  ///< kNoTask: of all families.
  std::int64_t first_day = std::numeric_limits<std::int64_t>::min();
  std::int64_t last_day = std::numeric_limits<std::int64_t>::max();  ///< This one too.
};

/// Families whose changes people have accepted, and what that has taken.
struct AcceptedWork {
  std::uint64_t tasks = 0;
  std::uint64_t questions = 0;     ///< That they asked, before and since.
  std::int64_t since_unix_ns = 0;  ///< When the first of them was accepted.

  /// One of them has `after` spent so much, and had `before`.
  void count(const Spending& before, const Spending& after, WallTime at);

  bool operator==(const AcceptedWork&) const = default;

  static constexpr auto fields() {
    return described(field("tasks", &AcceptedWork::tasks),
                     field("questions", &AcceptedWork::questions),
                     field("since_unix_ns", &AcceptedWork::since_unix_ns));
  }
};

/// The day of a time in UTC, as the ledger counts: since 1970-01-01, below 0 before it.
[[nodiscard]] std::int64_t utc_day(WallTime time);

}  // namespace tinkerbell

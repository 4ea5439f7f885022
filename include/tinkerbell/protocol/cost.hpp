#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Amounts of money are decimal texts ("0.0375"), in the currency of the configured prices.
namespace tinkerbell::protocol {

/// What tasks used, and what that cost.
struct SpendingView {
  std::uint64_t calls = 0;
  std::uint64_t calls_estimated = 0;  ///< Of those: what they used is not known; charged as much as
                                      ///< was held back for them.
  std::uint64_t calls_unpriced = 0;   ///< Of those: their model has no price.
  std::uint64_t tokens_in = 0;
  std::uint64_t tokens_in_cached = 0;       ///< Part of those.
  std::uint64_t tokens_in_cache_write = 0;  ///< Likewise.
  std::uint64_t tokens_out = 0;
  std::string cost;
  std::uint64_t tasks = 0;    ///< Begun by others of their family, if their number has a bound.
  std::uint64_t time_ms = 0;  ///< That model calls and programs worked, as far as it is known.

  static constexpr auto fields() {
    return described(field("calls", &SpendingView::calls),
                     field("calls_estimated", &SpendingView::calls_estimated),
                     field("calls_unpriced", &SpendingView::calls_unpriced),
                     field("tokens_in", &SpendingView::tokens_in),
                     field("tokens_in_cached", &SpendingView::tokens_in_cached),
                     field("tokens_in_cache_write", &SpendingView::tokens_in_cache_write),
                     field("tokens_out", &SpendingView::tokens_out),
                     field("cost", &SpendingView::cost), field("tasks", &SpendingView::tasks),
                     field("time_ms", &SpendingView::time_ms));
  }

  bool operator==(const SpendingView&) const = default;
};

/// GET /v1/tasks/{id}/budget: what a task and all of its family may use together, and have used. Of
/// a task that has ended: as it was then.
struct BudgetView {
  static constexpr std::string_view kSchema = "tinkerbell.budget/1";

  std::string schema{kSchema};
  TaskId task = kNoTask;
  TaskId root = kNoTask;                ///< From which its family comes.
  std::optional<std::string> cost;      ///< Absent: without a bound.
  std::optional<std::uint64_t> tokens;  ///< In and out; absent: without a bound.
  std::string on_limit;                 ///< "ask" or "stop".
  SpendingView spent;
  std::optional<std::uint64_t> calls;    ///< Of models; absent: without a bound.
  std::optional<std::uint64_t> tasks;    ///< That come from the root; likewise.
  std::optional<std::uint64_t> time_ms;  ///< That model calls and programs work; likewise.

  static constexpr auto fields() {
    return described(field("schema", &BudgetView::schema), field("task", &BudgetView::task),
                     field("root", &BudgetView::root), field("cost", &BudgetView::cost),
                     field("tokens", &BudgetView::tokens), field("on_limit", &BudgetView::on_limit),
                     field("spent", &BudgetView::spent), field("calls", &BudgetView::calls),
                     field("tasks", &BudgetView::tasks), field("time_ms", &BudgetView::time_ms));
  }

  bool operator==(const BudgetView&) const = default;
};

/// POST /v1/tasks/{id}/budget → the BudgetView then.
struct BudgetRaiseRequest {
  std::string add_cost;  ///< "1.00"; empty: nothing.
  std::uint64_t add_tokens = 0;
  std::uint64_t add_calls = 0;
  std::uint64_t add_tasks = 0;
  std::uint64_t add_time_ms = 0;

  static constexpr auto fields() {
    return described(field("add_cost", &BudgetRaiseRequest::add_cost),
                     field("add_tokens", &BudgetRaiseRequest::add_tokens),
                     field("add_calls", &BudgetRaiseRequest::add_calls),
                     field("add_tasks", &BudgetRaiseRequest::add_tasks),
                     field("add_time_ms", &BudgetRaiseRequest::add_time_ms));
  }

  bool operator==(const BudgetRaiseRequest&) const = default;
};

/// How costs are summed up.
inline constexpr auto kCostKeys = std::to_array<std::string_view>({"day", "model", "task"});

struct CostLine {
  std::string key;  ///< The day (UTC, "2026-11-02"), the alias of the model, or the id of the task
                    ///< from which a family comes.
  SpendingView spent;

  static constexpr auto fields() {
    return described(field("key", &CostLine::key), field("spent", &CostLine::spent));
  }

  bool operator==(const CostLine&) const = default;
};

/// GET /v1/costs?by=day&days=30&task=12: the newest day or task first, models by name.
struct CostReport {
  static constexpr std::string_view kSchema = "tinkerbell.costs/1";
  static constexpr std::size_t kLinesMax = 1'000;
  static constexpr std::uint64_t kDays = 30;  ///< Unless it is said.
  static constexpr std::uint64_t kDaysMax = 36'500;

  std::string schema{kSchema};
  std::string by;
  std::vector<CostLine> lines;
  bool more = false;  ///< There are more lines than kLinesMax; the total has them.
  SpendingView total;

  static constexpr auto fields() {
    return described(field("schema", &CostReport::schema), field("by", &CostReport::by),
                     field("lines", &CostReport::lines), field("more", &CostReport::more),
                     field("total", &CostReport::total));
  }

  bool operator==(const CostReport&) const = default;
};

}  // namespace tinkerbell::protocol

#include "control/views.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/protocol/cost.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <ranges>

namespace tinkerbell::control {

Milliseconds milliseconds(std::uint64_t count) {
  constexpr std::uint64_t kMost = std::numeric_limits<Milliseconds::rep>::max();
  return Milliseconds{static_cast<Milliseconds::rep>(std::min(count, kMost))};
}

namespace {

protocol::SpendingView view_of(const Spending& spent) {
  return {.calls = spent.calls,
          .calls_estimated = spent.calls_estimated,
          .calls_unpriced = spent.calls_unpriced,
          .tokens_in = spent.tokens_in,
          .tokens_in_cached = spent.tokens_in_cached,
          .tokens_in_cache_write = spent.tokens_in_cache_write,
          .tokens_out = spent.tokens_out,
          .cost = spent.cost.text(),
          .tasks = spent.tasks,
          .time_ms = static_cast<std::uint64_t>(spent.time.count())};
}

Spending sum_of(const std::vector<LedgerLine>& lines) {
  Spending sum;
  for (const LedgerLine& line : lines)
    sum += line.spent;
  return sum;
}

std::string date_of(std::int64_t day) {
  return rfc3339(WallTime{std::chrono::days{day}}).substr(0, 10);
}

/// Of some families only what people were asked is known.
bool has_used_anything(Spending spent) {
  spent.questions = spent.accepted = 0;
  return spent != Spending{};
}

/// Lines by what they are summed up by, the newest or the first one first.
protocol::CostReport report_of(const std::vector<LedgerLine>& lines, std::string by) {
  std::map<std::pair<std::int64_t, std::string>, Spending> sums;
  for (const LedgerLine& line : lines) {
    if (!has_used_anything(line.spent)) continue;
    if (by == "day") {
      sums[{-line.day, date_of(line.day)}] += line.spent;
    } else if (by == "task") {
      const auto root = number(line.root);
      sums[{-static_cast<std::int64_t>(root), std::to_string(root)}] += line.spent;
    } else if (!line.model.empty()) {  // what used no model
      sums[{0, line.model}] += line.spent;
    }
  }
  protocol::CostReport report{.by = std::move(by),
                              .lines = {},
                              .more = sums.size() > protocol::CostReport::kLinesMax,
                              .total = view_of(sum_of(lines))};
  for (const auto& [key, spent] : sums | std::views::take(protocol::CostReport::kLinesMax))
    report.lines.push_back({key.second, view_of(spent)});
  return report;
}

void answer_with_report(Context& context, const Request& request, const LedgerRange& range,
                        const std::string& by) {
  context.parts.journal.read_ledger(
      range, Completion<std::vector<LedgerLine>>([&context, request,
                                                  by](Result<std::vector<LedgerLine>> lines) {
        if (!lines) return request.fail(lines.error());
        context.parts.pool.run<protocol::CostReport>(
            [lines = *std::move(lines), by] { return report_of(lines, by); },
            Completion<protocol::CostReport>([request](const Result<protocol::CostReport>& report) {
              report ? request.answer(*report) : request.fail(report.error());
            }));
      }));
}

}  // namespace

void get_costs(Context& context, Request request) {
  std::string by = request.query_text("by");
  if (by.empty()) by = "day";
  if (std::ranges::find(protocol::kCostKeys, by) == protocol::kCostKeys.end()) {
    return request.fail({Errc::invalid, "by: must be day, model or task, not \"" + by + "\""});
  }
  const auto days =
      request.query_number("days", protocol::CostReport::kDays, protocol::CostReport::kDaysMax);
  if (!days) return request.fail(days.error());
  const auto task = request.query_number("task", 0, ~kVolatileBit);
  if (!task) return request.fail(task.error());
  if (*task == 0) {
    const std::int64_t today = utc_day(context.parts.clock.wall());
    const auto back = static_cast<std::int64_t>(*days);
    return answer_with_report(context, request, {.first_day = today - back + 1}, by);
  }
  find_task(context, TaskId{*task},
            Completion<protocol::TaskView>(
                [&context, request, by](const Result<protocol::TaskView>& view) {
                  if (!view) return request.fail(view.error());
                  answer_with_report(context, request, {.root = view->root}, by);
                }));
}

namespace {

protocol::BudgetView view_of(const Budget& budget, const protocol::TaskView& task) {
  return {.task = task.id,
          .root = task.root,
          .cost = budget.cost ? std::optional(budget.cost->text()) : std::nullopt,
          .tokens = budget.tokens,
          .on_limit = budget.asks ? "ask" : "stop",
          .spent = {},
          .calls = budget.calls,
          .tasks = budget.tasks,
          .time_ms = budget.time.transform(
              [](Milliseconds time) { return static_cast<std::uint64_t>(time.count()); })};
}

/// What the newest record says that has the budget in it.
Result<Budget> budget_in(const std::vector<Record>& records) {
  for (const Record& record : std::views::reverse(records)) {
    if (record.kind == RecordKind::signal) {
      const Result<SignalPayload> signal = from_canonical<SignalPayload>(record.payload);
      if (!signal) return signal.error();
      if (signal->signal == Signal::budget && signal->budget) return *signal->budget;
    } else if (record.kind == RecordKind::task) {
      const Result<TaskPayload> task = from_canonical<TaskPayload>(record.payload);
      return task ? Result<Budget>(task->budget) : task.error();
    }
  }
  return Error{Errc::not_found, "it has no records"};
}

void answer_with_budget(Context& context, const Request& request, protocol::BudgetView view) {
  context.parts.journal.read_ledger(
      {.root = view.root},
      Completion<std::vector<LedgerLine>>(
          [request, view = std::move(view)](const Result<std::vector<LedgerLine>>& lines) mutable {
            if (!lines) return request.fail(lines.error());
            view.spent = view_of(sum_of(*lines));
            request.answer(view);
          }));
}

void find_budget(Context& context, const Request& request, const protocol::TaskView& task) {
  if (const std::optional<Budget> budget = context.parts.calls.budget_of(task.id)) {
    return answer_with_budget(context, request, view_of(*budget, task));
  }
  context.parts.journal.read_records(  // it has ended
      task.id, Completion<std::vector<Record>>(
                   [&context, request, task](const Result<std::vector<Record>>& records) {
                     const Result<Budget> budget =
                         records ? budget_in(*records) : Result<Budget>(records.error());
                     if (!budget) return request.fail(budget.error());
                     answer_with_budget(context, request, view_of(*budget, task));
                   }));
}

}  // namespace

void get_budget(Context& context, Request request) {
  find_task(
      context, TaskId{request.id()},
      Completion<protocol::TaskView>([&context, request](const Result<protocol::TaskView>& task) {
        task ? find_budget(context, request, *task) : request.fail(task.error());
      }));
}

void post_budget(Context& context, Request request) {
  const Result<protocol::BudgetRaiseRequest> wanted = request.body<protocol::BudgetRaiseRequest>();
  if (!wanted) return request.fail(wanted.error());
  const Result<Money> cost = Money::parse(wanted->add_cost.empty() ? "0" : wanted->add_cost);
  if (!cost) return request.fail(cost.error().with("add_cost"));
  const BudgetRaise raise{.cost = *cost,
                          .tokens = wanted->add_tokens,
                          .calls = wanted->add_calls,
                          .tasks = wanted->add_tasks,
                          .time = milliseconds(wanted->add_time_ms)};
  if (raise == BudgetRaise{}) {
    return request.fail(
        {Errc::invalid,
         "nothing is to be added: add_cost, add_tokens, add_calls, add_tasks or add_time_ms"});
  }
  context.parts.calls.raise_budget(
      TaskId{request.id()}, raise, request.person(),
      Completion<Budget>([&context, request](const Result<Budget>& raised) {
        raised ? get_budget(context, request) : request.fail(raised.error());
      }));
}

}  // namespace tinkerbell::control

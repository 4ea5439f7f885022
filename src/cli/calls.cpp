#include "cli/calls.hpp"

#include "cli/print.hpp"
#include "cli/table.hpp"

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tinkerbell::cli {

namespace {

constexpr std::size_t kDayColumns = 10;   // "2026-11-22" of an RFC 3339 time,
constexpr std::size_t kTimeColumns = 12;  // and "20:33:35.123"

std::string_view day_of(std::string_view time) {
  return time.substr(0, kDayColumns);
}

std::string_view clock_of(std::string_view time) {
  return time.size() > kDayColumns ? time.substr(kDayColumns + 1, kTimeColumns) : "";
}

/// "0.000012".
std::string seconds_text(std::uint64_t microseconds) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%llu.%06llu",
                static_cast<unsigned long long>(microseconds / 1'000'000),
                static_cast<unsigned long long>(microseconds % 1'000'000));
  return text.data();
}

std::string percent_text(std::uint64_t part, std::uint64_t whole) {
  const double percent =
      whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.2f", percent);
  return text.data();
}

bool failed(const protocol::StepView& step) {
  return step.state == "failed" || step.state == "denied";
}

/// An older daemon does not tell calls.
std::string call_text(const protocol::StepView& step) {
  return step.call ? visible_line(*step.call)
                   : visible_line(step.command) + "(" + visible_line(step.line) + ")";
}

std::string result_text(const protocol::StepView& step) {
  return " = " + visible_line(step.result.value_or(step.outcome)) + " <" +
         seconds_text(microseconds_of(step)) + ">\n";
}

}  // namespace

std::uint64_t microseconds_of(const protocol::StepView& step) {
  return step.waited_us + step.duration_us;
}

bool is_over(const protocol::StepView& step) {
  return step.state == "done" || failed(step);
}

// ---- lines ----

void CallLines::begun(TaskId task, const protocol::StepView& step) {
  begin_line(task, step.asked);
  out_ << call_text(step);
  out_.flush();
  open_ = {task, step.seq};
  under_way_.insert(*open_);
}

void CallLines::finished(TaskId task, const protocol::StepView& step) {
  const Call call{task, step.seq};
  const bool was_shown = under_way_.erase(call) != 0;
  if (open_ == call) {
    open_.reset();
  } else if (was_shown) {
    begin_line(task, step.ended);
    out_ << "<... " << visible_line(step.command) << " resumed>";
  } else {
    begin_line(task, step.asked);
    out_ << call_text(step);
  }
  out_ << result_text(step);
  out_.flush();
}

void CallLines::noted(TaskId task, std::string_view words) {
  leave_open_line();
  out_ << std::string(kTimeColumns + 1, ' ') << "[" << task_name(task) << "] " << words << "\n";
  out_.flush();
}

/// A change of the day is told.
void CallLines::begin_line(TaskId task, std::string_view time) {
  leave_open_line();
  if (!day_.empty() && day_of(time) != day_)
    out_ << "--- " << visible_line(day_of(time)) << " ---\n";
  day_ = day_of(time);
  out_ << visible_line(clock_of(time)) << " [" << task_name(task) << "] ";
}

void CallLines::leave_open_line() {
  if (open_) out_ << " <unfinished ...>\n";
  open_.reset();
  out_.flush();
}

// ---- JSON ----

void CallJson::finished(TaskId task, const protocol::StepView& step) {
  Json json = to_json_value(step);
  json["task"] = number(task);
  out_ << dump_json(json) << "\n";
  out_.flush();
}

// ---- counts ----

void CallSummary::begun(TaskId task, const protocol::StepView& step) {
  under_way_.emplace(task, step.seq);
}

void CallSummary::finished(TaskId task, const protocol::StepView& step) {
  under_way_.erase({task, step.seq});
  const std::uint64_t took = microseconds_of(step);
  Count& count = counts_[step.command];
  ++count.calls;
  count.errors += failed(step) ? 1U : 0U;
  count.total_us += took;
  count.longest_us = std::max(count.longest_us, took);
  count.answered_us += step.answered_us;
}

std::vector<std::pair<std::string, CallSummary::Count>> CallSummary::by_time() const {
  std::vector<std::pair<std::string, Count>> sorted(counts_.begin(), counts_.end());
  std::ranges::sort(sorted, [](const auto& left, const auto& right) {
    return std::pair(right.second.total_us, left.first) <
           std::pair(left.second.total_us, right.first);
  });
  return sorted;
}

CallSummary::Count CallSummary::all() const {
  Count all;
  for (const auto& [command, count] : counts_) {
    all.calls += count.calls;
    all.errors += count.errors;
    all.total_us += count.total_us;
    all.longest_us = std::max(all.longest_us, count.longest_us);
    all.answered_us += count.answered_us;
  }
  return all;
}

std::string CallSummary::text() const {
  Table table({"% TIME", "TOTAL s", "MEAN s", "LONGEST s", "CALLS", "ERRORS", "COMMAND"});
  table.align_right(6);
  const Count all = this->all();
  const auto add = [&](const std::string& command, const Count& count) {
    table.add({percent_text(count.total_us, all.total_us), seconds_text(count.total_us),
               seconds_text(count.calls == 0 ? 0 : count.total_us / count.calls),
               seconds_text(count.longest_us), std::to_string(count.calls),
               count.errors == 0 ? "" : std::to_string(count.errors), command});
  };
  for (const auto& [command, count] : by_time())
    add(command, count);
  add("total", all);
  std::string text = table.text(0);
  if (all.answered_us > 0)
    text += seconds_text(all.answered_us) + " s of it until a person had answered\n";
  if (!under_way_.empty()) text += std::to_string(under_way_.size()) + " under way, not counted\n";
  return text;
}

Json CallSummary::json(TaskId task) const {
  Json commands = Json::array();
  for (const auto& [command, count] : by_time()) {
    commands.push_back({{"command", command},
                        {"calls", count.calls},
                        {"errors", count.errors},
                        {"total_us", count.total_us},
                        {"mean_us", count.total_us / count.calls},
                        {"longest_us", count.longest_us},
                        {"waited_us", count.answered_us}});
  }
  return {{"schema", "tinkerbell.strace/1"},
          {"task", number(task)},
          {"under_way", under_way_.size()},
          {"commands", std::move(commands)}};
}

// ---- the filter ----

void CallFilter::begun(TaskId task, const protocol::StepView& step) {
  const std::scoped_lock lock(mutex_);
  if (ended_ || !wants(step.command) || finished_.contains({task, step.seq})) return;
  if (begun_.emplace(task, step.seq).second) sink_.begun(task, step);
}

void CallFilter::finished(TaskId task, const protocol::StepView& step) {
  const std::scoped_lock lock(mutex_);
  if (ended_ || !wants(step.command)) return;
  if (finished_.emplace(task, step.seq).second) sink_.finished(task, step);
}

void CallFilter::noted(TaskId task, std::string_view words) {
  const std::scoped_lock lock(mutex_);
  if (!ended_) sink_.noted(task, words);
}

void CallFilter::end(const std::function<void()>& last) {
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  last();
}

bool CallFilter::saw_any() const {
  const std::scoped_lock lock(mutex_);
  return !begun_.empty() || !finished_.empty();
}

bool CallFilter::wants(std::string_view command) const {
  return only_.empty() || std::ranges::any_of(only_, [&](const std::string& name) {
           return command == name || command.starts_with(name + ".");
         });
}

}  // namespace tinkerbell::cli

#pragma once

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/journal/store.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace tinkerbell {

/// What a MemoryStore holds, apart from the store itself, so that it outlives a "crash": another
/// store on the same memory is the daemon's next run. Everything appended is durable at once.
struct StoreMemory {
  std::vector<Record> records;  ///< By lsn, which counts from 1.
  std::map<TaskId, TaskHead> tasks;
  Epoch epoch{0};
  ApprovalId last_approval = kNoApproval;
  /// With the number of records that were there with it.
  std::vector<std::pair<std::size_t, Charge>> charges;
  /// What became of standing rules, with the number of records that were there with it; without a
  /// body: it was removed.
  std::vector<std::pair<std::size_t, KeptRule>> rules;
  std::string store_id = "0123456789abcdef0123456789abcdef";
  std::optional<Error> full;        ///< What appends are told, and it has no reserve.
  std::optional<Error> unreadable;  ///< What is told who looks for a task.
  std::set<TaskId> damaged;         ///< Their records.

  void keep(const Batch& batch) {
    for (const Record& record : batch.records) {
      TINKERBELL_ASSERT(number(record.lsn) == records.size() + 1);
      records.push_back(record);
    }
    for (const TaskHead& head : batch.heads)
      tasks.insert_or_assign(head.task, head);
    last_approval = std::max(last_approval, batch.last_approval);
    for (const Charge& charge : batch.charges)
      charges.emplace_back(records.size(), charge);
    for (const KeptRule& rule : batch.rules)
      rules.emplace_back(records.size(), rule);
  }

  /// As if only the first so many records had become durable, and what was charged with them: not
  /// what came with one that had not.
  void forget_after(std::size_t count) {
    records.resize(std::min(count, records.size()));
    std::map<TaskId, TaskHead> known;
    for (const Record& record : records) {
      TaskHead& head = known.insert_or_assign(record.task, tasks.at(record.task)).first->second;
      if (head.head != record.lsn) head.rest.reset();
      head.head = record.lsn;
      head.ended = record.kind == RecordKind::done;
    }
    tasks = std::move(known);
    std::erase_if(charges, [count](const auto& each) { return each.first > count; });
    std::erase_if(rules, [count](const auto& each) { return each.first > count; });
  }
};

/// A Store that answers as the real one does, without a disk. Not thread-safe, like every Store:
/// with a Journal on it, look inside only once that has ended.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::shared_ptr<StoreMemory> memory = std::make_shared<StoreMemory>())
      : memory_(std::move(memory)) {
    memory_->epoch = Epoch{std::to_underlying(memory_->epoch) + 1};
    state_ = {.epoch = memory_->epoch,
              .last_lsn = Lsn{memory_->records.size()},
              .last_task = memory_->tasks.empty() ? kNoTask : memory_->tasks.rbegin()->first,
              .last_approval = memory_->last_approval,
              .store_id = memory_->store_id};
    for (const auto& [id, head] : memory_->tasks) {
      if (!head.ended) free_.emplace(id, WallTime::min());
    }
  }

  /// The next append stores nothing and answers `error`, and so does every later one.
  void fail_next_append(Error error) { planned_failure_ = std::move(error); }

  [[nodiscard]] const std::shared_ptr<StoreMemory>& memory() const { return memory_; }

  /// Appends asked for, failed ones included, and reads of any kind.
  [[nodiscard]] std::size_t appends() const { return appends_; }

  [[nodiscard]] std::size_t reads() const { return reads_; }

  [[nodiscard]] const StoreState& state() const override { return state_; }

  [[nodiscard]] Result<void> append(const Batch& batch) override {
    ++appends_;
    if (failure_) return failure_->with("the store failed before");
    if (planned_failure_) {
      failure_ = std::exchange(planned_failure_, std::nullopt);
      return *failure_;
    }
    if (is_fenced(batch)) {
      failure_ = Error{Errc::conflict, "fenced"};
      return *failure_;
    }
    if (memory_->full) return *memory_->full;
    memory_->keep(batch);
    return {};
  }

  [[nodiscard]] std::vector<KeptRule> kept_rules() const override {
    std::map<std::uint64_t, KeptRule> newest;
    for (const auto& [count, rule] : memory_->rules)
      newest.insert_or_assign(rule.number, rule);
    std::vector<KeptRule> kept;
    for (const auto& [number, rule] : newest) {
      if (!rule.body.empty()) kept.push_back(rule);
    }
    return kept;
  }

  [[nodiscard]] Result<void> remove_rule(std::uint64_t number) override {
    if (failure_) return *failure_;
    memory_->rules.emplace_back(memory_->records.size(), KeptRule{.number = number, .body = {}});
    return {};
  }

  [[nodiscard]] Result<std::vector<TaskHead>> claim(std::uint32_t limit, WallTime now) override {
    if (failure_) return *failure_;
    std::vector<TaskHead> claimed;
    for (auto at = free_.begin(); at != free_.end() && claimed.size() < limit;) {
      if (at->second <= now) {
        claimed.push_back(memory_->tasks.at(at->first));
        at = free_.erase(at);
      } else {
        ++at;
      }
    }
    return claimed;
  }

  [[nodiscard]] Result<void> release(TaskId task, std::optional<WallTime> due) override {
    if (failure_) return *failure_;
    const auto found = memory_->tasks.find(task);
    const bool lives = found != memory_->tasks.end() && !found->second.ended;
    if (lives) free_.try_emplace(task, due.value_or(WallTime::min()));
    return {};
  }

  /// Another store on the same memory has taken it over.
  [[nodiscard]] Result<std::optional<Milliseconds>> renew() override {
    if (!failure_ && memory_->epoch != state_.epoch) failure_ = Error{Errc::conflict, "fenced"};
    if (failure_) return *failure_;
    return std::optional<Milliseconds>{};
  }

  [[nodiscard]] bool has_hint(WallTime now) override {
    return std::ranges::any_of(free_, [now](const auto& each) { return each.second <= now; });
  }

  [[nodiscard]] Result<void> take_reserve() override {
    return memory_->full ? Result<void>(*memory_->full) : Result<void>();
  }

  [[nodiscard]] Result<std::vector<TaskHead>> live_tasks() override {
    ++reads_;
    std::vector<TaskHead> live;
    for (const auto& [id, head] : memory_->tasks) {
      if (!head.ended) live.push_back(head);
    }
    return live;
  }

  [[nodiscard]] Result<std::vector<TaskHead>> tasks(Which which, TaskId before,
                                                    std::uint32_t limit) override {
    ++reads_;
    auto at = before == kNoTask ? memory_->tasks.end() : memory_->tasks.lower_bound(before);
    std::vector<TaskHead> newest;
    while (newest.size() < limit && at != memory_->tasks.begin()) {
      const TaskHead& head = (--at)->second;
      if (which == Which::all || !head.ended) newest.push_back(head);
    }
    return newest;
  }

  [[nodiscard]] Result<TaskHead> task(TaskId id) override {
    ++reads_;
    if (memory_->unreadable) return *memory_->unreadable;
    const auto found = memory_->tasks.find(id);
    if (found == memory_->tasks.end()) {
      return Error{Errc::not_found, "no task " + std::to_string(number(id))};
    }
    return found->second;
  }

  [[nodiscard]] Result<std::vector<Record>> records(TaskId id) override {
    const Result<TaskHead> head = task(id);
    if (!head) return head.error();
    if (memory_->damaged.contains(id)) return Error{Errc::invalid, "wrong crc"};
    std::vector<Record> chain;
    for (Lsn at = head->head; at != Lsn{0}; at = chain.back().previous)
      chain.push_back(memory_->records[number(at) - 1]);
    std::ranges::reverse(chain);
    return chain;
  }

  [[nodiscard]] Result<std::vector<LedgerLine>> ledger(const LedgerRange& range) override {
    ++reads_;
    std::map<std::tuple<TaskId, std::int64_t, std::string>, Spending> sums;
    for (const auto& [records, charge] : memory_->charges) {
      const std::int64_t day = utc_day(charge.at);
      const bool of_root =
          range.root == kNoTask ? is_durable(charge.root) : charge.root == range.root;
      const bool wanted = of_root && range.first_day <= day && day <= range.last_day;
      if (wanted) sums[{charge.root, day, charge.model}] += charge.spent;
    }
    std::vector<LedgerLine> lines;
    for (const auto& [key, spent] : sums)
      lines.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), spent});
    return lines;
  }

  [[nodiscard]] AcceptedWork accepted_work() const override {
    AcceptedWork accepted;
    std::map<TaskId, Spending> sums;
    for (const auto& [records, charge] : memory_->charges) {
      Spending& sum = sums[charge.root];
      const Spending before = sum;
      accepted.count(before, sum += charge.spent, charge.at);
    }
    return accepted;
  }

  [[nodiscard]] Result<std::vector<Record>> records_from_snapshot(TaskId id) override {
    Result<std::vector<Record>> all = records(id);
    if (!all) return all;
    const auto is_snapshot = [](const Record& each) { return each.kind == RecordKind::snapshot; };
    const auto behind = std::ranges::find_if(all->rbegin(), all->rend(), is_snapshot);
    if (behind != all->rend()) all->erase(all->begin(), std::prev(behind.base()));
    return all;
  }

 private:
  [[nodiscard]] bool is_fenced(const Batch& batch) const {
    const auto is_ours = [this](const Record& record) { return record.epoch == state_.epoch; };
    const auto is_free = [this](const TaskHead& head) { return free_.contains(head.task); };
    return memory_->epoch != state_.epoch || !std::ranges::all_of(batch.records, is_ours) ||
           std::ranges::any_of(batch.heads, is_free);
  }

  std::shared_ptr<StoreMemory> memory_;
  StoreState state_;
  std::map<TaskId, WallTime> free_;  ///< Of those that live: they are nobody's until then.
  std::optional<Error> planned_failure_;
  std::optional<Error> failure_;
  std::size_t appends_ = 0;
  std::size_t reads_ = 0;
};

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/journal/store.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace tinkerbell {

/// Another store, for tests that change one thing about it.
class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  [[nodiscard]] const StoreState& state() const override { return store_->state(); }

  [[nodiscard]] Result<void> append(const Batch& batch) override { return store_->append(batch); }

  [[nodiscard]] Result<std::vector<TaskHead>> live_tasks() override { return store_->live_tasks(); }

  [[nodiscard]] Result<std::vector<TaskHead>> tasks(Which which, TaskId before,
                                                    std::uint32_t limit) override {
    return store_->tasks(which, before, limit);
  }

  [[nodiscard]] Result<TaskHead> task(TaskId id) override { return store_->task(id); }

  [[nodiscard]] Result<std::vector<Record>> records(TaskId id) override {
    return store_->records(id);
  }

  [[nodiscard]] Result<std::vector<Record>> records_from_snapshot(TaskId id) override {
    return store_->records_from_snapshot(id);
  }

  [[nodiscard]] Result<std::unique_ptr<StoredChains>> records_from_snapshots(
      std::span<const TaskHead> heads) override {
    return store_->records_from_snapshots(heads);
  }

  [[nodiscard]] Result<std::vector<LedgerLine>> ledger(const LedgerRange& range) override {
    return store_->ledger(range);
  }

  [[nodiscard]] AcceptedWork accepted_work() const override { return store_->accepted_work(); }

  [[nodiscard]] std::vector<KeptRule> kept_rules() const override { return store_->kept_rules(); }

  [[nodiscard]] Result<void> remove_rule(std::uint64_t number) override {
    return store_->remove_rule(number);
  }

  [[nodiscard]] Result<std::vector<TaskHead>> claim(std::uint32_t limit, WallTime now) override {
    return store_->claim(limit, now);
  }

  [[nodiscard]] Result<void> release(TaskId task, std::optional<WallTime> due) override {
    return store_->release(task, due);
  }

  [[nodiscard]] Result<std::optional<Milliseconds>> renew() override { return store_->renew(); }

  [[nodiscard]] bool has_hint(WallTime now) override { return store_->has_hint(now); }

  [[nodiscard]] Result<void> take_reserve() override { return store_->take_reserve(); }

  void give_up_reserve(ReservePart part) override { store_->give_up_reserve(part); }

  [[nodiscard]] Result<std::unique_ptr<StoreCopy>> begin_copy(
      const std::filesystem::path& directory) override {
    return store_->begin_copy(directory);
  }

  [[nodiscard]] Result<std::unique_ptr<StoreCollection>> begin_collection(
      const Retention& retention) override {
    return store_->begin_collection(retention);
  }

 private:
  std::unique_ptr<Store> store_;
};

}  // namespace tinkerbell

// The store on a disk that loses what was not synced. A seed is one story: the store is opened,
// batches are appended, some of them to a full disk, and at any write, sync or removal of a file
// the machine loses its power or the process is killed; then it is opened again on what is left,
// some times over.

#include "support/lossy_disk.hpp"
#include "support/memory_store.hpp"
#include "support/seeds.hpp"
#include "unit/journal/sample_records.hpp"

#include "tinkerbell/journal/sqlite_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

constexpr std::uint64_t kShards = 16;  ///< So that they can run side by side.

using Wrong = std::optional<std::string>;

/// What happened in all seeds of a shard: what never happens is not tested.
struct Coverage {
  std::uint64_t in_flight_kept = 0;   ///< Append had not returned; the batch is there.
  std::uint64_t in_flight_lost = 0;   ///< The same; it is not.
  std::uint64_t charges_kept = 0;     ///< Of those that are there: with charges.
  std::uint64_t charges_lost = 0;     ///< Of those that are not.
  std::uint64_t tails_lost = 0;       ///< Appended with durability `process`, then the power went.
  std::uint64_t ends_in_opening = 0;  ///< In the middle of recovery.
  std::uint64_t ends_in_closing = 0;  ///< In the middle of the last checkpoint.
  std::uint64_t long_batches = 0;     ///< Of more than one row.
  std::uint64_t full_disks = 0;
  std::uint64_t refused_kept = 0;  ///< Refused for want of room, and there after all.
  std::uint64_t sectors_torn = 0;
  std::uint64_t database_syncs = 0;
  std::uint64_t anchors = 0;  ///< That were moved on.
};

class Machine {
 public:
  Machine(std::uint64_t seed, Coverage& coverage)
      : dice_(seed),
        disk_(dice_),
        coverage_(coverage),
        durability_(dice_.chance(3) ? Durability::process : Durability::power),
        log_pages_max_(static_cast<int>(4 + dice_.pick(40))),
        samples_{SampleRecords(seed)} {}

  /// What is wrong, if anything is.
  [[nodiscard]] Wrong run() {
    for (std::uint64_t runs = 1 + dice_.pick(2); runs > 0; --runs) {
      disk_.end_at(1 + dice_.pick(dice_.chance(4) ? 20 : 160));
      if (Wrong wrong = live()) return wrong;
      end();
    }
    store_ = nullptr;
    Wrong wrong = open();
    if (!wrong) wrong = append();
    store_ = nullptr;
    coverage_.sectors_torn += disk_.sectors_torn();
    coverage_.database_syncs += disk_.database_syncs();
    return wrong;
  }

 private:
  /// From opening to the planned end, or to closing where that comes first.
  [[nodiscard]] Wrong live() {
    if (Wrong wrong = open()) return wrong;
    for (std::uint64_t appends = dice_.pick(8); appends > 0 && store_ != nullptr; --appends) {
      if (Wrong wrong = append()) return wrong;
    }
    const bool closing = store_ != nullptr;
    store_ = nullptr;
    if (closing && disk_.ended()) ++coverage_.ends_in_closing;
    return {};
  }

  /// Without an open store afterwards, the end has come.
  [[nodiscard]] Wrong open() {
    Result<std::unique_ptr<Store>> opened = open_sqlite_store(home_, durability_, log_pages_max_);
    if (!opened) {
      if (!disk_.ended()) return "it does not open: " + opened.error().message;
      ++coverage_.ends_in_opening;
      return {};
    }
    store_ = *std::move(opened);
    Wrong wrong = check();
    if (!wrong && !store_->claim(Store::kAll, WallTime{})) wrong = "it cannot be claimed";
    return wrong;
  }

  [[nodiscard]] Wrong append() {
    SampleRecords samples = samples_.back();
    samples.set_epoch(epoch_);
    const bool is_long = dice_.chance(200);
    Batch batch = samples.next_batch(/*records_max=*/is_long ? 600 : 5);
    if (dice_.chance(10)) batch.records.front().payload = std::string(dice_.pick(20'000), 'x');
    if (dice_.chance(10)) batch.records.front().payload = noise(dice_.pick(20'000), dice_.next());
    if (is_long) {
      for (Record& record : batch.records)
        record.payload = std::string(4'000, 'y');
      if (batch.records.size() > 300) ++coverage_.long_batches;
    }
    if (dice_.chance(5)) disk_.leave_room(dice_.pick(20'000));
    Result<void> appended = store_->append(batch);
    while (!appended && appended.error().code == Errc::storage_full) {
      ++coverage_.full_disks;
      if (dice_.chance(4)) {  // it ends like this
        refused_ = true;
        store_ = nullptr;
        keep(std::move(batch), std::move(samples));
        return {};
      }
      if (dice_.chance(2)) disk_.make_room();
      appended = store_->append(batch);
    }
    disk_.make_room();
    keep(std::move(batch), std::move(samples));
    if (appended) {
      sure_ = batches_.size();
      return dice_.chance(3) ? move_anchor() : Wrong{};
    }
    store_ = nullptr;
    if (!disk_.ended()) return "append fails: " + appended.error().message;
    return {};
  }

  /// The next opening compares what it finds with it.
  [[nodiscard]] Wrong move_anchor() {
    const Anchor before = store_->anchor();
    if (const auto renewed = store_->renew(); !renewed) return renewed.error().message;
    if (store_->anchor() != before) ++coverage_.anchors;
    return {};
  }

  void keep(Batch batch, SampleRecords samples) {
    batches_.push_back(std::move(batch));
    samples_.push_back(std::move(samples));
  }

  void end() {
    const SuddenEnd how = dice_.chance(4) ? SuddenEnd::kill : SuddenEnd::power_loss;
    const bool tail_may_go = how == SuddenEnd::power_loss && durability_ == Durability::process;
    if (tail_may_go) sure_ = found_;
    disk_.start_again(how);
  }

  /// What was just opened against what was appended.
  [[nodiscard]] Wrong check() {
    const StoreState& state = store_->state();
    if (state.epoch <= epoch_) return "the epoch went back";
    epoch_ = state.epoch;
    if (!store_id_.empty() && state.store_id != store_id_) return "it is another store";
    store_id_ = state.store_id;
    if (Wrong wrong = cut_to(state.last_lsn)) return wrong;
    return compare(state);
  }

  /// Forgets the batches that are not there, if they may be missing.
  [[nodiscard]] Wrong cut_to(Lsn last) {
    const auto ends_there = [last](const Batch& batch) { return batch.records.back().lsn == last; };
    const auto found = std::ranges::find_if(batches_, ends_there);
    if (last != Lsn{0} && found == batches_.end()) {
      return "it ends at record " + std::to_string(number(last)) + ", where no batch ends";
    }
    const std::size_t there =
        last == Lsn{0} ? 0 : static_cast<std::size_t>(found - batches_.begin()) + 1;
    if (there < sure_) {
      return std::to_string(there) + " batches are there, " + std::to_string(sure_) + " must be";
    }
    const bool one_in_flight = batches_.size() == sure_ + 1;
    if (one_in_flight && refused_) {
      // The write that found no room was of a page's last bytes: zeros, as in the file before it.
      if (there > sure_) ++coverage_.refused_kept;
    } else if (one_in_flight) {
      ++(there > sure_ ? coverage_.in_flight_kept : coverage_.in_flight_lost);
      if (!batches_.back().charges.empty()) {
        ++(there > sure_ ? coverage_.charges_kept : coverage_.charges_lost);
      }
    }
    refused_ = false;
    if (batches_.size() > there + 1) ++coverage_.tails_lost;
    batches_.resize(there);
    samples_.erase(samples_.begin() + static_cast<std::ptrdiff_t>(there) + 1, samples_.end());
    sure_ = found_ = there;
    return {};
  }

  [[nodiscard]] Wrong compare(const StoreState& state) {
    const auto memory = std::make_shared<StoreMemory>();
    for (const Batch& batch : batches_)
      memory->keep(batch);
    MemoryStore model(memory);
    if (state.last_task != model.state().last_task) return "ids of tasks would be given twice";
    if (state.last_approval != model.state().last_approval) {
      return "ids of approvals would be given twice";
    }
    if (!same(store_->live_tasks(), model.live_tasks())) return "other tasks live";
    if (!same(store_->tasks(Store::Which::all, kNoTask, 1'000'000),
              model.tasks(Store::Which::all, kNoTask, 1'000'000))) {
      return "the heads are others";
    }
    if (!same(store_->ledger({}), model.ledger({})))
      return "the ledger does not go with the records";
    if (Wrong wrong = verify()) return wrong;
    for (std::uint64_t id = 1; id <= number(state.last_task); ++id) {
      if (!same(store_->records(TaskId{id}), model.records(TaskId{id}))) {
        return "task " + std::to_string(id) + " has other records";
      }
    }
    return {};
  }

  [[nodiscard]] Wrong verify() {
    const auto verification = store_->begin_verification({});
    if (!verification) return verification.error().message;
    for (;;) {
      const Result<bool> all = (*verification)->verify_more();
      if (!all) return all.error().message;
      const std::optional<Damage>& damage = (*verification)->so_far().damage;
      if (damage) return "record " + std::to_string(number(damage->lsn)) + ": " + damage->what;
      if (*all) return {};
    }
  }

  template <class T>
  [[nodiscard]] static bool same(const Result<T>& found, const Result<T>& expected) {
    return found && *found == *expected;
  }

  const std::filesystem::path& home_ = new_lossy_home();
  Dice dice_;
  LossyDisk disk_;
  Coverage& coverage_;
  Durability durability_;
  int log_pages_max_;
  std::unique_ptr<Store> store_;
  std::vector<Batch> batches_;          ///< Appended; the last one perhaps in vain.
  std::vector<SampleRecords> samples_;  ///< What makes the next batch, after so many.
  bool refused_ = false;                ///< The last one was, for want of room.
  std::size_t sure_ = 0;                ///< So many batches must be there,
  std::size_t found_ = 0;               ///< and so many were, when it was last opened.
  Epoch epoch_{0};
  std::string store_id_;
};

class PowerLoss : public testing::TestWithParam<std::uint64_t> {};

std::string repeat(std::uint64_t seed) {
  return how_to_repeat(seed, "*PowerLoss*");
}

TEST_P(PowerLoss, F4_NoSeedLosesOrTearsACommit) {
  const Seeds seeds = seeds_to_run(10'000);
  Coverage coverage;
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    if (seed % kShards != GetParam()) continue;
    name_if_aborted(repeat(seed));
    const Wrong wrong = Machine(seed, coverage).run();
    ASSERT_FALSE(wrong) << "seed " << seed << ": " << *wrong << "\n" << repeat(seed);
  }
  if (seeds.last - seeds.first + 1 < 10'000) return;  // too few to count on
  EXPECT_GT(coverage.in_flight_kept, 20U);
  EXPECT_GT(coverage.in_flight_lost, 20U);
  EXPECT_GT(coverage.charges_kept, 10U);
  EXPECT_GT(coverage.charges_lost, 10U);
  EXPECT_GT(coverage.tails_lost, 4U);
  EXPECT_GT(coverage.ends_in_opening, 20U);
  EXPECT_GT(coverage.ends_in_closing, 4U);
  EXPECT_GT(coverage.long_batches, 0U);
  EXPECT_GT(coverage.full_disks, 20U);
  EXPECT_GT(coverage.sectors_torn, 400U);
  EXPECT_GT(coverage.database_syncs, 400U);
  EXPECT_GT(coverage.anchors, 200U);
}

INSTANTIATE_TEST_SUITE_P(Shard, PowerLoss, testing::Range(std::uint64_t{0}, kShards));

}  // namespace
}  // namespace tinkerbell

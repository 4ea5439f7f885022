#pragma once

#include "tinkerbell/journal/store.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// A new task, with the number of its first record, whose records fill so many bytes of the journal
/// itself: none of their payloads is a blob.
[[nodiscard]] inline Batch long_batch(std::uint64_t first_lsn, std::size_t bytes) {
  constexpr std::size_t kPayloadBytes = 4'096;
  const TaskId task{first_lsn};
  Batch batch;
  for (std::uint64_t lsn = first_lsn; bytes > 0; ++lsn) {
    const std::size_t size = std::min(bytes, kPayloadBytes);
    batch.records.push_back({.lsn = Lsn{lsn},
                             .previous = Lsn{lsn == first_lsn ? 0 : lsn - 1},
                             .task = task,
                             .epoch = Epoch{1},
                             .payload = std::string(size, 'x')});
    bytes -= size;
  }
  batch.heads.push_back(
      {.task = task, .kind = "agent@1", .state = "ready", .head = batch.records.back().lsn});
  return batch;
}

/// Bytes that no compression makes shorter.
[[nodiscard]] inline std::string noise(std::size_t bytes, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::string text(bytes, '\0');
  std::ranges::generate(text, [&random] { return static_cast<char>(random()); });
  return text;
}

/// Makes records and batches as the loop would, from a seed. The same seed makes the same ones.
class SampleRecords {
 public:
  explicit SampleRecords(std::uint64_t seed) : random_(seed) {}

  /// Every field at random.
  [[nodiscard]] Record any_record() {
    Record record{.lsn = Lsn{random_()},
                  .previous = Lsn{random_()},
                  .task = TaskId{random_()},
                  .branch = static_cast<std::uint32_t>(random_()),
                  .seq = Seq{static_cast<std::uint32_t>(random_())},
                  .kind = static_cast<RecordKind>(below(kNames<RecordKind>.size())),
                  .effect = static_cast<EffectClass>(below(kNames<EffectClass>.size())),
                  .attempt = static_cast<std::uint32_t>(random_()),
                  .epoch = Epoch{static_cast<std::uint32_t>(random_())},
                  .wall = wall_from_unix_nanoseconds(static_cast<std::int64_t>(random_())),
                  .payload = text(300)};
    std::ranges::generate(record.fingerprint.bytes, [this] { return byte(); });
    return record;
  }

  /// The next commit: one to `records_max` records of old and new tasks, chained, with heads; and
  /// up to two charges of any of them.
  [[nodiscard]] Batch next_batch(std::size_t records_max = 8) {
    Batch batch;
    std::map<TaskId, TaskHead> changed;
    for (std::size_t left = 1 + below(records_max); left > 0; --left) {
      TaskHead& head = some_task();
      batch.records.push_back(next_record(head));
      changed[head.task] = head;
      if (head.ended) live_.erase(head.task);
    }
    for (const auto& [task, head] : changed)
      batch.heads.push_back(head);
    if (below(3) == 0) last_approval_ = ApprovalId{number(last_approval_) + 1};
    batch.last_approval = last_approval_;
    for (std::size_t left = below(3); left > 0; --left)
      batch.charges.push_back(next_charge());
    return batch;
  }

  [[nodiscard]] std::size_t below(std::size_t bound) { return random_() % bound; }

  [[nodiscard]] TaskId last_task() const { return last_task_; }

  /// Whose the next batches are.
  void set_epoch(Epoch epoch) { epoch_ = epoch; }

 private:
  [[nodiscard]] std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }

  [[nodiscard]] std::string text(std::size_t bytes_max) {
    std::string bytes(below(bytes_max), '\0');
    std::ranges::generate(bytes, [this] { return static_cast<char>(byte()); });
    return bytes;
  }

  [[nodiscard]] TaskHead& some_task() {
    if (live_.empty() || below(4) == 0) {
      last_task_ = TaskId{number(last_task_) + 1};
      return live_[last_task_] = {.task = last_task_,
                                  .parent = TaskId{below(number(last_task_))},
                                  .kind = "agent@1",
                                  .title = "'); DROP TABLE tasks;-- " + text(20),
                                  .created = wall_from_unix_nanoseconds(1'000)};
    }
    return std::next(live_.begin(), static_cast<std::ptrdiff_t>(below(live_.size())))->second;
  }

  [[nodiscard]] Record next_record(TaskHead& head) {
    Record record = any_record();
    last_lsn_ = Lsn{number(last_lsn_) + 1};
    record.lsn = last_lsn_;
    record.previous = std::exchange(head.head, last_lsn_);
    record.task = head.task;
    record.epoch = epoch_;
    head.ended = below(10) == 0;
    head.state = head.ended ? "completed" : "ready";
    head.changed = record.wall;
    head.rest.reset();
    if (!head.ended && below(3) == 0) {
      head.rest = Rest{.approval = ApprovalId{below(9)},
                       .unsure = below(2) == 0,
                       .until_unix_ns = static_cast<std::int64_t>(random_()),
                       .waiting_for = text(20)};
    }
    ++head.steps;
    return record;
  }

  /// Of few days, around the first one, so that lines meet; now and then more than a sum can hold.
  [[nodiscard]] Charge next_charge() {
    constexpr std::array kModels = {std::string_view("fixture/small"),
                                    std::string_view("'\0\xff", 3), std::string_view("")};
    constexpr std::int64_t kHour = 3'600'000'000'000;
    Charge charge{
        .root = TaskId{1 + below(number(last_task_))},
        .at = wall_from_unix_nanoseconds(static_cast<std::int64_t>(below(72)) * kHour - 36 * kHour),
        .model = std::string(kModels[below(kModels.size())]),
        .spent = {.calls = 1 + below(2),
                  .calls_estimated = below(2),
                  .calls_unpriced = below(2),
                  .tokens_in = below(100'000),
                  .tokens_in_cached = below(1'000),
                  .tokens_in_cache_write = below(1'000),
                  .tokens_out = below(10'000),
                  .questions = below(2),
                  .accepted = below(4) / 3}};
    const bool much = below(10) == 0;
    if (much) charge.spent.tokens_in = random_();
    charge.spent.cost =
        Money::of_trillionths(static_cast<std::int64_t>(much ? random_() >> 1 : below(1'000'000)));
    return charge;
  }

  std::mt19937_64 random_;
  Epoch epoch_{1};
  std::map<TaskId, TaskHead> live_;
  TaskId last_task_ = kNoTask;
  Lsn last_lsn_{0};
  ApprovalId last_approval_ = kNoApproval;
};

}  // namespace tinkerbell

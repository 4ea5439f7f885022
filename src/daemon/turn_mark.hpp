#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/observer.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

namespace tinkerbell {

/// Remembers over the daemon's own death whose turn it was, and counts such deaths: a task that
/// ends the daemon each time that it is brought back must not keep all others down.
///
/// A page of `state_dir`/turn, mapped: a turn costs two stores, a death leaves them in the page
/// cache, however it came, and the next start counts. It is not synced, since a loss of power is
/// nobody's fault. Covered is what happens in a turn of a task (its replay as well as what it does
/// live) and while its records are read; not what drivers do between turns. Loop thread.
class TurnMark final : public KernelObserver {
 public:
  /// Deaths in a row, at one step, after which a task is not run any more.
  static constexpr std::uint64_t kDeathsMax = 3;

  /// Whose turn it was, and its newest command by then (0: none yet, or its records were read).
  struct Place {
    TaskId task = kNoTask;
    Seq step{0};

    bool operator==(const Place&) const = default;
  };

  /// Opens or makes the file and counts what the run before has left in it. Under the lock of the
  /// directory. Errors: io, denied, exhausted.
  [[nodiscard]] static Result<std::unique_ptr<TurnMark>> open(
      const std::filesystem::path& directory);

  /// Where there is no file: what is marked goes with the process.
  [[nodiscard]] static std::unique_ptr<TurnMark> in_memory();

  ~TurnMark() override;

  /// `step_of` says a durable task's newest command. Before the first turn.
  void connect(KernelObserver& next, std::function<Seq(TaskId)> step_of);

  /// Deaths in a row in a turn of this task at one step; 0: none. `at` is the step.
  struct Deaths {
    std::uint64_t count = 0;
    Seq at{0};
  };

  [[nodiscard]] Deaths deaths_of(TaskId task) const;

  /// The task's deaths are not counted any more.
  void forget(TaskId task);

  /// The daemon ends as it should: so did all tasks' turns.
  void forget_all();

  /// From now on a death is this task's.
  void begin(Place place);

  /// And now nobody's.
  void end();

  void task_state_changed(TaskId task, TaskState from, TaskState to) override;
  void cleanup_turn_began(TaskId task) override;
  void turns_ended() override;

 private:
  struct Count;
  struct Page;

  TurnMark(Page* page, bool mapped) : page_(page), mapped_(mapped) {}

  void count_what_was_left();
  void turn_began(TaskId task);
  [[nodiscard]] Count* find(TaskId task) const;

  Page* page_;
  bool mapped_;
  KernelObserver* next_ = nullptr;
  std::function<Seq(TaskId)> step_of_;
};

}  // namespace tinkerbell

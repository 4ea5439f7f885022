#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/kernel/frame_pool.hpp"
#include "tinkerbell/kernel/state.hpp"
#include "tinkerbell/kernel/trap.hpp"

#include <array>
#include <coroutine>
#include <cstdint>
#include <string_view>

namespace tinkerbell {

struct TaskDetails;
struct RootType;

/// What a task gets of the processor. Each class gets turns while others are ready, most of them
/// the first.
enum class Priority : std::uint8_t { interactive, normal, background };

template <>
inline constexpr std::array<std::string_view, 3> kNames<Priority> = {"interactive", "normal",
                                                                     "background"};

/// The task control block: where a task stands inside its coroutines (its innermost frame, and what
/// that frame asked for; so a resume costs the same at any depth) and in the scheduler. Every frame
/// of a task points to the same one. What few tasks have is in `details`.
struct TaskControl : Pooled {
  enum class Place : std::uint8_t { turn, ready_queue, wait };

  TaskControl* next = nullptr;   ///< In the ready queue.
  std::coroutine_handle<> leaf;  ///< The innermost frame: the one that runs, or is to be resumed.
  Trap* trap = nullptr;          ///< What the leaf waits for; null while it runs.
  TaskState state = TaskState::ready;
  Priority priority = Priority::normal;
  Place place = Place::turn;
  bool interrupted = false;        ///< Asked to end, or past a deadline: its waits end at once.
  std::uint8_t refused_waits = 0;  ///< Since it was asked to end.
  std::uint16_t budget = 0;        ///< Calls that are left of the turn.
  TaskId id = kNoTask;
  std::uint64_t cpu_ticks = 0;
  std::uint32_t turns = 0;         ///< Stops at its maximum.
  std::uint32_t longest_turn = 0;  ///< In units of 256 ticks; stops at its maximum.
  std::uint64_t stopped_at = 0;    ///< Ticks: the end of its newest turn.
  const RootType* root = nullptr;  ///< What kind of coroutine the root is.
  TaskDetails* details = nullptr;

  static constexpr int kLongestUnitBits = 8;

  void stop_at(std::coroutine_handle<> frame, Trap& what) noexcept {
    leaf = frame;
    trap = &what;
  }
};

/// What a task is taken to yield when its turn is over in the middle of its calls.
[[nodiscard]] Trap& budget_trap() noexcept;

}  // namespace tinkerbell

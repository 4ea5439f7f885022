#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace tinkerbell {

/// A task. Durable ones carry the store's small integer (12); volatile ones a slot and a generation
/// with the top bit set, so that a stale id is detected and never names another task.
enum class TaskId : std::uint64_t {};

inline constexpr TaskId kNoTask{0};
inline constexpr std::uint64_t kVolatileBit = 1ULL << 63;

[[nodiscard]] constexpr bool is_durable(TaskId id) {
  return id != kNoTask && (static_cast<std::uint64_t>(id) & kVolatileBit) == 0;
}

[[nodiscard]] constexpr std::uint64_t number(TaskId id) {
  return static_cast<std::uint64_t>(id);
}

/// The n-th command of a task, counted from 1. Durable: the same after every restart.
enum class Seq : std::uint32_t {};

[[nodiscard]] constexpr std::uint32_t number(Seq seq) {
  return static_cast<std::uint32_t>(seq);
}

[[nodiscard]] constexpr Seq next(Seq seq) {
  return Seq{number(seq) + 1};
}

/// One command of one task.
struct CommandId {
  TaskId task = kNoTask;
  Seq seq{0};

  auto operator<=>(const CommandId&) const = default;
};

/// A question to a person ("a3" on the command line).
enum class ApprovalId : std::uint64_t {};

inline constexpr ApprovalId kNoApproval{0};

[[nodiscard]] constexpr std::uint64_t number(ApprovalId id) {
  return static_cast<std::uint64_t>(id);
}

/// Log sequence number: the order of all records of a store, counted from 1.
enum class Lsn : std::uint64_t {};

[[nodiscard]] constexpr std::uint64_t number(Lsn lsn) {
  return static_cast<std::uint64_t>(lsn);
}

/// One run of the daemon on a store, counted from 1: the fencing token of everything it writes.
enum class Epoch : std::uint32_t {};

}  // namespace tinkerbell

template <>
struct std::hash<tinkerbell::CommandId> {
  std::size_t operator()(const tinkerbell::CommandId& id) const noexcept {
    return std::hash<std::uint64_t>{}(tinkerbell::number(id.task) * 0x9E3779B97F4A7C15ULL +
                                      tinkerbell::number(id.seq));
  }
};

#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/journal/store.hpp"
#include "tinkerbell/syscall/driver.hpp"

#include <string_view>
#include <vector>

namespace tinkerbell {

/// Is told what happens to commands. Loop thread; must not call back.
class SyscallObserver {
 public:
  SyscallObserver() = default;
  SyscallObserver(const SyscallObserver&) = delete;
  SyscallObserver& operator=(const SyscallObserver&) = delete;
  virtual ~SyscallObserver() = default;

  /// A record became durable: from now on it may be shown outside. In lsn order.
  virtual void recorded(const Record& record) = 0;

  /// A running command shows something before its reply. Provisional: never journalled.
  virtual void progressed(CommandId id, ProgressKind kind, std::string_view text) = 0;

  /// A task that rested is awake. `records`: what it recorded before, which was told of then, from
  /// its newest SNAPSHOT on; none if they cannot be read.
  virtual void awoke(const TaskHead& /*head*/, const std::vector<Record>& /*records*/) {}

  /// A task went to rest: nothing is recorded of it before it is awake again.
  virtual void rests(TaskId /*task*/) {}
};

}  // namespace tinkerbell

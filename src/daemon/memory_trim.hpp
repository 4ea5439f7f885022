#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/syscall/observer.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>

namespace tinkerbell {

/// Has the allocator give back what tasks have left that ended or went to rest: it keeps what is
/// freed between what is still in use. Some moments after, since others may follow, and seldom,
/// since those who allocate wait meanwhile. Loop thread.
class MemoryTrim final : public SyscallObserver {
 public:
  struct Pace {
    Milliseconds delay{1'000};  ///< After the first task that left memory.
    Milliseconds least_between{10'000};
  };

  /// `trim` blocks nobody here: it hands the work on. `next` is told all that this is told.
  MemoryTrim(const boost::asio::any_io_executor& loop, Pace pace, std::function<void()> trim,
             SyscallObserver& next)
      : timer_(loop), pace_(pace), trim_(std::move(trim)), next_(next) {}

  void recorded(const Record& record) override;
  void progressed(CommandId id, ProgressKind kind, std::string_view text) override;
  void awoke(const TaskHead& head, const std::vector<Record>& records) override;
  void rests(TaskId task) override;

 private:
  using Clock = boost::asio::steady_timer::clock_type;

  void trim_later();

  boost::asio::steady_timer timer_;
  const Pace pace_;
  std::function<void()> trim_;
  SyscallObserver& next_;
  bool awaited_ = false;
  Clock::time_point not_before_;
};

}  // namespace tinkerbell

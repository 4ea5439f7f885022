#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/protocol/task.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What `strace` does with the system calls of tasks.
namespace tinkerbell::cli {

/// Where calls go.
class CallSink {
 public:
  CallSink() = default;
  CallSink(const CallSink&) = delete;
  CallSink& operator=(const CallSink&) = delete;
  virtual ~CallSink() = default;

  virtual void begun(TaskId task, const protocol::StepView& step) = 0;

  /// Also of calls whose beginning nobody saw.
  virtual void finished(TaskId task, const protocol::StepView& step) = 0;

  /// Something else that happened to a task, in words.
  virtual void noted(TaskId /*task*/, std::string_view /*words*/) {}
};

/// A line for each call, as strace(1) has it. The line of a call under way stays open; what comes
/// between leaves it `<unfinished ...>`, and at its end it is `resumed`.
class CallLines final : public CallSink {
 public:
  explicit CallLines(std::ostream& out) : out_(out) {}

  ~CallLines() override { leave_open_line(); }

  void begun(TaskId task, const protocol::StepView& step) override;
  void finished(TaskId task, const protocol::StepView& step) override;
  void noted(TaskId task, std::string_view words) override;

  /// Ends the line of a call under way.
  void leave_open_line();

 private:
  using Call = std::pair<TaskId, Seq>;

  void begin_line(TaskId task, std::string_view time);

  std::ostream& out_;
  std::set<Call> under_way_;
  std::optional<Call> open_;  ///< Whose line has no end yet.
  std::string day_;           ///< Of the newest line.
};

/// Each call that is over, as one line of JSON: the daemon's document and the task.
class CallJson final : public CallSink {
 public:
  explicit CallJson(std::ostream& out) : out_(out) {}

  void begun(TaskId /*task*/, const protocol::StepView& /*step*/) override {}

  void finished(TaskId task, const protocol::StepView& step) override;

 private:
  std::ostream& out_;
};

/// Counts.
class CallSummary final : public CallSink {
 public:
  void begun(TaskId task, const protocol::StepView& step) override;
  void finished(TaskId task, const protocol::StepView& step) override;

  /// By command, the one that took longest first.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] Json json(TaskId task) const;

 private:
  struct Count {
    std::uint64_t calls = 0;
    std::uint64_t errors = 0;
    std::uint64_t total_us = 0;
    std::uint64_t longest_us = 0;
    std::uint64_t answered_us = 0;
  };

  [[nodiscard]] std::vector<std::pair<std::string, Count>> by_time() const;
  [[nodiscard]] Count all() const;

  std::map<std::string, Count> counts_;
  std::set<std::pair<TaskId, Seq>> under_way_;
};

/// In front of a sink: lets through only what was asked for, each thing once. Safe from several
/// threads.
class CallFilter {
 public:
  /// `only`: families ("file") and commands ("file.read"); empty: all.
  CallFilter(CallSink& sink, std::vector<std::string> only) : sink_(sink), only_(std::move(only)) {}

  void begun(TaskId task, const protocol::StepView& step);
  void finished(TaskId task, const protocol::StepView& step);
  void noted(TaskId task, std::string_view words);

  /// Lets nothing through any more, and does `last`.
  void end(const std::function<void()>& last);

  /// Whether anything has come through.
  [[nodiscard]] bool saw_any() const;

 private:
  [[nodiscard]] bool wants(std::string_view command) const;

  CallSink& sink_;
  std::vector<std::string> only_;
  mutable std::mutex mutex_;
  bool ended_ = false;
  std::set<std::pair<TaskId, Seq>> begun_;
  std::set<std::pair<TaskId, Seq>> finished_;
};

/// What a call took, from the moment at which it was asked for.
[[nodiscard]] std::uint64_t microseconds_of(const protocol::StepView& step);

/// Whether it has its result.
[[nodiscard]] bool is_over(const protocol::StepView& step);

}  // namespace tinkerbell::cli

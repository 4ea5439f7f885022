#include "tinkerbell/protocol/scheduler.hpp"

#include "control/views.hpp"

#include "tinkerbell/base/source_path.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/kernel/frame_pool.hpp"
#include "tinkerbell/kernel/inspect.hpp"
#include "tinkerbell/kernel/trace_ring.hpp"
#include "tinkerbell/telemetry/chrome_trace.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <utility>
#include <vector>

namespace tinkerbell::control {

namespace {

std::uint64_t microseconds(Nanoseconds length) {
  return static_cast<std::uint64_t>(length / std::chrono::microseconds{1});
}

std::optional<protocol::TurnView> longest_turn(const Scheduler& scheduler) {
  const TraceEvent* longest = nullptr;
  for (const std::span<const TraceEvent> piece : scheduler.trace().pieces()) {
    for (const TraceEvent& turn : piece) {
      if (longest == nullptr || turn.ticks > longest->ticks) longest = &turn;
    }
  }
  if (longest == nullptr) return std::nullopt;
  return protocol::TurnView{.task = longest->task,
                            .us = microseconds(scheduler.ticks().nanoseconds(longest->ticks))};
}

}  // namespace

protocol::SchedulerView scheduler_view(Context& context) {
  const Scheduler& scheduler = context.parts.calls.scheduler();
  const SchedulerCounters counters = scheduler.counters();
  const FramePool::Counters frames = frame_pool().counters();
  protocol::SchedulerView view{.spawned = counters.spawned,
                               .ended = counters.ended,
                               .turns = counters.turns,
                               .tasks = counters.tasks,
                               .ready = counters.ready,
                               .timers = counters.timers,
                               .states = {},
                               .frames = frames.blocks,
                               .frame_slabs = frames.slabs,
                               .longest_turn = longest_turn(scheduler)};
  for (std::size_t i = 0; i < counters.in_state.size(); ++i) {
    if (counters.in_state[i] == 0) continue;
    view.states.push_back({std::string(name_of(static_cast<TaskState>(i))), counters.in_state[i]});
  }
  for (const std::span<const TraceEvent> piece : scheduler.trace().pieces())
    view.turns_recorded += piece.size();
  return view;
}

std::optional<protocol::SchedulingView> scheduling_view(Context& context, TaskId task) {
  const std::optional<TaskInspection> seen = context.parts.calls.scheduler().inspect(task);
  if (!seen) return std::nullopt;
  protocol::SchedulingView view{.priority = std::string(name_of(seen->priority)),
                                .turns = seen->turns,
                                .cpu_us = microseconds(seen->cpu),
                                .longest_turn_us = microseconds(seen->longest_turn),
                                .deadline = {},
                                .calls = {}};
  if (seen->deadline != kNever) {
    const Clock& clock = context.parts.clock;
    view.deadline = rfc3339(clock.wall() + (seen->deadline - clock.steady()));
  }
  for (const std::source_location& call : seen->calls) {
    view.calls.push_back(
        {.where = std::string(source_path(call.file_name())) + ":" + std::to_string(call.line()),
         .function = short_function(call.function_name())});
  }
  return view;
}

void get_scheduler(Context& context, Request request) {
  request.answer(scheduler_view(context));
}

namespace {

/// Into memory, as long as there is some.
class StringOutput final : public TextOutput {
 public:
  void write(std::string_view piece) noexcept override {
    try {
      text_.append(piece);
    } catch (const std::exception&) {
      failed_ = true;
    }
  }

  [[nodiscard]] Result<std::string> take() {
    if (failed_) return Error{Errc::exhausted, "no memory for the trace"};
    return std::move(text_);
  }

 private:
  std::string text_;
  bool failed_ = false;
};

/// What the pool needs to draw the picture while the recorder goes on.
struct Recording {
  std::vector<TraceEvent> turns;
  std::map<TaskId, std::string> names;
  TickSource ticks;
  std::uint64_t now = 0;
  std::int64_t now_unix_us = 0;
  TaskId only = kNoTask;
};

std::map<TaskId, std::string> names_of_tasks(const Context& context) {
  std::map<TaskId, std::string> names;
  for (const TaskInspection& task : context.parts.calls.scheduler().inspect())
    names[task.task] = task.name;
  for (const TaskId task : context.hub.live_tasks())
    names[task] = context.hub.task(task)->title;
  return names;
}

Result<std::string> picture_of(const Recording& recording) {
  StringOutput output;
  write_chrome_trace({.turns = {recording.turns, {}},
                      .ticks = recording.ticks,
                      .now = recording.now,
                      .now_unix_us = recording.now_unix_us,
                      .only = recording.only,
                      .names = &recording.names},
                     output);
  return output.take();
}

}  // namespace

void get_trace(Context& context, Request request) {
  const auto task = request.query_number("task", 0, kVolatileBit - 1);
  if (!task) return request.fail(task.error());
  const Scheduler& scheduler = context.parts.calls.scheduler();
  std::vector<TraceEvent> turns = scheduler.trace().events();
  if (*task != 0 && std::ranges::find(turns, TaskId{*task}, &TraceEvent::task) == turns.end()) {
    return request.fail(
        Error{Errc::not_found, "the flight recorder has no turn of task " + std::to_string(*task)});
  }
  context.parts.pool.run<std::string>(
      [recording = Recording{.turns = std::move(turns),
                             .names = names_of_tasks(context),
                             .ticks = scheduler.ticks(),
                             .now = scheduler.ticks().now(),
                             .now_unix_us = unix_nanoseconds(context.parts.clock.wall()) / 1000,
                             .only = TaskId{*task}}] { return picture_of(recording); },
      Completion<std::string>([request](Result<std::string> picture) {
        picture ? request.answer_body(*std::move(picture)) : request.fail(picture.error());
      }));
}

}  // namespace tinkerbell::control

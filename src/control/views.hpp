#pragma once

#include "control/routes.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/protocol/scheduler.hpp"
#include "tinkerbell/syscall/offline_replay.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace tinkerbell::control {

/// Lays what a live task does now over its view.
void overlay(protocol::TaskView& view, const LiveView& live);

/// A task as it is now, live or ended. Errors: not_found.
void find_task(Context& context, TaskId id, Completion<protocol::TaskView> done);

/// A task with all its records, as they are now. Errors: those of the store.
void read_recorded(Context& context, TaskId id, Completion<RecordedTask> done);

/// Answers a request that began a task with that task.
[[nodiscard]] Completion<TaskId> answer_with_new_task(Context& context, const Request& request);

/// Whether a request wants steps told as system calls, and their texts cut to how many bytes
/// (`?calls=N`). Errors: invalid.
[[nodiscard]] Result<std::optional<std::size_t>> calls_asked_for(const Request& request);

/// More than the type holds is all that it holds.
[[nodiscard]] Milliseconds milliseconds(std::uint64_t count);

/// A task as the scheduler sees it; nothing if it does not run there.
[[nodiscard]] std::optional<protocol::SchedulingView> scheduling_view(Context& context,
                                                                      TaskId task);

/// A change of a file as clients see it.
[[nodiscard]] protocol::FileDiff file_diff(const FileChange& change, const std::string& diff);

/// Answers with the text that `make`, which returns a Result of a view, and what writes it down
/// take long for: both on a thread of the pool.
template <class Make>
void answer_from_pool(Context& context, const Request& request, Make make) {
  context.parts.pool.run<std::string>(
      [make = std::move(make)]() mutable -> Result<std::string> {
        const auto view = make();
        if (!view) return view.error();
        return Request::body_of(*view);
      },
      Completion<std::string>([request](Result<std::string> body) {
        body ? request.answer_body(*std::move(body)) : request.fail(body.error());
      }));
}

/// What the scheduler has counted.
[[nodiscard]] protocol::SchedulerView scheduler_view(Context& context);

}  // namespace tinkerbell::control

#pragma once

#include "control/routes.hpp"

#include <string>

namespace tinkerbell::control {

/// Lays what a live task does now over its view.
void overlay(protocol::TaskView& view, const LiveView& live);

/// A task as it is now, live or ended. Errors: not_found.
void find_task(Context& context, TaskId id, Completion<protocol::TaskView> done);

}  // namespace tinkerbell::control

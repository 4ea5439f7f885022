#pragma once

#include "tasks/agent_definition.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/kernel/task.hpp"
#include "tinkerbell/tools/catalogue.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// The tasks that an agent starts: how they begin, how it waits for them, and what its model is
/// told of them.

namespace tinkerbell {

/// The Spawn for what the model of an `agent` wants; `steps` where it does not say. It ends with
/// the agent. Errors: invalid (no such tool).
[[nodiscard]] Result<Spawn> spawn_for(StartTask wanted, const AgentDefinition& agent,
                                      std::uint32_t steps);

/// What a wait came to.
struct Waited {
  std::vector<TaskId> ended;  ///< Each once.
  std::string told;           ///< For the model. What other tasks said in it is data.
};

/// Waits for what a model wants to wait for, and takes a message that has come. What a path was at
/// first is in the journal, so what becomes of it while the daemon is down is seen as well.
[[nodiscard]] Task<Waited> wait_for(WaitFor wanted);

/// Has these tasks end, and waits until they have.
[[nodiscard]] Task<void> end_all(std::vector<TaskId> tasks);

/// "tasks 12, 13".
[[nodiscard]] std::string in_words(const std::vector<TaskId>& tasks);

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/drivers/process/process_driver.hpp"

namespace tinkerbell {

/// How much of the output the shim keeps for this command.
[[nodiscard]] std::uint64_t output_bytes_wanted(const AwaitProcess& command);

/// Puts an output into the store, durably, if the command wants it kept and it is too long for the
/// reply, where head and tail of it stay. That it could not be kept is in the note. Blocks as a
/// disk does.
void keep_output(const AwaitProcess& command, const OutputKeeping& outputs,
                 AwaitProcess::Reply& reply);

}  // namespace tinkerbell

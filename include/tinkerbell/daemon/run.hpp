#pragma once

#include "tinkerbell/syscall/registry.hpp"

#include <functional>

namespace tinkerbell {

/// Adds the kinds of durable tasks that a program brings along.
using AddKinds = std::function<void(Registry& registry)>;

/// The whole life of a daemon, from its command line to its exit status: what `main` of
/// `tinkerbelld` is made of. A program of your own calls it with kinds of its own; config, socket,
/// journal, approvals, sandbox and recovery are the same for them as for an agent.
///
/// `PROGRAM debug FILE` is no daemon: it runs the tasks of a core file again, with these kinds.
///
/// `add_kinds` is called once, before any task is brought back. Sets the process up as well (umask,
/// SIGPIPE, no core file), so it is called once, from `main`, before there are other threads.
/// Programs of tasks need `tinkerbell-shim`: beside this program, or in `../libexec/tinkerbell`.
[[nodiscard]] int run_daemon(int argc, const char* const* argv, const AddKinds& add_kinds = {});

}  // namespace tinkerbell

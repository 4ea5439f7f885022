#include "daemon/debug_core.hpp"

#include "daemon/complain.hpp"
#include "daemon/daemon.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/debug/core_file.hpp"
#include "tinkerbell/debug/debugger.hpp"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

namespace tinkerbell {

namespace {

constexpr int kDiffers = 1;

Result<Core> core_in(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return os_error("open " + path, errno);
  // A core that is hard to compress is a little longer than what is in it.
  const Result<std::string> bytes = read_all(file.get(), kCoreBytesMax + (1 << 20), path);
  if (!bytes) return bytes.error();
  return read_core_file(*bytes);
}

int take_commands(Debugger& debugger) {
  const bool is_typed = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  debugger.greet();
  const auto prompt = [is_typed] {
    if (is_typed) std::cout << "(debug) " << std::flush;
  };
  prompt();
  for (std::string line; std::getline(std::cin, line) && debugger.obey(line);)
    prompt();
  return EX_OK;
}

}  // namespace

int debug_core(const DebugOptions& options, const AddKinds& add_kinds) {
  const Result<Core> core = core_in(options.file);
  if (!core)
    return complain(core.error().code == Errc::invalid ? EX_DATAERR : EX_NOINPUT, core.error());
  const DaemonPlan plan{.settings = {}, .llm = {}, .add_kinds = add_kinds, .evidence = {}};
  const Registry registry = Daemon::make_registry(plan);
  Debugger debugger(*core, registry, std::cout);
  const TaskId task = options.task == 0 ? core->tasks.front().task : TaskId{options.task};
  if (Result<void> chosen = debugger.choose(task); !chosen) {
    return complain(EX_DATAERR, chosen.error());
  }
  int status = EX_OK;
  if (options.step == 0) {
    status = take_commands(debugger);
  } else {
    const Result<void> there = debugger.go_to(Seq{static_cast<std::uint32_t>(options.step)});
    if (!there) status = complain(kDiffers, there.error());
    debugger.show_all();
  }
  if (!std::cout.flush()) return complain(EX_IOERR, {Errc::io, "cannot write the output"});
  return status;
}

}  // namespace tinkerbell

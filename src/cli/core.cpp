#include "cli/new_file.hpp"
#include "cli/print.hpp"
#include "cli/verbs.hpp"

#include "tinkerbell/base/text.hpp"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

// The past of tasks: run again by the daemon, saved, and looked at without it.

namespace tinkerbell::cli {

Result<ExitCode> perform(Session& session, const CheckReplay& check) {
  const Result<Document<protocol::ReplayView>> replay = session.client.replay(check.task);
  if (!replay) return replay.error();
  session.out << (session.invocation.json ? pretty_json(replay->json) + "\n"
                                          : replay_text(replay->view));
  return replay->view.difference ? ExitCode::failed : ExitCode::ok;
}

Result<ExitCode> perform(Session& session, const SaveCore& save) {
  const bool to_output = save.file == "-";
  if (to_output && session.terminal.is_terminal) {
    return Error{Errc::invalid, "a core is not for a terminal: send it to a file or a program"};
  }
  if (!to_output) {
    if (Result<void> can = check_new_file(save.file, save.overwrite); !can) return can.error();
  }
  const Result<std::string> core = session.client.core(save.task);
  if (!core) return core.error();
  if (to_output) {
    session.out << *core;
    return ExitCode::ok;
  }
  if (Result<void> written = write_new_file(save.file, *core, save.overwrite); !written) {
    return written.error();
  }
  if (!session.invocation.quiet) {
    session.err << "saved " << core->size() << " bytes: tinkerbell debug "
                << visible_line(save.file) << "\n";
  }
  return ExitCode::ok;
}

namespace {

/// The daemon's program that stands beside this one; else the one in PATH.
std::string daemon_program() {
  std::error_code failure;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failure);
  const std::filesystem::path beside = self.parent_path() / "tinkerbelld";
  const bool there = !failure && ::access(beside.c_str(), X_OK) == 0;
  return there ? beside.string() : "tinkerbelld";
}

}  // namespace

/// What runs tasks is the daemon's program, and this one becomes that.
Result<ExitCode> perform(Session& session, const DebugCore& debug) {
  std::vector<std::string> words = {debug.program.empty() ? daemon_program() : debug.program,
                                    "debug"};
  if (debug.task != 0) words.insert(words.end(), {"--task", std::to_string(debug.task)});
  if (debug.step != 0) words.insert(words.end(), {"--step", std::to_string(debug.step)});
  words.insert(words.end(), {"--", debug.file});
  std::vector<char*> argv;
  for (std::string& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  session.out.flush();
  ::execvp(argv.front(), argv.data());
  const Error failed = os_error("run " + words.front(), errno);
  return Error{Errc::unavailable, failed.message};
}

}  // namespace tinkerbell::cli

#include "cli/program.hpp"

#include "cli/arguments.hpp"
#include "cli/verbs.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/text.hpp"

#include <unistd.h>

#include <thread>
#include <utility>

namespace tinkerbell::cli {

namespace {

Result<std::string> socket_of(const Invocation& invocation, const GetEnv& get_env) {
  if (!invocation.socket.empty()) return invocation.socket;
  Result<std::string> path = control_socket_path(get_env, geteuid() == 0);
  if (path) return path;
  return Error{Errc::unavailable, path.error().message + ": name the socket with --socket"};
}

bool needs_daemon(const Command& command) {
  return !std::holds_alternative<ShowVersion>(command) &&
         !std::holds_alternative<DebugCore>(command) &&
         !std::holds_alternative<PrintCompletion>(command);
}

Result<ExitCode> perform_invocation(const Invocation& invocation, const Surroundings& around) {
  const Result<std::string> socket = socket_of(invocation, around.get_env);
  if (!socket && needs_daemon(invocation.command)) return socket.error();
  Client client(socket ? *socket : std::string());
  const Terminal terminal = terminal_of(around.output, invocation.color, around.get_env);
  Session session{
      .client = client,
      .invocation = invocation,
      .out = around.out,
      .err = around.err,
      .terminal = terminal,
      .input = around.input,
      .asks = terminal.is_terminal && isatty(around.input) == 1,
      .now = SystemClock().wall(),
      .patience = {.sleep = [](Milliseconds length) { std::this_thread::sleep_for(length); }}};
  return std::visit([&](const auto& command) { return perform(session, command); },
                    invocation.command);
}

}  // namespace

namespace {

/// Data that did not arrive is no success.
int code_when_written(ExitCode code, const Surroundings& around) {
  if (around.out.flush()) return std::to_underlying(code);
  around.err << "tinkerbell: cannot write the output\n";
  return std::to_underlying(ExitCode::io);
}

}  // namespace

int run_program(std::vector<std::string> words, const Surroundings& around) {
  const std::expected<Invocation, Parting> invocation = parse_arguments(std::move(words));
  if (!invocation) {
    const Parting& parting = invocation.error();
    (parting.code == ExitCode::ok ? around.out : around.err) << parting.text;
    return code_when_written(parting.code, around);
  }
  const Result<ExitCode> done = perform_invocation(*invocation, around);
  if (!done) {
    around.err << "tinkerbell: " << visible_text(done.error().message) << "\n";
    return std::to_underlying(exit_code_of(done.error().code));
  }
  return code_when_written(*done, around);
}

}  // namespace tinkerbell::cli

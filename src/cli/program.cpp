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
         !std::holds_alternative<PrintCompletion>(command);
}

Result<ExitCode> perform_invocation(const Invocation& invocation, const GetEnv& get_env,
                                    std::ostream& out, std::ostream& err) {
  const Result<std::string> socket = socket_of(invocation, get_env);
  if (!socket && needs_daemon(invocation.command)) return socket.error();
  Client client(socket ? *socket : std::string());
  const Terminal terminal = terminal_of(STDOUT_FILENO, invocation.color, get_env);
  Session session{
      .client = client,
      .invocation = invocation,
      .out = out,
      .err = err,
      .terminal = terminal,
      .input = STDIN_FILENO,
      .asks = terminal.is_terminal && isatty(STDIN_FILENO) == 1,
      .now = SystemClock().wall(),
      .patience = {.sleep = [](Milliseconds length) { std::this_thread::sleep_for(length); }}};
  return std::visit([&](const auto& command) { return perform(session, command); },
                    invocation.command);
}

}  // namespace

int run_program(std::vector<std::string> words, const GetEnv& get_env, std::ostream& out,
                std::ostream& err) {
  const std::expected<Invocation, Parting> invocation = parse_arguments(std::move(words));
  if (!invocation) {
    const Parting& parting = invocation.error();
    (parting.code == ExitCode::ok ? out : err) << parting.text;
    return std::to_underlying(parting.code);
  }
  const Result<ExitCode> done = perform_invocation(*invocation, get_env, out, err);
  if (!done) {
    err << "tinkerbell: " << visible_line(done.error().message) << "\n";
    return std::to_underlying(exit_code_of(done.error().code));
  }
  if (!out.flush()) {  // data that did not arrive is no success
    err << "tinkerbell: cannot write the output\n";
    return std::to_underlying(ExitCode::io);
  }
  return std::to_underlying(*done);
}

}  // namespace tinkerbell::cli

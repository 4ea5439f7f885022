#include "shim/server.hpp"
#include "shim/supervisor.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/shim/entry.hpp"
#include "tinkerbell/shim/probe.hpp"
#include "tinkerbell/shim/run_directory.hpp"
#include "tinkerbell/shim/server.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <span>
#include <string_view>

namespace {

using namespace tinkerbell;

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 64;  // EX_USAGE, sysexits(3)

int complain(const Error& error) {
  std::fprintf(stderr, "tinkerbell-shim: %s\n", error.message.c_str());
  return kFailed;
}

int probe_sandbox(const std::filesystem::path& file) {
  const Result<SandboxProbe> probe =
      read_record<SandboxProbe>(file.parent_path(), file.filename().native());
  if (!probe) return complain(probe.error());
  std::puts(dump_json(to_json_value(try_forbidden_things(*probe))).c_str());
  return kOk;
}

int run_program(const std::filesystem::path& run_directory) {
  const Result<void> supervised = supervise(run_directory);
  return supervised ? kOk : complain(supervised.error());
}

int serve_daemon() {
  const Result<void> served = serve();
  return served ? kOk : complain(served.error());
}

Result<EntryChecks> checks_in(std::string_view text) {
  const Result<Json> json = parse_json(text);
  if (!json) return json.error();
  return from_json_value<EntryChecks>(*json);
}

/// Returns only if the program was not executed.
Error enter(std::string_view checks, char* const* argv) {
  const Result<EntryChecks> entry = checks_in(checks);
  if (!entry) return entry.error();
  if (const Result<void> as_judged = check_entry(*entry); !as_judged) return as_judged.error();
  ::fcntl(kEntryReportFd, F_SETFD, FD_CLOEXEC);
  ::execv(argv[0], argv);
  return os_error("execute " + std::string(argv[0]), errno);
}

/// Tells a program that was never executed from one that failed.
int refuse(const Error& error) {
  const Result<void> told = write_all(kEntryReportFd, kEntryRefused, kSandboxReport);
  if (!told) return complain(told.error());
  return complain(error);
}

int usage() {
  std::fputs(
      "usage: tinkerbell-shim RUN_DIRECTORY\n"
      "       tinkerbell-shim --probe FILE\n"
      "       tinkerbell-shim --serve\n"
      "       tinkerbell-shim --enter CHECKS PROGRAM [ARGUMENT]...\n"
      "Runs one program for tinkerbelld, and outlives it. Not meant to be started by hand.\n",
      stderr);
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  try {
    if (argc == 3 && arguments[1] == kProbeOption) return probe_sandbox(arguments[2]);
    if (argc >= 4 && arguments[1] == kEnterOption) return refuse(enter(arguments[2], argv + 3));
    if (argc == 2 && arguments[1] == kServeOption) return serve_daemon();
    if (argc == 2 && arguments[1][0] != '-') return run_program(arguments[1]);
    return usage();
  } catch (const std::exception& exception) {
    return complain({Errc::internal, exception.what()});
  }
}

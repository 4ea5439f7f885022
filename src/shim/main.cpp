#include "shim/supervisor.hpp"

#include "tinkerbell/shim/probe.hpp"
#include "tinkerbell/shim/run_directory.hpp"

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

int usage() {
  std::fputs(
      "usage: tinkerbell-shim RUN_DIRECTORY\n"
      "       tinkerbell-shim --probe FILE\n"
      "Runs one program for tinkerbelld, and outlives it. Not meant to be started by hand.\n",
      stderr);
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  try {
    if (argc == 3 && arguments[1] == kProbeOption) return probe_sandbox(arguments[2]);
    if (argc == 2 && arguments[1][0] != '-') return run_program(arguments[1]);
    return usage();
  } catch (const std::exception& exception) {
    return complain({Errc::internal, exception.what()});
  }
}

#include "drivers/process/plan.hpp"

#include "drivers/process/environment.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <climits>
#include <system_error>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kArgumentsMax = 1'000;
constexpr std::size_t kCommandBytesMax = 128 << 10;  // arguments and environment together
constexpr std::size_t kPathBytesMax = PATH_MAX - 1;  // without its final zero
constexpr std::uint64_t kOutputBytesMax = 16 << 20;

std::size_t bytes_of(const AwaitProcess& command) {
  std::size_t bytes = 0;
  for (const std::string& argument : command.argv)
    bytes += argument.size() + 1;
  for (const auto& [name, value] : command.env)
    bytes += name.size() + value.size() + 2;
  return bytes;
}

/// Any limit reached is a refusal with its reason (HAZARDS S24).
Result<void> check_limits(const AwaitProcess& command) {
  const auto over = [](std::string_view what, std::uint64_t most) {
    return Error{Errc::denied, std::string(what) + ": more than " + std::to_string(most)};
  };
  if (command.argv.size() > kArgumentsMax) return over("arguments", kArgumentsMax);
  if (bytes_of(command) > kCommandBytesMax) return over("bytes of arguments", kCommandBytesMax);
  if (command.cwd.size() > kPathBytesMax) return over("bytes of cwd", kPathBytesMax);
  if (command.output_bytes_max > kOutputBytesMax) return over("output_bytes_max", kOutputBytesMax);
  if (command.timeout <= Milliseconds{0}) return Error{Errc::invalid, "timeout: not above zero"};
  return {};
}

/// What is shown and journalled must be exactly what runs, so every byte must survive JSON.
Result<void> check_texts(const Call& call, const AwaitProcess& command) {
  const auto is_plain = [](const std::string& text) { return valid_utf8(text) == text; };
  if (command.argv.empty() || command.argv.front().empty()) {
    return Error{Errc::invalid, "argv: names no program"};
  }
  if (!std::ranges::all_of(command.argv, is_plain)) {
    return Error{Errc::invalid, "argv: not plain UTF-8"};
  }
  if (!is_plain(command.cwd) || !is_plain(call.workspace)) {
    return Error{Errc::invalid, "directory: not plain UTF-8"};
  }
  return check_environment(command.env);
}

Result<fs::path> existing_directory(const fs::path& path) {
  std::error_code error;
  fs::path canonical = fs::canonical(path, error);
  if (error) return os_error("enter " + path.string(), error.value());
  if (!fs::is_directory(canonical, error)) {
    return Error{Errc::invalid, "enter " + path.string() + ": not a directory"};
  }
  return canonical;
}

Result<SandboxView> view_of(const Call& call, const AwaitProcess& command,
                            const ProcessSettings& settings) {
  Result<fs::path> workspace = existing_directory(call.workspace);
  if (!workspace) return workspace.error();
  if (*workspace == workspace->root_path()) {
    return Error{Errc::denied, "the workspace is the whole machine"};
  }
  Result<fs::path> cwd = existing_directory(*workspace / command.cwd);
  if (!cwd) return cwd.error();
  if (!is_within(*cwd, *workspace)) {
    return Error{Errc::outside_workspace, "cwd " + visible_line(command.cwd)};
  }
  return SandboxView{*std::move(workspace), *std::move(cwd), hidden_paths(settings)};
}

bool is_sandboxed(const ProcessSettings& settings) {
  return settings.sandbox == ProcessSandbox::bubblewrap;
}

fs::path without_links(const fs::path& path) {
  std::error_code error;
  fs::path canonical = fs::weakly_canonical(path, error);
  return error ? path : canonical;
}

}  // namespace

std::vector<fs::path> hidden_paths(const ProcessSettings& settings) {
  std::vector<fs::path> paths;
  for (const fs::path& path : settings.hidden)
    paths.push_back(without_links(path));
  paths.push_back(without_links(settings.runs_directory));
  return paths;
}

Result<Plan> plan_run(const Call& call, const ProcessSettings& settings, ProgramHashes& hashes) {
  const auto& command = std::get<AwaitProcess>(call.command);
  if (Result<void> checked = check_limits(command); !checked) return checked.error();
  if (Result<void> checked = check_texts(call, command); !checked) return checked.error();
  Result<SandboxView> view = view_of(call, command, settings);
  if (!view) return view.error();
  Result<fs::path> program = find_program(command.argv.front(), view->cwd);
  if (!program) return program.error();
  std::error_code error;
  const fs::path object = fs::canonical(*program, error);
  if (error) return os_error("program " + program->string(), error.value());
  if (is_sandboxed(settings) && !is_in_view(object, *view)) {
    return Error{Errc::denied, "program " + object.string() + ": the sandbox does not show it"};
  }
  Result<std::string> hash = hashes.hash_of(object);
  if (!hash) return hash.error();
  Facts facts;
  facts.object = object.string();
  facts.object_sha256 = *std::move(hash);
  facts.sandbox = name_of(settings.sandbox);
  return Plan{*std::move(program), *std::move(view), std::move(facts)};
}

RunSpec spec_of(const Call& call, const Plan& plan, const ProcessSettings& settings,
                const fs::path& directory) {
  const auto& command = std::get<AwaitProcess>(call.command);
  const bool sandboxed = is_sandboxed(settings);
  const std::string home = sandboxed ? kSandboxHome : (directory / kHomeDirectory).string();
  RunSpec spec{
      .program = sandboxed ? settings.bubblewrap.string() : plan.program.string(),
      .argv = {},
      .env = program_environment(command.env, call.key, plan.view.workspace.string(), home),
      .cwd = sandboxed ? "/" : plan.view.cwd.string(),
      .sandboxed = sandboxed,
      .timeout = command.timeout,
      .output_bytes_max = command.output_bytes_max,
  };
  if (sandboxed) {
    spec.argv = sandbox_arguments(plan.view);
    spec.argv.insert(spec.argv.begin(), spec.program);
  }
  spec.argv.push_back(plan.program.string());
  spec.argv.insert(spec.argv.end(), command.argv.begin() + 1, command.argv.end());
  return spec;
}

}  // namespace tinkerbell

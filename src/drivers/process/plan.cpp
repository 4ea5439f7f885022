#include "drivers/process/plan.hpp"

#include "drivers/process/environment.hpp"
#include "drivers/process/kept_output.hpp"
#include "drivers/process/operands.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
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

/// The directories of a command. Both are looked up from descriptors: a workspace that was replaced
/// by a link, or a link that leads out of it, is refused.
struct Place {
  std::shared_ptr<const Workspace> workspace;
  WorkspacePath cwd;
  EntryCheck start;       ///< That cwd, "." once the program has entered it.
  std::string directory;  ///< As Facts::directory says.
};

std::string identity_of(const struct stat& found) {
  return std::to_string(found.st_dev) + ':' + std::to_string(found.st_ino);
}

Result<struct stat> directory_at(const Workspace& workspace, const WorkspacePath& path) {
  const Result<UniqueFd> held = workspace.hold(path);
  if (!held) return held.error();
  struct stat found{};
  if (::fstat(held->get(), &found) != 0) return os_error("stat " + path.text(), errno);
  if (!S_ISDIR(found.st_mode)) {
    return Error{Errc::invalid, "enter " + visible_line(path.text()) + ": not a directory"};
  }
  return found;
}

Result<Place> place_of(const Call& call, const AwaitProcess& command, const Drafts& drafts) {
  Result<std::shared_ptr<Workspace>> workspace = drafts.open(call.workspace, call.draft);
  if (!workspace) return workspace.error();
  Result<WorkspacePath> cwd = (*workspace)->resolve(command.cwd.empty() ? "." : command.cwd);
  if (!cwd) return cwd.error();
  const Result<WorkspacePath> top = (*workspace)->resolve(".");
  if (!top) return top.error();
  const Result<struct stat> root = directory_at(**workspace, *top);
  if (!root) return root.error();
  const Result<struct stat> start = directory_at(**workspace, *cwd);
  if (!start) return start.error();
  return Place{.workspace = *std::move(workspace),
               .cwd = *std::move(cwd),
               .start = {.path = ".", .device = start->st_dev, .inode = start->st_ino},
               .directory = identity_of(*root) + ' ' + identity_of(*start)};
}

/// What a program may see of the workspace is mounted by its path. Errors: denied; those of
/// Workspace.
Result<void> check_only(const Workspace& workspace, const std::string& only) {
  if (only.empty()) return {};
  const Result<WorkspacePath> path = workspace.resolve(only);
  if (!path) return path.error();
  if (path->text() != only) {
    return Error{Errc::denied, "directory " + visible_line(only) + ": a link stands in the way"};
  }
  const Result<struct stat> found = directory_at(workspace, *path);
  return found ? Result<void>{} : Result<void>(found.error());
}

fs::path below(const std::string& directory, const WorkspacePath& path) {
  return path.text() == "." ? fs::path(directory) : directory / fs::path(path.text());
}

bool is_sandboxed(const ProcessSettings& settings) {
  return settings.sandbox == ProcessSandbox::bubblewrap;
}

Result<void> check_in_view(const Program& program, const SandboxView& view) {
  if (!is_in_view(program.object, view)) {
    return Error{Errc::denied,
                 "program " + program.object.string() + ": the sandbox does not show it"};
  }
  if (view.access.files != FileAccess::none && !is_in_view(view.cwd, view)) {
    return Error{Errc::denied, "cwd " + view.cwd.string() + ": the sandbox does not show it"};
  }
  return {};
}

/// Bubblewrap, the last look before the program, and the program.
std::vector<std::string> sandboxed_argv(const Plan& plan, const ProcessSettings& settings,
                                        PrivatePathsLook& private_paths) {
  Sandbox sandbox =
      sandbox_for(plan.view, *private_paths.at(settings, steady_now()), settings.shim);
  EntryChecks entry{std::move(sandbox.checks)};
  if (plan.view.access.files != FileAccess::none) entry.checks.push_back(plan.start);
  entry.checks.push_back({.path = plan.program.path.string(),
                          .device = plan.program.version.device,
                          .inode = plan.program.version.inode});
  std::vector<std::string> argv = std::move(sandbox.arguments);
  argv.insert(argv.begin(), settings.bubblewrap.string());
  argv.insert(argv.end(),
              {kShimInSandbox, std::string(kEnterOption), dump_json(to_json_value(entry))});
  return argv;
}

}  // namespace

Result<Plan> plan_run(const Call& call, const ProcessSettings& settings, FileHashes& hashes,
                      PrivatePathsLook& private_paths, const SandboxAccess& access) {
  const auto& command = std::get<AwaitProcess>(call.command);
  if (Result<void> checked = check_limits(command); !checked) return checked.error();
  if (Result<void> checked = check_texts(call, command); !checked) return checked.error();
  Result<Place> place = place_of(call, command, settings.drafts);
  if (!place) return place.error();
  if (Result<void> checked = check_only(*place->workspace, call.only); !checked) {
    return checked.error();
  }
  const auto covered = private_paths.at(settings, steady_now());
  SandboxView view{.workspace = place->workspace,
                   .cwd = below(place->workspace->known_as(), place->cwd),
                   .hidden = covered->hidden,
                   .read_only = covered->read_only,
                   .access = access,
                   .only = call.only};
  if (is_sandboxed(settings) && access.files == FileAccess::none) {
    // There is no such directory inside; and what stands in it is nobody's business.
    view.cwd = kSandboxHome;
  }
  Result<Program> program = find_program(command.argv.front(), view.cwd, *place->workspace, hashes);
  if (!program) return program.error();
  if (is_sandboxed(settings)) {
    if (Result<void> seen = check_in_view(*program, view); !seen) return seen.error();
  }
  Result<std::vector<FileFact>> files =
      files_named_by(command.argv, *place->workspace, place->cwd, hashes);
  if (!files) return files.error();
  Facts facts{.object = program->object.string(),
              .object_sha256 = program->sha256,
              .sandbox = std::string(name_of(settings.sandbox)),
              .directory = std::move(place->directory),
              .files = *std::move(files),
              .draft = call.draft};
  fs::path directory = below(place->workspace->path(), place->cwd);
  return Plan{*std::move(program), std::move(view), std::move(directory), std::move(place->start),
              std::move(facts)};
}

RunSpec spec_of(const Call& call, const Plan& plan, const ProcessSettings& settings,
                PrivatePathsLook& private_paths, const RunManner& manner,
                const fs::path& directory) {
  const auto& command = std::get<AwaitProcess>(call.command);
  const bool sandboxed = is_sandboxed(settings);
  const std::string home = sandboxed ? kSandboxHome : (directory / kHomeDirectory).string();
  RunSpec spec{
      .program = sandboxed ? settings.bubblewrap.string() : plan.program.path.string(),
      .argv =
          sandboxed ? sandboxed_argv(plan, settings, private_paths) : std::vector<std::string>(),
      .env =
          program_environment(command, call.key, plan.view.workspace->known_as(), home, settings),
      .cwd = sandboxed ? "/" : plan.directory.string(),
      .sandboxed = sandboxed,
      .timeout = command.timeout,
      .output_bytes_max = output_bytes_wanted(command),
      .complaints_apart = manner.apart,
  };
  for (const auto& [name, value] : manner.env)
    spec.env[name] = value;
  spec.argv.push_back(plan.program.path.string());
  spec.argv.insert(spec.argv.end(), command.argv.begin() + 1, command.argv.end());
  return spec;
}

}  // namespace tinkerbell

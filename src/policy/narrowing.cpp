#include "policy/narrowing.hpp"

#include "policy/glob.hpp"
#include "policy/match.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tinkerbell {

namespace {

std::vector<std::string_view> all_names() {
  return []<class... Commands>(std::type_identity<std::variant<Commands...>>) {
    return std::vector<std::string_view>{Commands::kName...};
  }(std::type_identity<CommandVariant>{});
}

/// The commands of which one of the globs is the name, and which `parent` has as well.
Result<std::vector<std::string>> narrowed_names(
    const std::optional<std::vector<std::string>>& parent, const std::vector<std::string>& globs) {
  for (const std::string& glob : globs) {
    if (names_a_command(glob)) continue;
    return Error{Errc::invalid, "only: there is no command \"" + visible_line(glob) + "\""};
  }
  std::vector<std::string> names;
  for (const std::string_view name : all_names()) {
    const auto matches = [&](const std::string& glob) { return glob_matches(glob, name); };
    const bool of_parent = !parent || std::ranges::count(*parent, name) > 0;
    if (of_parent && std::ranges::any_of(globs, matches)) names.emplace_back(name);
  }
  return names;
}

bool is_in(std::string_view path, std::string_view directory) {
  return path == directory ||
         (path.starts_with(directory) && path.substr(directory.size()).starts_with('/'));
}

/// Errors: invalid.
Result<std::string> narrowed_directory(const std::string& parent, const std::string& wanted) {
  const std::string plain = without_dots(wanted);
  if (plain.empty()) return parent;  // "." is the workspace itself
  if (plain.starts_with('/') || leads_out(plain) || !(parent.empty() || is_in(plain, parent))) {
    return Error{Errc::invalid, "directory " + visible_line(wanted) + ": not within " +
                                    (parent.empty() ? "the workspace" : visible_line(parent))};
  }
  return plain;
}

/// Whether a command reaches what is not in the directory. Drafts are taken over and thrown away as
/// a whole, and a repository is one, too; without a sandbox a program reaches all that there is,
/// and a server serves all tasks of a workspace.
bool leaves(const TaskCommand& command, const Facts& facts, const std::string& directory) {
  if (std::holds_alternative<AwaitDraftAccept>(command) ||
      std::holds_alternative<AwaitDraftDrop>(command) ||
      std::holds_alternative<AwaitTool>(command) || runs_git(command)) {
    return true;
  }
  if (const auto* const program = std::get_if<AwaitProcess>(&command)) {
    return facts.sandbox == kNoSandbox || !is_in(without_dots(program->cwd), directory);
  }
  return any_file_name(command, facts,
                       [&](const std::string& name) { return !is_in(name, directory); });
}

}  // namespace

Result<Narrowing> narrowed(const Narrowing& parent, const Spawn& child) {
  Narrowing narrowing = parent;
  if (child.only) {
    Result<std::vector<std::string>> names = narrowed_names(parent.only, *child.only);
    if (!names) return names.error();
    narrowing.only = *std::move(names);
  }
  Result<std::string> directory = narrowed_directory(parent.directory, child.directory);
  if (!directory) return directory.error();
  narrowing.directory = *std::move(directory);
  return narrowing;
}

std::optional<Verdict> left_out(const TaskCommand& command, const Facts& facts,
                                const Narrowing& narrowing) {
  if (narrowing.only && std::ranges::count(*narrowing.only, name_of(command)) == 0) {
    return Verdict{Decision::deny, "built-in: not among the commands that this task was given", ""};
  }
  if (!narrowing.directory.empty() && leaves(command, facts, narrowing.directory)) {
    return Verdict{Decision::deny, "built-in: outside the directory that this task was given",
                   visible_line(narrowing.directory)};
  }
  return std::nullopt;
}

}  // namespace tinkerbell

#include "drivers/git/git_repository.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>
#include <system_error>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSettingsBytesMax = 1 << 20;

/// What stands there itself, no link on the way; nothing if that is not so.
std::optional<WorkspacePath> place_of(const Workspace& workspace, const std::string& path) {
  const Result<WorkspacePath> place = workspace.resolve(path);
  return place && place->text() == path ? std::optional(*place) : std::nullopt;
}

std::string type_at(const Workspace& workspace, const std::string& path) {
  const Result<WorkspacePath> place = workspace.resolve_itself(path);
  const Result<AwaitFileStat::Reply> found =
      place ? workspace.look_at(*place) : Result<AwaitFileStat::Reply>(place.error());
  return found ? found->type : std::string();
}

FileFact fact_of(const std::string& path, std::string_view content) {
  return {path, "sha256 " + sha256(content).hex()};
}

Error elsewhere(const std::string& what) {
  return {Errc::unsupported, what +
                                 ": commands of git work only in a repository whose .git is a "
                                 "directory at the top of the workspace, with all its parts"};
}

Result<void> add_settings(const Workspace& workspace, const std::string& path,
                          GitRepository& repository) {
  const std::optional<WorkspacePath> place = place_of(workspace, path);
  if (!place) return elsewhere(path + " is a link");
  const Result<std::string> text = workspace.read(*place, kSettingsBytesMax);
  if (!text) return text.error();
  Result<std::vector<GitSetting>> settings = git_settings_in(*text);
  if (!settings) return settings.error().with(path);
  repository.settings.insert(repository.settings.end(), settings->begin(), settings->end());
  repository.files.push_back(fact_of(path, *text));
  return {};
}

/// Of what is written or taken up.
bool is_filter(const GitSetting& setting) {
  constexpr std::array<std::string_view, 3> kKeys = {"clean", "smudge", "process"};
  return setting.section == "filter" && std::ranges::count(kKeys, setting.key) != 0;
}

/// Why what changes something is not for us; empty: nothing is against it.
std::string objection_to(const GitSetting& setting, bool touches_files) {
  if (setting.key.empty()) return {};
  const std::string name = "\"" + visible_line(setting.subsection) + "\"";
  if (setting.section == "include" || setting.section == "includeif") {
    return "include other settings";
  }
  // A hook of this kind runs whatever core.hooksPath says.
  if (setting.section == "hook") return "run programs (hook " + name + ")";
  const bool fetches = setting.section == "remote" && setting.key == "promisor";
  if (fetches || setting.key == "partialclone") return "have git fetch objects when it wants them";
  if (touches_files && is_filter(setting)) return "run a program for files (filter " + name + ")";
  return {};
}

/// "https://…", "git@host:…": what is no path for git either.
bool is_on_this_machine(const std::string& url) {
  if (url.starts_with("file:///")) return true;
  const std::size_t colon = url.find(':');
  const std::size_t slash = url.find('/');
  return colon == std::string::npos || slash < colon;
}

}  // namespace

Result<GitRepository> look_at_repository(const Workspace& workspace) {
  const std::string type = type_at(workspace, ".git");
  if (type.empty()) {
    return Error{Errc::not_found, "there is no git repository at the top of the workspace"};
  }
  if (type != "directory") return elsewhere(".git is no directory");
  for (const char* const path : {".git/commondir", ".git/objects/info/alternates"}) {
    if (!type_at(workspace, path).empty()) return elsewhere(path);
  }
  GitRepository repository;
  if (Result<void> read = add_settings(workspace, ".git/config", repository); !read) {
    return read.error();
  }
  if (!type_at(workspace, ".git/config.worktree").empty()) {
    if (Result<void> read = add_settings(workspace, ".git/config.worktree", repository); !read) {
      return read.error();
    }
  }
  return repository;
}

namespace {

/// Where the commit stands that HEAD leads to: in a branch, mostly.
std::vector<std::string> paths_of_head(const Workspace& workspace) {
  constexpr std::string_view kBranch = "ref: ";
  std::vector<std::string> paths{".git/HEAD"};
  const std::optional<WorkspacePath> place = place_of(workspace, paths.front());
  const Result<std::string> head = place ? workspace.read(*place, kReadBytesMax)
                                         : Result<std::string>(Error{Errc::not_found, ""});
  if (!head || !head->starts_with(kBranch)) return paths;
  const std::string branch = head->substr(kBranch.size(), head->find('\n') - kBranch.size());
  paths.push_back(".git/" + branch);
  paths.emplace_back(".git/packed-refs");
  return paths;
}

}  // namespace

std::vector<FileFact> state_for(const TaskCommand& command, const Workspace& workspace) {
  std::vector<std::string> paths;
  if (std::holds_alternative<AwaitGitCommit>(command)) {
    paths = paths_of_head(workspace);
    paths.emplace_back(".git/index");
  }
  if (const auto* const push = std::get_if<AwaitGitPush>(&command)) {
    paths = {".git/refs/heads/" + push->branch, ".git/packed-refs"};
  }
  std::vector<FileFact> files;
  for (const std::string& path : paths) {
    const std::optional<WorkspacePath> place = place_of(workspace, path);
    const Result<std::string> content =
        place ? workspace.read(*place, kReadBytesMax)
              : Result<std::string>(Error{Errc::not_found, "it is not there"});
    files.push_back(content ? fact_of(path, *content)
                            : FileFact{path, "not read: " + content.error().message});
  }
  return files;
}

Result<void> check_settings(const TaskCommand& command, const GitRepository& repository) {
  if (effect_of(command) == EffectClass::pure) return {};
  const bool touches_files = !std::holds_alternative<AwaitGitPush>(command);
  for (const GitSetting& setting : repository.settings) {
    const std::string objection = objection_to(setting, touches_files);
    if (objection.empty()) continue;
    return Error{Errc::unsupported,
                 "the settings of the repository " + objection + ": run git as a program instead"};
  }
  return {};
}

Result<fs::path> place_of_remote(const GitRepository& repository, const std::string& remote,
                                 const std::string& workspace) {
  std::string url;
  std::string push_url;
  for (const GitSetting& setting : repository.settings) {
    const bool rewrites = setting.section == "url";
    const bool helps = setting.section == "remote" && setting.subsection == remote &&
                       (setting.key == "vcs" || setting.key == "mirror");
    if (rewrites || helps) {
      return Error{Errc::unsupported, "the settings of the repository have " + setting.section +
                                          " \"" + visible_line(setting.subsection) +
                                          "\": push it " + "yourself"};
    }
    if (setting.section != "remote" || setting.subsection != remote) continue;
    if (setting.key == "url") url = setting.value;
    if (setting.key == "pushurl") push_url = setting.value;
  }
  if (!push_url.empty()) url = push_url;
  if (url.empty()) {
    return Error{Errc::not_found, "the repository has no remote \"" + visible_line(remote) + "\""};
  }
  if (!is_on_this_machine(url)) {
    return Error{Errc::unsupported,
                 "the remote " + visible_line(remote) + " is at " + visible_line(url) +
                     ": git.push reaches repositories on this machine only, since passwords and "
                     "keys never come into the sandbox. Push it yourself"};
  }
  if (url.starts_with("file://")) url = url.substr(std::string_view("file://").size());
  std::error_code error;
  const fs::path place = fs::canonical(fs::path(workspace) / url, error);
  if (error || !fs::is_directory(place, error)) {
    return Error{Errc::not_found, "there is no repository at " + visible_line(url)};
  }
  const auto is_about_it = [place = place.string()](const GitSetting& each) {
    return each.section == "remote" && each.subsection == place;
  };
  if (std::ranges::any_of(repository.settings, is_about_it)) {
    return Error{Errc::unsupported, "the settings of the repository have more for " +
                                        visible_line(place.string()) + ": push it yourself"};
  }
  return place;
}

}  // namespace tinkerbell

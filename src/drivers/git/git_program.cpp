#include "drivers/git/git_program.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/render.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <utility>

namespace tinkerbell {

namespace {

using Words = std::vector<std::string>;

constexpr std::size_t kRevisionBytesMax = 1'024;
constexpr std::size_t kBranchBytesMax = 200;
/// From the step whose work is committed to the one that commits it.
constexpr std::uint32_t kStagesAndCommits = 2;

constexpr std::size_t kMessageBytesMax = 64 << 10;
constexpr std::uint32_t kCommitsMax = 1'000;

Error refused(std::string_view what, const std::string& operand, std::string_view why) {
  return {Errc::invalid,
          std::string(what) + " " + quoted_word(visible_line(operand)) + ": " + std::string(why)};
}

Result<void> check_operand(std::string_view what, const std::string& operand) {
  if (operand.empty()) return Error{Errc::invalid, std::string(what) + ": is empty"};
  if (operand.starts_with('-')) return refused(what, operand, "must not begin with a dash");
  if (operand.contains('\0')) return refused(what, operand, "must not have a NUL in it");
  if (valid_utf8(operand) != operand) return refused(what, operand, "must be plain UTF-8");
  return {};
}

/// A commit in git's own words. With a colon it would be a file in one, which no rule would see.
Result<void> check_revision(std::string_view what, const std::string& revision) {
  if (Result<void> checked = check_operand(what, revision); !checked) return checked;
  const auto is_meant = [](unsigned char c) { return c > ' ' && c != 0x7F && c != ':'; };
  if (!std::ranges::all_of(revision, is_meant)) {
    return refused(what, revision, "must name a commit, without blanks and \":\"");
  }
  if (revision.size() > kRevisionBytesMax) return refused(what, "", "is too long");
  return {};
}

/// Stricter than git-check-ref-format(1), so that it is the same name everywhere.
Result<void> check_branch(const std::string& name) {
  if (Result<void> checked = check_operand("the branch", name); !checked) return checked;
  const auto is_meant = [](unsigned char c) {
    return c > ' ' && c != 0x7F && !std::string_view("~^:?*[\\@{").contains(static_cast<char>(c));
  };
  const bool well_formed = std::ranges::all_of(name, is_meant) && !name.contains("..") &&
                           !name.contains("//") && !name.contains("/.") && !name.contains("./") &&
                           !name.starts_with('.') && !name.starts_with('/') &&
                           !name.ends_with('.') && !name.ends_with('/') &&
                           !name.contains(".lock") && name != "HEAD";
  if (!well_formed) return refused("the branch", name, "is no name for one");
  if (name.size() > kBranchBytesMax) return refused("the branch", "", "is too long");
  return {};
}

Result<void> check_commit_hash(const std::string& text) {
  const bool is_hash = (text.size() == 40 || text.size() == 64) &&
                       text.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_hash ? Result<void>() : refused("the commit", text, "must be a whole hash");
}

/// The end of a line that gives git paths: none of them is a pattern (GIT_LITERAL_PATHSPECS).
Result<void> add_paths(Words& argv, const Words& paths) {
  for (const std::string& path : paths) {
    if (Result<void> checked = check_operand("the path", path); !checked) return checked;
    if (path.starts_with('/')) return refused("the path", path, "must be relative");
  }
  argv.emplace_back("--");
  argv.insert(argv.end(), paths.begin(), paths.end());
  return {};
}

Result<Words> argv_of(const AwaitGitStatus& /*command*/) {
  return Words{"git",
               "status",
               "--porcelain=v2",
               "--branch",
               "-z",
               "--untracked-files=normal",
               "--ignore-submodules=dirty",
               "--find-renames",
               "--no-show-stash"};
}

/// Each file's own text is found by what only git can write at the beginning of a line, which holds
/// only if names are quoted: so without -z.
Result<Words> argv_of(const AwaitGitDiff& command) {
  Words argv{"git",
             "diff",
             "--raw",
             "--patch",
             "--no-ext-diff",
             "--no-textconv",
             "--no-color",
             "--find-renames",
             "--diff-filter=u",
             "--src-prefix=a/",
             "--dst-prefix=b/",
             "--ignore-submodules=dirty",
             "--submodule=short",
             "--unified=3",
             "--no-relative",
             "-O/dev/null"};
  if (command.staged && !command.to.empty()) {
    return Error{Errc::invalid, "to: what is staged is compared with one commit"};
  }
  if (command.from.empty() && !command.to.empty()) return Error{Errc::invalid, "from: is empty"};
  if (command.staged) argv.emplace_back("--cached");
  argv.emplace_back("--end-of-options");
  for (const std::string& revision : {command.from, command.to}) {
    if (revision.empty()) continue;
    if (Result<void> checked = check_revision("the commit", revision); !checked) {
      return checked.error();
    }
    if (revision.contains("..") || revision.starts_with('^')) {
      return refused("the commit", revision, "must be one");
    }
    // Of a blob or a tree git would show what is in it under no path, or another one.
    argv.push_back(revision + "^{commit}");
  }
  if (Result<void> added = add_paths(argv, command.paths); !added) return added.error();
  return argv;
}

Result<Words> argv_of(const AwaitGitLog& command) {
  if (command.commits_max == 0 || command.commits_max > kCommitsMax) {
    return Error{Errc::invalid, "commits_max: from 1 to " + std::to_string(kCommitsMax)};
  }
  if (Result<void> checked = check_revision("the commit", command.from); !checked) {
    return checked.error();
  }
  Words argv{"git",
             "log",
             "-z",
             "--format=%H%x00%P%x00%an%x00%ae%x00%at%x00%B",
             "--no-color",
             "--no-decorate",
             "--no-show-signature",
             "--no-patch",
             "--no-notes",
             "--encoding=UTF-8",
             "--max-count=" + std::to_string(command.commits_max + 1),
             "--end-of-options",
             command.from};
  if (Result<void> added = add_paths(argv, command.paths); !added) return added.error();
  return argv;
}

Result<Words> argv_of(const AwaitGitAdd& command) {
  Words argv{"git", "add", "--all"};
  if (Result<void> added = add_paths(argv, command.paths); !added) return added.error();
  return argv;
}

bool is_trailer(std::string_view line) {
  const std::size_t colon = line.find(": ");
  return colon != 0 && colon != std::string_view::npos &&
         std::ranges::all_of(line.substr(0, colon),
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
}

/// Whether the last block of a message is one of such lines: then more of them belong to it.
bool ends_with_trailers(std::string_view message) {
  const std::size_t blank = message.rfind("\n\n");
  if (blank == std::string_view::npos) return false;
  std::string_view block = message.substr(blank + 2);
  while (!block.empty()) {
    const std::size_t end = std::min(block.find('\n'), block.size());
    if (!is_trailer(block.substr(0, end))) return false;
    block.remove_prefix(std::min(end + 1, block.size()));
  }
  return true;
}

/// By hand, because git runs programs for trailers where the settings say so.
std::string message_of(const AwaitGitCommit& command, CommandId id) {
  std::string message = command.message;
  while (message.ends_with('\n'))
    message.pop_back();
  if (command.trailers == GitTrailers::none) return message;
  message += ends_with_trailers(message) ? "\n" : "\n\n";
  message += "Tinkerbell-Task: " + std::to_string(number(id.task));
  if (command.trailers == GitTrailers::step && number(id.seq) > kStagesAndCommits) {
    message += "\nTinkerbell-Step: " + std::to_string(number(id.seq) - kStagesAndCommits);
  }
  return message;
}

Result<Words> argv_of(const AwaitGitCommit& command, CommandId id) {
  const auto is_blank = [](unsigned char c) { return std::isspace(c) != 0; };
  if (std::ranges::all_of(command.message, is_blank)) {
    return Error{Errc::invalid, "message: is empty"};
  }
  if (command.message.contains('\0')) return Error{Errc::invalid, "message: has a NUL in it"};
  if (command.message.size() > kMessageBytesMax) {
    return Error{Errc::too_large,
                 "message: more than " + std::to_string(kMessageBytesMax) + " bytes"};
  }
  return Words{
      "git",         "commit",    "--no-verify",          "--no-gpg-sign",
      "--no-status", "--no-edit", "--cleanup=whitespace", "--message=" + message_of(command, id)};
}

/// What comes after HEAD is nothing to name, and there may be no commit yet.
void add_start(Words& argv, const std::string& start) {
  if (start != "HEAD") argv.push_back(start);
}

Result<Words> argv_of(const AwaitGitBranch& command, CommandId id) {
  const std::string name = branch_of(command, id.task);
  const bool names_one =
      command.action != GitBranchAction::list && command.action != GitBranchAction::rewind;
  if (names_one) {
    if (Result<void> checked = check_branch(name); !checked) return checked.error();
  }
  if (!command.start.empty()) {
    if (Result<void> checked = check_revision("start", command.start); !checked) {
      return checked.error();
    }
  }
  switch (command.action) {
    case GitBranchAction::list:
      return Words{"git", "for-each-ref",
                   "--format=%(refname)%00%(objectname)%00%(HEAD)%00%(upstream:short)",
                   "refs/heads/"};
    case GitBranchAction::create: {
      Words argv{"git", "branch", "--no-track", "--end-of-options", name};
      if (!command.start.empty()) add_start(argv, command.start);
      return argv;
    }
    case GitBranchAction::change: {
      Words argv{"git", "switch", "--no-progress", "--no-recurse-submodules", "--no-guess"};
      if (command.start.empty()) {
        argv.push_back(name);
        return argv;
      }
      argv.emplace_back("--no-track");
      argv.push_back((command.force ? "--force-create=" : "--create=") + name);
      add_start(argv, command.start);
      return argv;
    }
    case GitBranchAction::remove:
      return Words{"git", "branch", "-D", "--end-of-options", name};
    case GitBranchAction::rewind: {
      if (Result<void> checked = check_commit_hash(command.start); !checked) {
        return checked.error();
      }
      return Words{"git", "reset", "--quiet", "--mixed", command.start};
    }
  }
  return Error{Errc::internal, "no such action"};
}

Result<Words> argv_of(const AwaitGitPush& command, const std::string& remote) {
  if (Result<void> checked = check_operand("the remote", command.remote); !checked) {
    return checked.error();
  }
  if (Result<void> checked = check_branch(command.branch); !checked) return checked.error();
  const std::string branch = "refs/heads/" + command.branch;
  return Words{"git",
               "push",
               "--porcelain",
               "--no-verify",
               "--no-follow-tags",
               "--no-signed",
               "--recurse-submodules=no",

               "--no-progress",
               "--end-of-options",
               remote,
               branch + ":" + branch};
}

struct GitSettingOfOurs {
  std::string_view name;
  std::string_view value;
};

/// "false" and "true" are programs where git wants one.
constexpr auto kSettings = std::to_array<GitSettingOfOurs>({
    {"core.fsmonitor", "false"},
    {"core.hooksPath", "/dev/null"},
    {"core.pager", "cat"},
    {"core.editor", "false"},
    {"core.askPass", "false"},
    {"core.sshCommand", "false"},
    {"core.gitProxy", "none"},
    {"core.alternateRefsCommand", "true"},
    {"core.attributesFile", "/dev/null"},
    {"core.abbrev", "no"},
    {"core.quotePath", "true"},
    {"credential.helper", ""},
    {"protocol.allow", "never"},
    {"protocol.file.allow", "always"},
    {"safe.bareRepository", "explicit"},
    {"commit.gpgSign", "false"},
    {"commit.template", ""},
    {"commit.verbose", "false"},
    {"tag.gpgSign", "false"},
    {"push.gpgSign", "false"},
    {"push.followTags", "false"},
    {"push.recurseSubmodules", "no"},
    {"log.showSignature", "false"},
    {"gpg.program", "false"},
    {"gpg.ssh.program", "false"},
    {"gpg.x509.program", "false"},
    {"gc.auto", "0"},
    {"maintenance.auto", "false"},
    {"diff.ignoreSubmodules", "dirty"},
    {"diff.autoRefreshIndex", "true"},
    {"diff.suppressBlankEmpty", "false"},
    {"diff.noprefix", "false"},
    {"diff.mnemonicPrefix", "false"},
    {"submodule.recurse", "false"},
    {"status.submoduleSummary", "false"},
    {"i18n.commitEncoding", "UTF-8"},
    {"i18n.logOutputEncoding", "UTF-8"},
});

}  // namespace

std::string branch_of(const AwaitGitBranch& command, TaskId task) {
  return command.name.empty() ? "tinkerbell/" + std::to_string(number(task)) : command.name;
}

Result<AwaitProcess> git_program(const TaskCommand& command, CommandId id,
                                 const std::string& remote) {
  Result<Words> argv = std::visit(
      [&]<class C>(const C& each) -> Result<Words> {
        if constexpr (std::same_as<C, AwaitGitPush>) {
          return argv_of(each, remote);
        } else if constexpr (std::same_as<C, AwaitGitCommit> || std::same_as<C, AwaitGitBranch>) {
          return argv_of(each, id);
        } else if constexpr (GitCommand<C>) {
          return argv_of(each);
        } else {
          return Error{Errc::internal, "not a command of git"};
        }
      },
      command);
  if (!argv) return argv.error();
  return AwaitProcess{.argv = *std::move(argv), .output_bytes_max = kGitOutputBytesMax};
}

std::map<std::string, std::string> git_environment(const std::string& workspace) {
  std::map<std::string, std::string> env{
      {"GIT_DIR", workspace + "/.git"}, {"GIT_WORK_TREE", workspace},
      {"GIT_LITERAL_PATHSPECS", "1"},   {"GIT_OPTIONAL_LOCKS", "0"},
      {"GIT_TERMINAL_PROMPT", "0"},     {"GIT_ATTR_NOSYSTEM", "1"},
      {"GIT_ALLOW_PROTOCOL", "file"},   {"GIT_NO_LAZY_FETCH", "1"},
      {"GIT_SSH_COMMAND", "false"},     {"GIT_ASKPASS", "false"},
      {"GIT_EDITOR", "false"},          {"GIT_PAGER", "cat"},
  };
  // The first is what every program is told (drivers/process/environment.cpp): safe.directory.
  for (std::size_t i = 0; i < kSettings.size(); ++i) {
    const std::string at = std::to_string(i + 1);
    env["GIT_CONFIG_KEY_" + at] = kSettings[i].name;
    env["GIT_CONFIG_VALUE_" + at] = kSettings[i].value;
  }
  env["GIT_CONFIG_COUNT"] = std::to_string(kSettings.size() + 1);
  return env;
}

}  // namespace tinkerbell

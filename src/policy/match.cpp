#include "policy/match.hpp"

#include "policy/glob.hpp"

#include <algorithm>
#include <optional>
#include <ranges>
#include <string_view>

namespace tinkerbell {

namespace {

/// The last word of a prefix that stands for any further words, flags too.
constexpr std::string_view kAnythingMore = "...";

bool any_matches(const std::vector<std::string>& globs, std::string_view text) {
  return std::ranges::any_of(globs,
                             [&](const std::string& glob) { return glob_matches(glob, text); });
}

bool is_about_files(const TaskCommand& command) {
  return !paths_of(command).empty() || changes_several(command);
}

/// To stage without paths, or the directory of all, is to stage all there are.
bool is_about_everything(const TaskCommand& command) {
  const auto* const add = std::get_if<AwaitGitAdd>(&command);
  const auto is_all = [](const std::string& path) { return without_dots(path).empty(); };
  return add != nullptr && (add->paths.empty() || std::ranges::any_of(add->paths, is_all));
}

/// A file may have two names, and a command several files: an allowance must hold for all of them,
/// a prohibition for one.
bool paths_match(const Rule& rule, const TaskCommand& command, const Facts& facts) {
  const bool all = rule.decision == Decision::allow;
  if (is_about_everything(command)) return !all;
  if (!is_about_files(command)) return false;
  const bool any = any_file_name(command, facts, [&](const std::string& name) {
    return any_matches(rule.paths, name) != all;
  });
  return any != all;
}

/// `pattern` lists alternatives: "status|diff".
bool word_matches(std::string_view pattern, std::string_view word) {
  while (true) {
    const std::size_t bar = pattern.find('|');
    if (pattern.substr(0, bar) == word) return true;
    if (bar == std::string_view::npos) return false;
    pattern.remove_prefix(bar + 1);
  }
}

/// Word 0 of an allowance must be both what the task wrote and what it resolves to, so that neither
/// `./git` nor another `git` of the path passes. A prohibition holds for any of the names.
bool program_matches(const Rule& rule, std::string_view pattern, std::string_view given,
                     std::string_view resolved) {
  const bool resolved_matches =
      word_matches(pattern, resolved) || word_matches(pattern, last_segment(resolved));
  if (rule.decision == Decision::allow) return word_matches(pattern, given) && resolved_matches;
  return resolved_matches || word_matches(pattern, given) ||
         word_matches(pattern, last_segment(given));
}

bool has_open_end(std::span<const std::string> prefix) {
  return !prefix.empty() && prefix.back() == kAnythingMore;
}

bool prefix_matches(const Rule& rule, std::span<const std::string> prefix,
                    const std::vector<std::string>& argv, const Facts& facts) {
  const bool open_end = has_open_end(prefix);
  if (open_end) prefix = prefix.first(prefix.size() - 1);
  if (prefix.empty() || prefix.size() > argv.size()) return false;
  if (!program_matches(rule, prefix[0], argv[0], facts.object)) return false;
  if (!std::ranges::equal(prefix.subspan(1), std::span(argv).subspan(1, prefix.size() - 1),
                          word_matches)) {
    return false;
  }
  if (rule.decision != Decision::allow || open_end) return true;
  // A flag that the rule does not name may turn a harmless program into another (find -exec).
  return std::ranges::none_of(std::span(argv).subspan(prefix.size()),
                              [](const std::string& word) { return word.starts_with('-'); });
}

std::string_view git_verb(const TaskCommand& command) {
  if (const auto* const branch = std::get_if<AwaitGitBranch>(&command)) {
    if (branch->action == GitBranchAction::change) return "switch";
    return branch->action == GitBranchAction::rewind ? "reset" : "branch";
  }
  const std::string_view name = name_of(command);
  return name.substr(name.find('.') + 1);
}

/// A command of git as somebody would write it who runs git as a program: {"git", "push", "origin",
/// "main"}.
std::vector<std::string> git_words(const TaskCommand& command) {
  std::vector<std::string> words{"git", std::string(git_verb(command))};
  const auto add = [&](const std::string& word) {
    if (!word.empty()) words.push_back(word);
  };
  std::visit(
      [&]<class C>(const C& each) {
        if constexpr (GitCommand<C>) {
          if constexpr (requires { each.remote; }) add(each.remote);
          if constexpr (requires { each.branch; }) add(each.branch);
          if constexpr (requires { each.name; }) add(each.name);
          if constexpr (requires { each.from; }) add(each.from);
          if constexpr (requires { each.to; }) add(each.to);
          if constexpr (requires { each.paths; }) std::ranges::for_each(each.paths, add);
        }
      },
      command);
  return words;
}

/// What is forbidden as a program is so as a command of git, too; allowed it is only by its name.
bool argv_matches(const Rule& rule, const TaskCommand& command, const Facts& facts) {
  const auto* const process = std::get_if<AwaitProcess>(&command);
  const bool restricts_git = rule.decision != Decision::allow && runs_git(command);
  if (process == nullptr && !restricts_git) return false;
  const std::vector<std::string> words = process != nullptr ? process->argv : git_words(command);
  return std::ranges::any_of(
      rule.argv, [&](const auto& prefix) { return prefix_matches(rule, prefix, words, facts); });
}

bool tool_matches(const Rule& rule, const TaskCommand& command) {
  const auto* tool = std::get_if<AwaitTool>(&command);
  return tool != nullptr && any_matches(rule.tools, tool->server + "__" + tool->tool);
}

/// The host of a request with its port: "api.example.com:443" of facts about "https://…".
std::string_view host_and_port(const Facts& facts) {
  const std::string_view origin = facts.object;
  return origin.substr(origin.find("://") + 3);
}

bool hosts_match(const Rule& rule, const TaskCommand& command, const Facts& facts) {
  if (facts.host.empty()) return false;
  if (std::holds_alternative<AwaitHttp>(command) && any_matches(rule.hosts, host_and_port(facts))) {
    return true;
  }
  const bool all = rule.decision == Decision::allow;
  const auto is_meant = [&](const auto& host) {
    return any_matches(rule.hosts, std::string_view(host));
  };
  auto hosts = std::views::split(facts.host, ' ');
  return all ? std::ranges::all_of(hosts, is_meant) : std::ranges::any_of(hosts, is_meant);
}

bool method_matches(const Rule& rule, const TaskCommand& command) {
  const auto* const request = std::get_if<AwaitHttp>(&command);
  return request != nullptr &&
         std::ranges::find(rule.methods, request->method) != rule.methods.end();
}

}  // namespace

std::string without_dots(std::string_view path) {
  std::vector<std::string_view> kept;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    at = end + 1;
    if (segment.empty() || segment == ".") continue;
    if (segment == ".." && !kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else {
      kept.push_back(segment);
    }
  }
  std::string result = path.starts_with('/') ? "/" : "";
  for (const std::string_view segment : kept) {
    if (!result.empty() && !result.ends_with('/')) result += '/';
    result += segment;
  }
  return result;
}

std::string_view last_segment(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

std::vector<std::string_view> paths_of(const TaskCommand& command) {
  return std::visit(
      []<class C>(const C& each) -> std::vector<std::string_view> {
        if constexpr (std::same_as<C, AwaitFileMove>) {
          return {each.path, each.to};
        } else if constexpr (std::same_as<C, AwaitFilePatch>) {
          std::vector<std::string_view> paths;
          for (const PatchedFile& file : each.files) {
            if (!file.path.empty()) paths.push_back(file.path);
            if (!file.to.empty() && file.to != file.path) paths.push_back(file.to);
          }
          return paths;
        } else if constexpr (requires { each.path; }) {
          return {each.path};
        } else if constexpr (GitCommand<C> && requires { each.paths; }) {
          return {each.paths.begin(), each.paths.end()};
        } else {
          return {};
        }
      },
      command);
}

bool any_file_name(const TaskCommand& command, const Facts& facts,
                   const std::function<bool(const std::string& name)>& is_meant) {
  const std::vector<std::string_view> paths = paths_of(command);
  const auto is_path_meant = [&](std::string_view path) { return is_meant(without_dots(path)); };
  if (std::ranges::any_of(paths, is_path_meant)) return true;
  if (!paths.empty() && !facts.object.empty() && is_path_meant(facts.object)) return true;
  return changes_several(command) &&
         std::ranges::any_of(facts.changes, [&](const DraftChange& each) {
           return is_meant(each.change.path);  // a place, so without dots
         });
}

bool leads_out(std::string_view path) {
  const std::string plain = without_dots(path);
  return plain == ".." || plain.starts_with("../");
}

bool matches(const Rule& rule, const TaskCommand& command, const Facts& facts) {
  const std::string_view name = name_of(command);
  return matches_as({&name, 1}, rule, command, facts);
}

bool matches_as(std::span<const std::string_view> names, const Rule& rule,
                const TaskCommand& command, const Facts& facts) {
  const auto is_meant = [&](std::string_view name) { return any_matches(rule.commands, name); };
  return (rule.commands.empty() || std::ranges::any_of(names, is_meant)) &&
         (rule.paths.empty() || paths_match(rule, command, facts)) &&
         (rule.argv.empty() || argv_matches(rule, command, facts)) &&
         (rule.tools.empty() || tool_matches(rule, command)) &&
         (rule.hosts.empty() || hosts_match(rule, command, facts)) &&
         (rule.methods.empty() || method_matches(rule, command));
}

bool names_whole_argv(const Rule& rule, const std::vector<std::string>& argv, const Facts& facts) {
  return std::ranges::any_of(rule.argv, [&](const auto& prefix) {
    return !has_open_end(prefix) && prefix.size() == argv.size() &&
           prefix_matches(rule, prefix, argv, facts);
  });
}

std::string_view fault_of_prefix(std::span<const std::string> prefix) {
  if (prefix.empty() || prefix.front().empty()) return "holds a list that names no program";
  const auto says_anything = [](std::string_view word) {
    return word_matches(word, kAnythingMore);
  };
  const bool open_end = has_open_end(prefix);
  if (open_end) prefix = prefix.first(prefix.size() - 1);
  if (open_end && prefix.empty()) {
    return "holds only \"...\", which follows a program: for all programs say commands = "
           "[\"process.run\"]";
  }
  if (std::ranges::any_of(prefix, says_anything)) {
    return "may hold \"...\" only as the last word of a list";
  }
  return "";
}

}  // namespace tinkerbell

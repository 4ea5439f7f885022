#include "tinkerbell/policy/policy.hpp"

#include "policy/carriers.hpp"
#include "policy/glob.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <climits>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace tinkerbell {

namespace {

// What is larger than this no system call would take anyway; it is refused before it costs time.
constexpr std::size_t kPathBytesMax = PATH_MAX - 1;     // without its final zero
constexpr std::size_t kWordsMax = 4'096;                // words of argv and variables together
constexpr std::size_t kWordBytesMax = (128 << 10) - 1;  // MAX_ARG_STRLEN with its final zero
constexpr std::size_t kWordsBytesMax = 1 << 20;

/// Files that other, trusted programs act upon later. Also where they do not exist yet.
constexpr auto kProtectedPaths = std::to_array<std::string_view>({
    "**/.git",
    "**/.git/**",
    "**/.tinkerbell",
    "**/.tinkerbell/**",
    "**/.envrc",
    "**/.github/hooks/**",
    "**/.vscode/tasks.json",
});

/// The last word of a prefix that stands for any further words, flags too.
constexpr std::string_view kAnythingMore = "...";

std::string_view last_segment(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1);
}

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// ---- what a command is about ----

/// The path of a file command, otherwise nothing.
const std::string* path_of(const TaskCommand& command) {
  return std::visit(
      []<class C>(const C& each) -> const std::string* {
        if constexpr (requires { each.path; }) {
          return &each.path;
        } else {
          return nullptr;
        }
      },
      command);
}

/// `path` without ".", empty and ".." segments. A ".." that leads out stays in front.
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

/// The names under which rules see a file: as the command gives it, and as it was resolved. They
/// differ where a link stands in the way.
std::vector<std::string> file_names(const std::string& path, const Facts& facts) {
  std::vector<std::string> names{without_dots(path)};
  if (!facts.object.empty()) names.push_back(without_dots(facts.object));
  return names;
}

bool leads_out(const std::string& path) {
  const std::string plain = without_dots(path);
  return plain == ".." || plain.starts_with("../");
}

// ---- rules ----

bool any_matches(const std::vector<std::string>& globs, std::string_view text) {
  return std::ranges::any_of(globs,
                             [&](const std::string& glob) { return glob_matches(glob, text); });
}

/// A file may have two names: an allowance must hold for both, a prohibition for one of them.
bool paths_match(const Rule& rule, const TaskCommand& command, const Facts& facts) {
  const std::string* path = path_of(command);
  if (path == nullptr) return false;
  const std::vector<std::string> names = file_names(*path, facts);
  const auto matches = [&](const std::string& name) { return any_matches(rule.paths, name); };
  return rule.decision == Decision::allow ? std::ranges::all_of(names, matches)
                                          : std::ranges::any_of(names, matches);
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

bool argv_matches(const Rule& rule, const TaskCommand& command, const Facts& facts) {
  const auto* process = std::get_if<AwaitProcess>(&command);
  return process != nullptr && std::ranges::any_of(rule.argv, [&](const auto& prefix) {
           return prefix_matches(rule, prefix, process->argv, facts);
         });
}

bool matches(const Rule& rule, const TaskCommand& command, const Facts& facts) {
  return (rule.commands.empty() || any_matches(rule.commands, name_of(command))) &&
         (rule.paths.empty() || paths_match(rule, command, facts)) &&
         (rule.argv.empty() || argv_matches(rule, command, facts));
}

/// Whether one of the rule's prefixes is the whole argv, word for word. One with an open end names
/// no words beyond it, also not a file of that name.
bool names_whole_argv(const Rule& rule, const std::vector<std::string>& argv, const Facts& facts) {
  return std::ranges::any_of(rule.argv, [&](const auto& prefix) {
    return !has_open_end(prefix) && prefix.size() == argv.size() &&
           prefix_matches(rule, prefix, argv, facts);
  });
}

/// Why a rule that matches must not allow this program, or nothing.
std::optional<std::string> allowance_gap(const Rule& rule, const TaskCommand& command,
                                         const Facts& facts) {
  const auto* process = std::get_if<AwaitProcess>(&command);
  if (process == nullptr || process->argv.empty()) return std::nullopt;
  if (!process->env.empty()) return "it sets environment variables";
  const std::string_view given = last_segment(process->argv[0]);
  if ((is_carrier(given) || is_carrier(last_segment(facts.object))) &&
      !names_whole_argv(rule, process->argv, facts)) {
    return visible_line(given) +
           " runs what its arguments say, and the rule does not name them all";
  }
  return std::nullopt;
}

// ---- judging ----

std::optional<std::string> excess_of_path(std::string_view path) {
  if (path.size() <= kPathBytesMax) return std::nullopt;
  return "a path of " + std::to_string(path.size()) + " bytes";
}

std::optional<std::string> excess_of_words(const AwaitProcess& process) {
  const std::size_t words = process.argv.size() + process.env.size();
  if (words > kWordsMax) return std::to_string(words) + " words and variables";
  std::size_t total = 0;
  std::size_t longest = 0;
  const auto count = [&](std::size_t bytes) {
    total += bytes;
    longest = std::max(longest, bytes);
  };
  for (const std::string& word : process.argv)
    count(word.size());
  for (const auto& [name, value] : process.env)
    count(name.size() + value.size() + 1);
  if (longest > kWordBytesMax) return "a word of " + std::to_string(longest) + " bytes";
  if (total > kWordsBytesMax) return "words of " + std::to_string(total) + " bytes";
  return std::nullopt;
}

/// Which limit a command exceeds, or nothing.
std::optional<std::string> excess_of(const TaskCommand& command) {
  if (const std::string* path = path_of(command)) return excess_of_path(*path);
  const auto* process = std::get_if<AwaitProcess>(&command);
  if (process == nullptr) return std::nullopt;
  if (auto excess = excess_of_path(process->cwd)) return excess;
  return excess_of_words(*process);
}

std::optional<Verdict> refused_outright(const TaskCommand& command, const Facts& facts) {
  if (std::optional<std::string> what = excess_of(command)) {
    return Verdict{Decision::deny, "built-in: too large to judge", *std::move(what)};
  }
  const std::string* path = path_of(command);
  const auto* process = std::get_if<AwaitProcess>(&command);
  if (facts.outside || (path && leads_out(*path)) || (process && leads_out(process->cwd))) {
    return Verdict{Decision::deny, "built-in: outside the workspace", ""};
  }
  return std::nullopt;
}

/// The first rule of this decision that matches.
std::optional<Verdict> restricted(Decision decision, const TaskCommand& command, const Facts& facts,
                                  const Rules& rules) {
  for (const Rule& rule : rules.rules) {
    if (rule.decision == decision && matches(rule, command, facts)) {
      return Verdict{decision, rule.name, ""};
    }
  }
  return std::nullopt;
}

std::optional<Verdict> guarded_path(const TaskCommand& command, const Facts& facts) {
  const std::string* path = path_of(command);
  if (path == nullptr || effect_of(command) != EffectClass::local) return std::nullopt;
  for (const std::string& name : file_names(*path, facts)) {
    // Lower case, because some file systems do not tell .GIT from .git.
    const std::string lowered = lower_case(name);
    if (std::ranges::any_of(kProtectedPaths,
                            [&](std::string_view glob) { return glob_matches(glob, lowered); })) {
      return Verdict{Decision::ask, "built-in: protected path",
                     "other programs act on " + visible_line(name)};
    }
  }
  return std::nullopt;
}

/// The built-in rule for a command of which the config says nothing.
Verdict default_verdict(const TaskCommand& command) {
  const auto inside = [] {
    return Verdict{Decision::allow, "default: commands inside the daemon run", ""};
  };
  const auto reading = [] {
    return Verdict{Decision::allow, "default: reads in the workspace run", ""};
  };
  const auto changing = [] { return Verdict{Decision::ask, "default: file changes ask", ""}; };
  return std::visit(
      Overloaded{
          [&](const GetTid&) { return inside(); },
          [&](const Yield&) { return inside(); },
          [&](const Spawn&) { return inside(); },
          [&](const Join&) { return inside(); },
          [&](const Kill&) { return inside(); },
          [&](const Sleep&) { return inside(); },
          [&](const Now&) { return inside(); },
          [&](const Random&) { return inside(); },
          [&](const AwaitFileRead&) { return reading(); },
          [&](const AwaitFileWrite&) { return changing(); },
          [&](const AwaitFileEdit&) { return changing(); },
          [&](const AwaitFileList&) { return reading(); },
          [&](const AwaitFileSearch&) { return reading(); },
          [&](const AwaitUserApproval&) { return inside(); },
          [&](const AwaitUserAnswer&) { return inside(); },
          [&](const AwaitProcess&) { return Verdict{Decision::ask, "default: programs ask", ""}; },
          [&](const AwaitLLMResponse&) {
            return Verdict{Decision::allow, "default: model calls run", ""};
          },
      },
      command);
}

/// The commands that would show by itself what a search or list shows of an entry.
std::vector<TaskCommand> looks_at(const std::string& entry, const TaskCommand& look) {
  if (std::holds_alternative<AwaitFileSearch>(look)) {
    return {AwaitFileSearch{.path = entry}, AwaitFileRead{.path = entry}};
  }
  return {AwaitFileList{.path = entry}};
}

Verdict allowed_or_default(const TaskCommand& command, const Facts& facts, const Rules& rules) {
  Verdict otherwise = default_verdict(command);
  for (const Rule& rule : rules.rules) {
    if (rule.decision != Decision::allow || !matches(rule, command, facts)) continue;
    std::optional<std::string> gap = allowance_gap(rule, command, facts);
    if (!gap) return {Decision::allow, rule.name, ""};
    otherwise.reason = "not allowed by \"" + rule.name + "\": " + *std::move(gap);
  }
  return otherwise;
}

}  // namespace

Verdict decide(const TaskCommand& command, const Facts& facts, const Rules& rules) {
  if (auto refused = refused_outright(command, facts)) return *std::move(refused);
  if (auto denied = restricted(Decision::deny, command, facts, rules)) return *std::move(denied);
  if (auto guarded = guarded_path(command, facts)) return *std::move(guarded);
  if (auto asked = restricted(Decision::ask, command, facts, rules)) return *std::move(asked);
  return allowed_or_default(command, facts, rules);
}

bool may_show(const TaskCommand& look, const Facts& facts, const std::string& entry,
              const Rules& rules) {
  const std::vector<TaskCommand> alone = looks_at(entry, look);
  return std::ranges::none_of(rules.rules, [&](const Rule& rule) {
    return rule.decision != Decision::allow && !rule.paths.empty() &&
           std::ranges::any_of(alone,
                               [&](const TaskCommand& each) { return matches(rule, each, {}); }) &&
           !matches(rule, look, facts);
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

bool names_a_command(std::string_view glob) {
  return [&]<class... Commands>(std::type_identity<std::variant<Commands...>>) {
    return (glob_matches(glob, Commands::kName) || ...);
  }(std::type_identity<TaskCommand>{});
}

}  // namespace tinkerbell

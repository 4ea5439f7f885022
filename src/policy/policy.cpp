#include "tinkerbell/policy/policy.hpp"

#include "policy/carriers.hpp"
#include "policy/glob.hpp"
#include "policy/match.hpp"
#include "policy/narrowing.hpp"

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

/// A removal may name 100 000 paths: those without a dot at the beginning of a name need no closer
/// look.
constexpr std::string_view kProtectedBegin = "**/.";
static_assert(std::ranges::all_of(kProtectedPaths, [](std::string_view glob) {
  return glob.starts_with(kProtectedBegin);
}));

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

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
  for (const std::string_view path : paths_of(command)) {
    if (auto excess = excess_of_path(path)) return excess;
  }
  const auto* process = std::get_if<AwaitProcess>(&command);
  if (process == nullptr) return std::nullopt;
  if (auto excess = excess_of_path(process->cwd)) return excess;
  return excess_of_words(*process);
}

std::optional<Verdict> refused_outright(const TaskCommand& command, const Facts& facts) {
  if (std::optional<std::string> what = excess_of(command)) {
    return Verdict{Decision::deny, "built-in: too large to judge", *std::move(what)};
  }
  const auto* process = std::get_if<AwaitProcess>(&command);
  if (facts.outside || std::ranges::any_of(paths_of(command), leads_out) ||
      (process && leads_out(process->cwd))) {
    return Verdict{Decision::deny, "built-in: outside the workspace", ""};
  }
  return std::nullopt;
}

/// Whether a rule that denies or asks is about this command. To move, remove, restore or patch
/// files is to write all that it changes. What is moved, by a patch too, may be read where it comes
/// to stand; and whether a hunk fits tells what a file holds.
bool restricts(const Rule& rule, const TaskCommand& command, const Facts& facts) {
  std::vector<std::string_view> names{name_of(command)};
  if (changes_several(command)) names.push_back(AwaitFileWrite::kName);
  if (std::holds_alternative<AwaitFileMove>(command)) names.push_back(AwaitFileRead::kName);
  if (std::holds_alternative<AwaitFilePatch>(command)) names.push_back(AwaitFileRead::kName);
  return matches_as(names, rule, command, facts);
}

/// The first rule of this decision that matches.
std::optional<Verdict> restricted(Decision decision, const TaskCommand& command, const Facts& facts,
                                  const Rules& rules) {
  for (const Rule& rule : rules.rules) {
    if (rule.decision == decision && restricts(rule, command, facts)) {
      return Verdict{decision, rule.name, ""};
    }
  }
  return std::nullopt;
}

std::optional<Verdict> kept_secret(const TaskCommand& command, const Facts& facts,
                                   const Taint& taint) {
  if (!taint.secrets || !may_be_misled(taint) || !reaches_out(command, facts)) return std::nullopt;
  return Verdict{Decision::deny, "built-in: what has read secrets sends nothing out",
                 "the task has read a file of secrets and words that others may have written"};
}

std::optional<Verdict> guarded_path(const TaskCommand& command, const Facts& facts) {
  if (effect_of(command) != EffectClass::local) return std::nullopt;
  std::optional<Verdict> verdict;
  (void)any_file_name(command, facts, [&](const std::string& name) {
    if (!is_protected_path(name)) return false;
    verdict = {Decision::ask, "built-in: protected path",
               "other programs act on " + visible_line(name)};
    return true;
  });
  return verdict;
}

/// Nobody is asked about several commands in one question: their parts come again, each by itself.
Verdict asked_one_by_one(const Verdict& asked) {
  return {Decision::deny, asked.rule, "what it asks about is asked for one by one"};
}

/// The built-in rule for a command of which the config says nothing.
Verdict default_verdict(const TaskCommand& command, const Facts& facts, const Rules& rules) {
  const bool in_draft = facts.draft != kNoTask;
  const auto inside = [] {
    return Verdict{Decision::allow, "default: commands inside the daemon run", ""};
  };
  const auto reading = [] {
    return Verdict{Decision::allow, "default: reads in the workspace run", ""};
  };
  const auto changing = [&] {
    return in_draft ? Verdict{Decision::allow, "default: changes in a draft run", ""}
                    : Verdict{Decision::ask, "default: file changes ask", ""};
  };
  // Without a sandbox a program reaches the workspace itself, and all else.
  const auto running = [&] {
    return in_draft && facts.sandbox != kNoSandbox
               ? Verdict{Decision::allow, "default: sandboxed programs in a draft run", ""}
               : Verdict{Decision::ask, "default: programs ask", ""};
  };
  // What git changes nobody can see beforehand, as with any program; it never goes without a
  // sandbox.
  const auto versioning = [&] {
    return in_draft ? Verdict{Decision::allow, "default: git in a draft runs", ""}
                    : Verdict{Decision::ask, "default: changes by git ask", ""};
  };
  const auto looking = [] {
    return Verdict{Decision::allow, "default: looks at a repository run", ""};
  };
  return std::visit(
      Overloaded{
          [&](const GetTid&) { return inside(); },
          [&](const Yield&) { return inside(); },
          [&](const Hear&) { return inside(); },
          [&](const Spawn&) { return inside(); },
          [&](const Join&) { return inside(); },
          [&](const Wait&) { return inside(); },
          [&](const Kill&) { return inside(); },
          [&](const Send&) { return inside(); },
          [&](const Receive&) { return inside(); },
          [&](const Checkpoint&) { return inside(); },
          [&](const Sleep&) { return inside(); },
          [&](const Now&) { return inside(); },
          [&](const Random&) { return inside(); },
          [&](const Together&) {
            return Verdict{Decision::allow, "default: each part is judged by itself", ""};
          },
          [&](const AwaitFileRead&) { return reading(); },
          [&](const AwaitFileWrite&) { return changing(); },
          [&](const AwaitFileEdit&) { return changing(); },
          [&](const AwaitFileList&) { return reading(); },
          [&](const AwaitFileSearch&) { return reading(); },
          [&](const AwaitFileStat&) { return reading(); },
          [&](const AwaitGuidance&) { return reading(); },
          [&](const AwaitSkill&) { return reading(); },
          [&](const UpdatePlan&) { return inside(); },
          [&](const AwaitToolList&) {
            return Verdict{Decision::allow, "default: tools are listed", ""};
          },
          [&](const AwaitToolTrust&) {
            return Verdict{Decision::ask, "default: trusting a tool asks", ""};
          },
          [&](const AwaitTool&) {
            return Verdict{Decision::ask, "default: tools of servers ask", ""};
          },
          [&](const AwaitFileMove&) { return changing(); },
          [&](const AwaitFileRemove&) { return changing(); },
          [&](const AwaitFilePatch&) { return changing(); },
          [&](const AwaitFileSave&) { return changing(); },
          [&](const AwaitFileRestore&) {
            return facts.changes.empty()
                       ? Verdict{Decision::allow, "default: there is nothing to take back", ""}
                       : Verdict{Decision::ask, "default: taking changes back asks", ""};
          },
          [&](const AwaitContentRead&) {
            return Verdict{Decision::allow, "default: what was kept for a task is read", ""};
          },
          [&](const AwaitUserApproval&) { return inside(); },
          [&](const AwaitUserAnswer&) { return inside(); },
          [&](const AwaitProcess&) { return running(); },
          [&](const AwaitDraftOpen&) {
            const bool large =
                facts.copy && !facts.copy->shared && facts.copy->bytes > rules.draft_bytes_unasked;
            return large ? Verdict{Decision::ask, "default: large drafts ask", ""}
                         : Verdict{Decision::allow, "default: drafts are made", ""};
          },
          [&](const AwaitDraftAccept&) {
            return facts.changes.empty()
                       ? Verdict{Decision::allow, "default: there is nothing to accept", ""}
                       : Verdict{Decision::ask, "default: accepting a draft asks", ""};
          },
          [&](const AwaitDraftDrop&) {
            return Verdict{Decision::ask, "default: dropping a draft asks", ""};
          },
          [&](const AwaitHttp&) {
            return Verdict{Decision::ask, "default: requests over the network ask", ""};
          },
          [&](const AwaitGitStatus&) { return looking(); },
          [&](const AwaitGitDiff&) { return looking(); },
          [&](const AwaitGitLog&) { return looking(); },
          [&](const AwaitGitAdd&) { return versioning(); },
          [&](const AwaitGitCommit&) { return versioning(); },
          [&](const AwaitGitBranch& c) {
            return c.action == GitBranchAction::list ? looking() : versioning();
          },
          [&](const AwaitGitPush&) { return Verdict{Decision::ask, "default: pushes ask", ""}; },
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

/// Why a rule that matches must not allow this, or nothing.
std::optional<std::string> allowance_gap(const Rule& rule, const TaskCommand& command,
                                         const Facts& facts, const Taint& taint) {
  if (!rule.tainted && may_be_misled(taint) && reaches_out(command, facts)) {
    return "its model has read what others may have written, and the rule does not say tainted = "
           "true";
  }
  if (std::holds_alternative<AwaitGitPush>(command) &&
      std::ranges::count(rule.commands, AwaitGitPush::kName) == 0) {
    return "it does not name git.push";
  }
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

Verdict allowed_or_default(const TaskCommand& command, const Facts& facts, const Rules& rules,
                           const Subject& subject) {
  Verdict otherwise = default_verdict(command, facts, rules);
  for (const Rule& rule : rules.rules) {
    if (rule.decision != Decision::allow || !matches(rule, command, facts)) continue;
    std::optional<std::string> gap = allowance_gap(rule, command, facts, subject.taint);
    if (!gap) return {Decision::allow, rule.name, ""};
    otherwise.reason = "not allowed by \"" + rule.name + "\": " + *std::move(gap);
  }
  if (otherwise.decision != Decision::ask) return otherwise;
  if (const StandingRule* const rule = covering(subject.standing, command, facts, subject.taint)) {
    return {Decision::allow, title_of(*rule), "", rule->number};
  }
  return otherwise;
}

}  // namespace

std::string explained(const Verdict& verdict) {
  return verdict.reason.empty() ? verdict.rule : verdict.rule + " (" + verdict.reason + ")";
}

Verdict decide(const TaskCommand& command, const Facts& facts, const Rules& rules,
               const Subject& subject) {
  if (auto out = left_out(command, facts, subject.narrowing)) return *std::move(out);
  if (auto refused = refused_outright(command, facts)) return *std::move(refused);
  if (auto denied = restricted(Decision::deny, command, facts, rules)) return *std::move(denied);
  if (auto kept = kept_secret(command, facts, subject.taint)) return *std::move(kept);
  if (auto guarded = guarded_path(command, facts)) return *std::move(guarded);
  if (auto asked = restricted(Decision::ask, command, facts, rules)) {
    const bool has_parts = std::holds_alternative<Together>(command);
    return has_parts ? asked_one_by_one(*asked) : *std::move(asked);
  }
  return allowed_or_default(command, facts, rules, subject);
}

bool is_protected_path(std::string_view path) {
  if (!path.starts_with('.') && !path.contains("/.")) return false;
  // Lower case, because some file systems do not tell .GIT from .git.
  const std::string lowered = lower_case(std::string(path));
  return std::ranges::any_of(kProtectedPaths,
                             [&](std::string_view glob) { return glob_matches(glob, lowered); });
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

bool names_a_command(std::string_view glob) {
  return [&]<class... Commands>(std::type_identity<std::variant<Commands...>>) {
    return (glob_matches(glob, Commands::kName) || ...);
  }(std::type_identity<CommandVariant>{});
}

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/policy/standing_rule.hpp"
#include "tinkerbell/policy/taint.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

enum class Decision : std::uint8_t { allow, ask, deny };

template <>
inline constexpr std::array<std::string_view, 3> kNames<Decision> = {"allow", "ask", "deny"};

/// What a rule said about a command.
struct Verdict {
  Decision decision = Decision::ask;
  std::string rule;                 ///< The rule's name: "default: file changes ask".
  std::string reason;               ///< For people, where the name does not say it.
  std::uint64_t standing_rule = 0;  ///< The number of the one that allows it, if one does.

  static constexpr auto fields() {
    return described(field("decision", &Verdict::decision), field("rule", &Verdict::rule),
                     field("reason", &Verdict::reason),
                     field("standing_rule", &Verdict::standing_rule));
  }
};

/// The rule, and what is said besides: `docs may be read (the reason)`.
[[nodiscard]] std::string explained(const Verdict& verdict);

/// One rule. Every condition that is given must hold; one that is empty holds always.
/// Matching is structural and anchored: never a regular expression over a joined command line.
struct Rule {
  std::string name;
  Decision decision = Decision::ask;
  std::vector<std::string> commands;  ///< Names: "file.write", "file.*", "*".
  std::vector<std::string>
      paths;  ///< Globs on the path within the workspace: "docs/**", "*.md". Of files, and of
              ///< what a command of git names. Where a command changes several, an allowance must
              ///< name all, anything else one.
  std::vector<std::vector<std::string>>
      argv;  ///< Prefixes, word for word, word 0 by program name: {"git", "status"}.
             ///< Of programs, and of git's commands where nothing is
             ///< allowed; "status|diff" lists alternatives. An allowance
             ///< covers no further flags than it names, unless its last word is
             ///< "...", and neither an environment nor a shell, interpreter or
             ///< wrapper, unless it names every word of the argv.
  std::vector<std::string> tools;    ///< Globs on "server__tool", of tool.call only.
  std::vector<std::string> hosts;    ///< Globs on who is talked to: "*.example.com"; of requests
                                     ///< also "api.example.com:8443". In lower case. Where a
                                     ///< command may talk to several, an allowance must name all.
  std::vector<std::string> methods;  ///< Of requests: "GET", "POST".
  bool tainted = false;  ///< Of an allowance: it holds for tasks that may be misled, too, where
                         ///< something reaches out.
};

struct Rules {
  std::vector<Rule> rules;  ///< From the config.
  /// A draft for which more than this must be copied asks where no rule says otherwise.
  std::uint64_t draft_bytes_unasked = std::uint64_t{2} << 30;
  /// Globs on paths within the workspace. A task that has read such a file and may be misled sends
  /// nothing out.
  std::vector<std::string> secret_files = usual_secret_files();
};

/// What a task may do at most, whatever the rules and people say. Each generation can only narrow
/// what the one above it has.
struct Narrowing {
  std::optional<std::vector<std::string>> only;  ///< Names of commands; nothing: all.
  std::string directory;  ///< Within the workspace, without dots and links; empty: all of it.

  static constexpr auto fields() {
    return described(field("only", &Narrowing::only), field("directory", &Narrowing::directory));
  }

  bool operator==(const Narrowing&) const = default;
};

/// That of a child: its parent's and, besides, what its Spawn says. Errors: invalid.
[[nodiscard]] Result<Narrowing> narrowed(const Narrowing& parent, const Spawn& child);

/// The task whose command is judged, as far as a verdict depends on it.
struct Subject {
  Narrowing narrowing = {};
  RulesInForce standing = {};
  Taint taint = {};
};

/// Judges a command. Pure: the same arguments give the same verdict.
///
/// What the subject's narrowing leaves out is denied before anything else is asked.
///
/// Deny beats ask beats allow, whatever the order of the rules. Where no configured rule matches,
/// the built-in ones decide: reads inside the workspace, model calls and commands inside the daemon
/// run, and so do changes and sandboxed programs in a draft, and drafts that are no large copies;
/// file changes, programs and everything else ask. A path that leaves the workspace is denied
/// whatever a rule says; a change of `.git/config`, `.git/hooks` or of our own config inside a
/// workspace asks even where a rule allows it. What leaves the machine asks, in a draft too, but
/// for model calls; so does a push, unless a rule names just that. Looks at a repository run, other
/// commands of git as file changes do.
///
/// Of a task that may be misled (Taint) what reaches out asks even where a rule allows it, unless
/// that is `tainted`; and is denied if the task has read secrets. That somebody could have told the
/// model to do it is not known, but possible.
///
/// A standing rule allows what only a built-in rule for want of others asks; and what reaches out
/// to a task that may be misled only if it was made of the question of such a one.
///
/// What a rule says of file.write, if that is not to allow it, holds for what file.move,
/// file.remove, file.restore and file.patch change as well; of file.read for what file.move moves
/// and file.patch changes.
/// Of task.together each part is judged like a command of its own; what asks about it as a whole
/// denies it, so that its parts are asked for one by one.
[[nodiscard]] Verdict decide(const TaskCommand& command, const Facts& facts, const Rules& rules,
                             const Subject& subject = {});

/// Whether a search may show lines of `entry`, or a list its name: a path within the workspace free
/// of links. Pure.
///
/// Rules with `paths` that deny or ask hold for each entry below the place that is looked at, as if
/// it were searched, read or listed by itself; whoever looks at a place that such a rule names was
/// judged by it already.
[[nodiscard]] bool may_show(const TaskCommand& look, const Facts& facts, const std::string& entry,
                            const Rules& rules);

/// Whether other, trusted programs act on what stands at a path within a workspace: `.git`, its own
/// config and hooks, `.envrc` and the like (HAZARDS S22); also where nothing stands there yet.
[[nodiscard]] bool is_protected_path(std::string_view path);

/// Says what is wrong with a prefix of Rule::argv, or nothing: one that could never match, or would
/// match another word than it seems to.
[[nodiscard]] std::string_view fault_of_prefix(std::span<const std::string> prefix);

/// Whether the name of any command matches `glob`: a rule for none is a misspelt one.
[[nodiscard]] bool names_a_command(std::string_view glob);

}  // namespace tinkerbell

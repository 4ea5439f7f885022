#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/policy/taint.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

struct Rules;

/// What a person has allowed for good, made from one command that they approved. It says exactly
/// what it allows and knows no patterns; whatever it does not say is not allowed by it.
struct StandingRule {
  std::uint64_t number = 0;  ///< Of the approval that it was made with.

  std::string command;    ///< The name: "process.run".
  std::string workspace;  ///< Where it holds.
  bool in_draft = false;  ///< It holds in drafts of the workspace, and not in that itself.

  // of a program
  std::string program;            ///< The file, resolved: "/usr/bin/git".
  std::string program_sha256;     ///< Of one that tasks can write; empty: of any content.
  std::vector<std::string> argv;  ///< The first words, or all of them.
  bool with_files = false;        ///< Behind these words stand files, at least one.
  std::string cwd;                ///< Within the workspace.
  std::string sandbox;            ///< As Facts::sandbox.
  std::string host;               ///< As Facts::host.

  // of a file
  std::string path;    ///< Within the workspace.
  bool below = false;  ///< All files below that directory.

  // whence it comes
  std::uint32_t by_uid = 0;
  std::string via;                   ///< As Person::via.
  std::int64_t since_unix_ns = 0;    ///< When it was made.
  std::int64_t expires_unix_ns = 0;  ///< 0: never.

  // what became of it
  std::uint64_t used = 0;
  std::int64_t last_used_unix_ns = 0;

  bool tainted = false;  ///< It was made of a question of a task that may be misled, about what
                         ///< reaches out (taint.hpp), and allows that to such tasks.

  static constexpr auto fields() {
    return described(
        field("number", &StandingRule::number), field("command", &StandingRule::command),
        field("workspace", &StandingRule::workspace), field("in_draft", &StandingRule::in_draft),
        field("program", &StandingRule::program),
        field("program_sha256", &StandingRule::program_sha256), field("argv", &StandingRule::argv),
        field("with_files", &StandingRule::with_files), field("cwd", &StandingRule::cwd),
        field("sandbox", &StandingRule::sandbox), field("host", &StandingRule::host),
        field("path", &StandingRule::path), field("below", &StandingRule::below),
        field("by_uid", &StandingRule::by_uid), field("via", &StandingRule::via),
        field("since_unix_ns", &StandingRule::since_unix_ns),
        field("expires_unix_ns", &StandingRule::expires_unix_ns),
        field("used", &StandingRule::used),
        field("last_used_unix_ns", &StandingRule::last_used_unix_ns),
        field("tainted", &StandingRule::tainted));
  }

  bool operator==(const StandingRule&) const = default;
};

/// The standing rules as they are when something is judged.
struct RulesInForce {
  std::span<const StandingRule> rules = {};
  std::string_view workspace = {};  ///< Of the task.
  WallTime now{};
};

/// What an approval for good would make of a command: a rule, or the reason why it makes none.
struct RuleOffer {
  std::optional<StandingRule> rule;  ///< Without number, person and time.
  std::string why_not;               ///< Empty also where there are none for such commands.

  static constexpr auto fields() {
    return described(field("rule", &RuleOffer::rule), field("why_not", &RuleOffer::why_not));
  }

  bool operator==(const RuleOffer&) const = default;
};

/// Makes the narrowest rule that is still of use. Pure.
///
/// Of a file changed: its path. Of a program: its file, every word up to the last one that is not
/// plainly a file of the workspace, and whether files follow; all words of one that runs without a
/// sandbox or is a shell, interpreter or wrapper. None where the built-in rules or the config ask
/// whatever is allowed, and none for what is no single change or program: what a rule would say of
/// drafts, of undo and of effects in doubt nobody can know beforehand.
[[nodiscard]] RuleOffer offer_rule(const TaskCommand& command, const Facts& facts,
                                   const std::string& workspace, const Rules& rules,
                                   const Taint& taint = {});

/// The same rule for all files of the directory in which its file is; nothing: it is not of a file.
[[nodiscard]] std::optional<StandingRule> for_directory(const StandingRule& rule);

/// Whether the rule allows this, if nothing asks or denies; whether it has expired is not looked
/// at.
[[nodiscard]] bool covers(const StandingRule& rule, const TaskCommand& command, const Facts& facts,
                          std::string_view workspace);

[[nodiscard]] bool has_expired(const StandingRule& rule, WallTime now);

/// The one that allows this now to a task with that taint, or null.
[[nodiscard]] const StandingRule* covering(const RulesInForce& standing, const TaskCommand& command,
                                           const Facts& facts, const Taint& taint);

/// All that the rule allows, in one line for people.
[[nodiscard]] std::string in_words(const StandingRule& rule);

/// "standing rule 3, by uid 1000 on 2026-11-27".
[[nodiscard]] std::string title_of(const StandingRule& rule);

}  // namespace tinkerbell

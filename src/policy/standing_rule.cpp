#include "tinkerbell/policy/standing_rule.hpp"

#include "policy/carriers.hpp"
#include "policy/match.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/render.hpp"
#include "tinkerbell/policy/policy.hpp"

#include <algorithm>

namespace tinkerbell {

namespace {

/// A rule is kept in memory and read by people.
constexpr std::size_t kRuleBytesMax = 4 << 10;

bool is_flag(std::string_view word) {
  return word.starts_with('-');
}

/// Whether a word can be nothing but a path within the workspace: no flag, name of a subcommand,
/// list of options (@file), assignment, or address.
bool is_plainly_a_file(std::string_view word) {
  const bool is_path = word.contains('/') || word.contains('.');
  const bool is_special = word.find_first_of("=:,") != word.npos || is_flag(word) ||
                          word.starts_with('+') || word.starts_with('@') || word.starts_with('~');
  return is_path && !is_special && !word.starts_with('/') && !leads_out(word);
}

/// Whether it is a path of a file that is there, and on which no other program acts: otherwise a
/// branch or a package may be meant.
bool names_a_file(const std::string& word, const AwaitProcess& process, const Facts& facts) {
  const std::string path = without_dots(process.cwd + "/" + word);
  return is_plainly_a_file(word) && !is_protected_path(path) &&
         std::ranges::count(facts.files, path, &FileFact::path) > 0;
}

/// How many words a rule must name: up to the last one that names no file, or may be the value of a
/// flag.
std::size_t words_to_name(const AwaitProcess& process, const Facts& facts) {
  const std::vector<std::string>& argv = process.argv;
  std::size_t named = 1;
  for (std::size_t at = 1; at < argv.size(); ++at) {
    const bool may_be_value = is_flag(argv[at - 1]);
    if (may_be_value || !names_a_file(argv[at], process, facts)) named = at + 1;
  }
  return named;
}

bool is_below(std::string_view path, std::string_view directory) {
  if (directory == ".") return true;
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

/// What a task can write it can also replace.
bool tasks_can_write(const Facts& facts, std::string_view workspace) {
  return facts.draft != kNoTask || is_below(facts.object, workspace);
}

std::string hash_to_bind(const Facts& facts, std::string_view workspace) {
  return tasks_can_write(facts, workspace) ? facts.object_sha256 : std::string();
}

bool needs_all_words(const AwaitProcess& process, const Facts& facts) {
  return facts.sandbox == kNoSandbox || is_carrier(last_segment(process.argv[0])) ||
         is_carrier(last_segment(facts.object));
}

/// A file command with one path of its own.
bool changes_one_file(const TaskCommand& command) {
  return std::holds_alternative<AwaitFileWrite>(command) ||
         std::holds_alternative<AwaitFileEdit>(command) ||
         std::holds_alternative<AwaitFileRemove>(command);
}

RuleOffer none(std::string why) {
  return {.rule = {}, .why_not = std::move(why)};
}

RuleOffer offer_for_program(StandingRule rule, const AwaitProcess& process, const Facts& facts) {
  if (process.argv.empty() || facts.object.empty()) return none("it names no program");
  if (!process.env.empty()) return none("it sets environment variables");
  rule.program = facts.object;
  rule.program_sha256 = hash_to_bind(facts, rule.workspace);
  rule.argv = process.argv;
  if (!needs_all_words(process, facts)) {
    rule.argv.resize(words_to_name(process, facts));
    rule.with_files = rule.argv.size() < process.argv.size();
  }
  rule.cwd = process.cwd;
  rule.sandbox = facts.sandbox;
  rule.host = facts.host;
  return {.rule = std::move(rule), .why_not = {}};
}

RuleOffer offer_for(const TaskCommand& command, const Facts& facts, const std::string& workspace) {
  StandingRule rule{.command = std::string(name_of(command)),
                    .workspace = workspace,
                    .in_draft = facts.draft != kNoTask};
  if (const auto* process = std::get_if<AwaitProcess>(&command)) {
    return offer_for_program(std::move(rule), *process, facts);
  }
  if (!changes_one_file(command)) return {};
  rule.path = facts.object;
  return {.rule = std::move(rule), .why_not = {}};
}

bool program_covered(const StandingRule& rule, const AwaitProcess& process, const Facts& facts) {
  const std::size_t named = rule.argv.size();
  const std::vector<std::string>& argv = process.argv;
  const bool right_length = rule.with_files ? argv.size() > named : argv.size() == named;
  return right_length && named > 0 && std::ranges::equal(rule.argv, std::span(argv).first(named)) &&
         std::ranges::all_of(
             std::span(argv).subspan(named),
             [&](const std::string& word) { return names_a_file(word, process, facts); }) &&
         process.env.empty() && process.cwd == rule.cwd && facts.object == rule.program &&
         facts.sandbox == rule.sandbox && facts.host == rule.host &&
         hash_to_bind(facts, rule.workspace) == rule.program_sha256;
}

bool file_covered(const StandingRule& rule, const TaskCommand& command, const Facts& facts) {
  if (rule.path.empty()) return false;
  return !any_file_name(command, facts, [&](const std::string& name) {
    return rule.below ? !is_below(name, rule.path) : name != rule.path;
  });
}

std::string words_of_program(const StandingRule& rule) {
  std::string text = "run";
  for (const std::string& word : rule.argv)
    text += " " + quoted_word(word);
  text += rule.with_files ? " FILE… (files of the workspace, no further flags)" : ", these words";
  text += "; program " + rule.program;
  if (!rule.program_sha256.empty()) {
    text += " as it is now (sha256 " + rule.program_sha256.substr(0, 12) + ")";
  }
  text += rule.sandbox == kNoSandbox ? "; WITHOUT A SANDBOX" : "; in the sandbox";
  if (!rule.host.empty()) text += ", with the network: " + rule.host;
  return text;
}

std::string words_of_file(const StandingRule& rule) {
  const std::string verb = rule.command.substr(rule.command.find('.') + 1);
  if (!rule.below) return verb + " " + rule.path;
  return verb + (rule.path == "." ? " any file" : " any file below " + rule.path + "/");
}

}  // namespace

RuleOffer offer_rule(const TaskCommand& command, const Facts& facts, const std::string& workspace,
                     const Rules& rules, const Taint& taint) {
  RuleOffer offer = offer_for(command, facts, workspace);
  if (!offer.rule) return offer;
  offer.rule->tainted = may_be_misled(taint) && reaches_out(command, facts);
  if (canonical_bytes(*offer.rule).size() > kRuleBytesMax) {
    return none("a rule for it would be too long");
  }
  if (!covers(*offer.rule, command, facts, workspace)) {
    return none("what it changes goes by several names, or is more than one file");
  }
  const Verdict verdict = decide(
      command, facts, rules, {.standing = {.rules = {&*offer.rule, 1}, .workspace = workspace}});
  if (verdict.decision == Decision::allow) return offer;
  return none("\"" + verdict.rule + "\" asks whatever is allowed");
}

std::optional<StandingRule> for_directory(const StandingRule& rule) {
  if (rule.path.empty() || rule.below) return std::nullopt;
  StandingRule wider = rule;
  const std::size_t end = rule.path.rfind('/');
  wider.path = end == rule.path.npos ? "." : rule.path.substr(0, end);
  wider.below = true;
  return wider;
}

bool covers(const StandingRule& rule, const TaskCommand& command, const Facts& facts,
            std::string_view workspace) {
  if (rule.command != name_of(command) || rule.workspace != workspace ||
      rule.in_draft != (facts.draft != kNoTask)) {
    return false;
  }
  const auto* process = std::get_if<AwaitProcess>(&command);
  return process != nullptr ? program_covered(rule, *process, facts)
                            : changes_one_file(command) && file_covered(rule, command, facts);
}

bool has_expired(const StandingRule& rule, WallTime now) {
  return rule.expires_unix_ns != 0 && unix_nanoseconds(now) >= rule.expires_unix_ns;
}

const StandingRule* covering(const RulesInForce& standing, const TaskCommand& command,
                             const Facts& facts, const Taint& taint) {
  const bool misled = may_be_misled(taint) && reaches_out(command, facts);
  const auto found = std::ranges::find_if(standing.rules, [&](const StandingRule& rule) {
    return (rule.tainted || !misled) && !has_expired(rule, standing.now) &&
           covers(rule, command, facts, standing.workspace);
  });
  return found == standing.rules.end() ? nullptr : &*found;
}

std::string in_words(const StandingRule& rule) {
  std::string text = rule.path.empty() ? words_of_program(rule) : words_of_file(rule);
  text += rule.in_draft ? "; in drafts of " : "; in ";
  text += rule.workspace;
  if (!rule.cwd.empty() && rule.cwd != ".") text += ", directory " + rule.cwd;
  if (rule.tainted) text += "; also once the model has read what others may have written";
  return visible_line(text);
}

std::string title_of(const StandingRule& rule) {
  constexpr std::size_t kDateBytes = 10;
  const WallTime since = wall_from_unix_nanoseconds(rule.since_unix_ns);
  return "standing rule " + std::to_string(rule.number) + ", by uid " +
         std::to_string(rule.by_uid) + " on " + rfc3339(since).substr(0, kDateBytes);
}

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/command/cassette.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/policy/policy.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the payload of each kind of record says, in canonical bytes (fields.hpp).

namespace tinkerbell {

/// Who did something from outside, as far as the kernel can tell.
struct Person {
  std::string via;  ///< "cli" or "api"; of a signal also "task 12", of an answer "program /bin/x".
  std::uint32_t uid = 0;
  std::int32_t pid = 0;

  static constexpr auto fields() {
    return described(field("via", &Person::via), field("uid", &Person::uid),
                     field("pid", &Person::pid));
  }
};

/// "uid 1000"; of an answer that a program gave, with that.
[[nodiscard]] inline std::string in_words(const Person& person) {
  const std::string who = "uid " + std::to_string(person.uid);
  return person.via.starts_with("program ") ? who + " (" + person.via + ")" : who;
}

/// What a task and all that come from it may use together. 0 is nothing, and not "any".
struct Budget {
  std::optional<Money> cost;            ///< Nothing: without a bound.
  std::optional<std::uint64_t> tokens;  ///< In and out; nothing: without a bound.
  bool asks = true;                     ///< At a bound the task is held; else the command fails.
  std::optional<std::uint64_t> calls;   ///< Of models; nothing: without a bound.
  std::optional<std::uint64_t> tasks;   ///< That come from the first one; likewise.
  std::optional<Milliseconds> time;     ///< That their model calls and programs work; likewise.

  static constexpr auto fields() {
    return described(field("cost", &Budget::cost), field("tokens", &Budget::tokens),
                     field("asks", &Budget::asks), field("calls", &Budget::calls),
                     field("tasks", &Budget::tasks), field("time_ms", &Budget::time));
  }

  bool operator==(const Budget&) const = default;
};

/// A part of a family's budget: what one task and all that come from it may use together.
struct Share {
  TaskId task = kNoTask;
  Limits limits;

  static constexpr auto fields() {
    return described(field("task", &Share::task), field("limits", &Share::limits));
  }
};

/// TASK: all that a task is started with.
struct TaskPayload {
  std::string kind;
  std::string workspace;
  Json arguments;
  Json definition;
  Person origin;
  bool approve_all = false;  ///< `--yes`: approves what asks, never what a rule denies.
  TaskId parent = kNoTask;
  std::string title;        ///< One line, for lists.
  Budget budget;            ///< Of its whole family.
  TaskId root = kNoTask;    ///< From which all of the family come; kNoTask: the task itself.
  CassetteRef cassette;     ///< What answers in place of models, if anything does.
  std::uint32_t depth = 0;  ///< Tasks above it: its parent, that one's, and so on.
  TaskId draft = kNoTask;   ///< In whose draft of the workspace it works: its own, or that of the
                            ///< one that it comes from; kNoTask: in the workspace itself.
  TaskId forked_from = kNoTask;    ///< Whose first steps were copied to be its own, if anybody's.
  std::uint64_t forked_step = 0;   ///< The last of these.
  bool draft_is_made = false;      ///< Its own draft was there before it: it does not make one.
  std::int64_t began_unix_ns = 0;  ///< Of a fork: when the first of those began whose steps it has.
                                   ///< It takes that time for its own.
  std::vector<Share> shares;       ///< That it is part of, the widest first.
  Narrowing narrowing;             ///< Of those above it and its own.
  bool ends_with_parent = false;
  Taint taint;  ///< With which it begins: that of its parent.

  static constexpr auto fields() {
    return described(
        field("kind", &TaskPayload::kind), field("workspace", &TaskPayload::workspace),
        field("arguments", &TaskPayload::arguments), field("definition", &TaskPayload::definition),
        field("origin", &TaskPayload::origin), field("approve_all", &TaskPayload::approve_all),
        field("parent", &TaskPayload::parent), field("title", &TaskPayload::title),
        field("budget", &TaskPayload::budget), field("root", &TaskPayload::root),
        field("cassette", &TaskPayload::cassette), field("depth", &TaskPayload::depth),
        field("draft", &TaskPayload::draft), field("forked_from", &TaskPayload::forked_from),
        field("forked_step", &TaskPayload::forked_step),
        field("draft_is_made", &TaskPayload::draft_is_made),
        field("began_unix_ns", &TaskPayload::began_unix_ns), field("shares", &TaskPayload::shares),
        field("narrowing", &TaskPayload::narrowing),
        field("ends_with_parent", &TaskPayload::ends_with_parent),
        field("taint", &TaskPayload::taint));
  }
};

/// What a person is asked.
enum class QuestionKind : std::uint8_t {
  permission,  ///< A rule asks whether a command may run.
  question,    ///< The task itself asks yes or no.
  answer,      ///< The task asks for words.
  outcome,     ///< After a crash: what became of an effect?
};

template <>
inline constexpr std::array<std::string_view, 4> kNames<QuestionKind> = {"permission", "question",
                                                                         "answer", "outcome"};

/// INTENT: a command was asked.
struct IntentPayload {
  std::string command;       ///< Its name.
  CanonicalValue arguments;  ///< For people: canonical_arguments(), of a model call without the
                             ///< conversation. Empty: they were too long, or a Checkpoint's,
                             ///< which stand in the SNAPSHOT.
  std::string line;          ///< command_line().
  Facts facts;
  Verdict verdict;
  ApprovalId approval = kNoApproval;     ///< The newest question about it.
  std::optional<QuestionKind> question;  ///< Of that, if this record opened it.
  std::string hash;                      ///< approval_hash of what it asks about, hexadecimal.
  bool started = false;                  ///< Allowed at once: this record is its START as well.
  std::int64_t deadline_unix_ns = 0;     ///< For sleep: when it ends.
  std::optional<Reservation> reserved;   ///< What may be charged for an attempt.
  RuleOffer offer;                       ///< Of a permission: what an approval for good would make.

  static constexpr auto fields() {
    return described(
        field("command", &IntentPayload::command), field("arguments", &IntentPayload::arguments),
        field("line", &IntentPayload::line), field("facts", &IntentPayload::facts),
        field("verdict", &IntentPayload::verdict), field("approval", &IntentPayload::approval),
        field("hash", &IntentPayload::hash), field("started", &IntentPayload::started),
        field("deadline_unix_ns", &IntentPayload::deadline_unix_ns),
        field("question", &IntentPayload::question), field("reserved", &IntentPayload::reserved),
        field("offer", &IntentPayload::offer));
  }
};

/// START: the command was released. The attempt is in the record.
struct StartPayload {
  ApprovalId approval = kNoApproval;  ///< Consumed by this.

  static constexpr auto fields() { return described(field("approval", &StartPayload::approval)); }
};

/// RESULT: the payload is canonical_outcome(), without a frame around it.

/// What a person may say to a question.
enum class Answer : std::uint8_t {
  approve,
  deny,
  text,
  happened,   ///< The effect in doubt took place: its command ends with the result that the person
              ///< states, or without one.
  run_again,  ///< It is to be started once more.
  abort,      ///< It stays as it is: its command ends, and nobody knows.
};

template <>
inline constexpr std::array<std::string_view, 6> kNames<Answer> = {
    "approve", "deny", "text", "happened", "run_again", "abort"};

/// How far an approval reaches.
enum class Scope : std::uint8_t {
  once,
  task,    ///< Also the same command again in this task.
  always,  ///< Also what the standing rule says that is made with it.
};

template <>
inline constexpr std::array<std::string_view, 3> kNames<Scope> = {"once", "task", "always"};

/// APPROVAL: a person answered.
struct ApprovalPayload {
  ApprovalId approval = kNoApproval;
  Answer answer = Answer::deny;
  Scope scope = Scope::once;
  std::string text;  ///< The reason, or the answer itself.
  std::string hash;  ///< approval_hash of what was shown, hexadecimal.
  Person by;
  std::optional<std::string> result;  ///< Of happened: what the program wrote, as the person says.
  std::optional<StandingRule> rule;   ///< Of `always`: what was made of it.

  static constexpr auto fields() {
    return described(
        field("approval", &ApprovalPayload::approval), field("answer", &ApprovalPayload::answer),
        field("scope", &ApprovalPayload::scope), field("text", &ApprovalPayload::text),
        field("hash", &ApprovalPayload::hash), field("by", &ApprovalPayload::by),
        field("result", &ApprovalPayload::result), field("rule", &ApprovalPayload::rule));
  }
};

/// Whether the answer covers the same command again in its task.
[[nodiscard]] inline bool is_grant(const ApprovalPayload& answer) {
  return answer.answer == Answer::approve && answer.scope == Scope::task;
}

enum class Signal : std::uint8_t {
  cancel,
  pause,   ///< Take no further step.
  resume,  ///< Go on.
  step,    ///< Take the step that is held and no further one.
  breakpoint,
  clear,        ///< Breakpoints.
  held,         ///< Not from outside: the task has stopped before a command.
  message,      ///< From another task, into its mailbox.
  quarantined,  ///< Not from outside: it ended the daemon too often and is not run, until `resume`.
  budget,       ///< What its family may use from now on.
  say,          ///< Words for the task, which it hears when it next asks for them (Hear).
};

template <>
inline constexpr std::array<std::string_view, 11> kNames<Signal> = {
    "cancel", "pause",   "resume",      "step",   "breakpoint", "clear",
    "held",   "message", "quarantined", "budget", "say"};

/// SIGNAL: somebody outside changed the task's course, or it has come to where it was told to stop.
struct SignalPayload {
  Signal signal = Signal::cancel;
  std::string reason;  ///< Of cancel and quarantined; of held, for what it waits, in words. Of say:
                       ///< what is said.
  Person by;
  Seq seq{0};                    ///< Of resume, step and budget: what they let go. Of held: what is
                                 ///< held.
                                 ///< Of cancel and say: the newest command that the task had
                                 ///< asked for.
  std::string pattern;           ///< Of breakpoint.
  std::uint32_t breakpoint = 0;  ///< Of breakpoint: its number, from 1. Of clear; 0: all.
  std::uint32_t unrecorded = 0;  ///< Of cancel and say: the commands after `seq` that leave no
                                 ///< record.
  TaskId from = kNoTask;         ///< Of message.
  Json message;
  std::optional<Budget> budget;  ///< Of budget; of held, if that is for want of it.
  bool secrets = false;          ///< Of message: Taint::secrets of its sender.

  static constexpr auto fields() {
    return described(
        field("signal", &SignalPayload::signal), field("reason", &SignalPayload::reason),
        field("by", &SignalPayload::by), field("seq", &SignalPayload::seq),
        field("pattern", &SignalPayload::pattern), field("breakpoint", &SignalPayload::breakpoint),
        field("unrecorded", &SignalPayload::unrecorded), field("from", &SignalPayload::from),
        field("message", &SignalPayload::message), field("budget", &SignalPayload::budget),
        field("secrets", &SignalPayload::secrets));
  }
};

/// FILE: the payload is a PreImage.

/// A pattern before which a task stops.
struct BreakpointPayload {
  std::uint32_t number = 0;
  std::string pattern;

  static constexpr auto fields() {
    return described(field("number", &BreakpointPayload::number),
                     field("pattern", &BreakpointPayload::pattern));
  }
};

/// A person's approval that covers the same command again.
struct GrantPayload {
  std::string hash;  ///< repeat_hash, hexadecimal.
  ApprovalId approval = kNoApproval;

  static constexpr auto fields() {
    return described(field("hash", &GrantPayload::hash),
                     field("approval", &GrantPayload::approval));
  }
};

/// What a person said that the task has not heard yet, and where it was by then.
struct WordsPayload {
  std::string text;
  Seq seq{0};                    ///< The newest command that it had asked for.
  std::uint32_t unrecorded = 0;  ///< Those after it that leave no record.

  static constexpr auto fields() {
    return described(field("text", &WordsPayload::text), field("seq", &WordsPayload::seq),
                     field("unrecorded", &WordsPayload::unrecorded));
  }
};

/// What a task has come to, for those who look at it.
struct Totals {
  std::uint64_t tokens_in = 0;
  std::uint64_t tokens_out = 0;
  std::uint64_t questions = 0;
  std::vector<TaskId> children;
  Money cost;  ///< As far as it is known.

  static constexpr auto fields() {
    return described(field("tokens_in", &Totals::tokens_in),
                     field("tokens_out", &Totals::tokens_out),
                     field("questions", &Totals::questions), field("children", &Totals::children),
                     field("cost", &Totals::cost));
  }
};

/// SNAPSHOT: all of a task's past that counts from here on. Its seq is that of the Checkpoint.
struct SnapshotPayload {
  Json state;  ///< What the task noted.
  TaskPayload task;
  std::int64_t created_unix_ns = 0;
  bool before_each = false;  ///< It is told to stop before each step.
  std::vector<BreakpointPayload> breakpoints;
  std::uint32_t last_breakpoint = 0;
  std::vector<GrantPayload> grants;
  std::vector<Receive::Reply> messages;  ///< That it has not taken, the oldest first.
  std::uint64_t received = 0;            ///< Messages since it began.
  Totals totals;
  std::vector<WordsPayload> words;  ///< That it has not heard, the oldest first.
  std::optional<Taint> taint;       ///< Nothing: nobody kept it when this was written.

  static constexpr auto fields() {
    return described(
        field("state", &SnapshotPayload::state), field("task", &SnapshotPayload::task),
        field("created_unix_ns", &SnapshotPayload::created_unix_ns),
        field("before_each", &SnapshotPayload::before_each),
        field("breakpoints", &SnapshotPayload::breakpoints),
        field("last_breakpoint", &SnapshotPayload::last_breakpoint),
        field("grants", &SnapshotPayload::grants), field("messages", &SnapshotPayload::messages),
        field("received", &SnapshotPayload::received), field("totals", &SnapshotPayload::totals),
        field("words", &SnapshotPayload::words), field("taint", &SnapshotPayload::taint));
  }
};

/// UNSURE: a question of kind `outcome` was opened about the command.
struct UnsurePayload {
  ApprovalId approval = kNoApproval;
  std::string evidence;             ///< What the driver found.
  std::string hash;                 ///< approval_hash of what would run again, hexadecimal.
  std::vector<FileChange> changes;  ///< Made by it, and by attempts before it, whatever it did.

  static constexpr auto fields() {
    return described(
        field("approval", &UnsurePayload::approval), field("evidence", &UnsurePayload::evidence),
        field("hash", &UnsurePayload::hash), field("changes", &UnsurePayload::changes));
  }
};

/// DEFERRED: an attempt came to nothing, for a reason that passes. The attempt is in the record.
struct DeferredPayload {
  std::string error_code;
  std::string error;
  std::int64_t until_unix_ns = 0;  ///< When the next one is made.
  Milliseconds worked{0};          ///< Together by the attempts so far, without the waits.

  static constexpr auto fields() {
    return described(field("error_code", &DeferredPayload::error_code),
                     field("error", &DeferredPayload::error),
                     field("until_unix_ns", &DeferredPayload::until_unix_ns),
                     field("worked_ms", &DeferredPayload::worked));
  }
};

/// DONE: how the task ended.
struct DonePayload {
  std::string state;  ///< "completed", "failed" or "cancelled".
  Json value;
  std::string error_code;
  std::string error;
  std::optional<std::uint64_t> turns;   ///< That it had in the run of the daemon in which it ended;
                                        ///< absent if it never ran there.
  std::optional<std::uint64_t> cpu_us;  ///< In these turns.
  bool secrets = false;                 ///< Taint::secrets of the task.

  static constexpr auto fields() {
    return described(field("state", &DonePayload::state), field("value", &DonePayload::value),
                     field("error_code", &DonePayload::error_code),
                     field("error", &DonePayload::error), field("turns", &DonePayload::turns),
                     field("cpu_us", &DonePayload::cpu_us),
                     field("secrets", &DonePayload::secrets));
  }
};

}  // namespace tinkerbell

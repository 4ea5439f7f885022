#pragma once

#include "support/findings.hpp"
#include "support/journal_audit.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/syscall/driver.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace tinkerbell {

/// What a crash of the daemon does not touch: files, programs under their shims, and whoever
/// answers for models. Keeps the books of all effects, and looks whether each was allowed to
/// happen.
class SimulatedOutside {
 public:
  /// One attempt to run a program: what a run directory says.
  struct Run {
    CommandId command;
    SteadyTime ends{};
    bool lost = false;  ///< The machine went down under it: nobody knows.
  };

  /// What things cost is a multiple of this.
  static constexpr Money kUnit = Money::of_trillionths(1);

  using RunId = std::pair<std::string, std::uint32_t>;  ///< Key and attempt.

  SimulatedOutside(Findings& findings, const JournalAudit& audit)
      : findings_(findings), audit_(audit) {}

  // ---- effects ----

  void change_file(const Call& call, std::string content) {
    expect_released(call);
    files_[call.facts.object] = std::move(content);
  }

  void start_program(const Call& call, SteadyTime ends) {
    expect_released(call);
    const bool is_new = runs_.emplace(RunId{call.key, call.attempt}, Run{call.id, ends}).second;
    findings_.expect(is_new, "an attempt was started twice", call.id);
    const JournalAudit::Command* const command = audit_.find(call.id);
    const std::uint32_t wanted = command == nullptr ? 1 : command->attempts_wanted;
    findings_.expect(++begun_[call.key] <= wanted, "a program ran again unasked", call.id);
  }

  void ask_model(const Call& call, Money cost) {
    paid_[call.id.task] += cost;
    const auto book = audit_.books().find(call.id.task);
    const bool task_durable = book != audit_.books().end();
    findings_.expect(task_durable, "a model was asked by a task that may be lost", call.id);
    if (!task_durable) return;
    const JournalAudit::Command* const before = audit_.find({call.id.task, previous(call.id.seq)});
    const bool known = number(call.id.seq) == 1 || (before != nullptr && before->result != Lsn{0});
    findings_.expect(known, "a model was asked about a result that may be lost", call.id);
    const Fingerprint print = fingerprint_of(canonical_command(call.command));
    const bool same = asked_.emplace(call.key, print).first->second == print;
    findings_.expect(same, "one key, two questions to a model", call.id);
  }

  /// What the model's service has taken of each task.
  [[nodiscard]] const std::map<TaskId, Money>& paid() const { return paid_; }

  // ---- what is there ----

  [[nodiscard]] std::string content_of(const std::string& path) const {
    const auto found = files_.find(path);
    return found == files_.end() ? std::string() : found->second;
  }

  [[nodiscard]] bool has_file(const std::string& path) const { return files_.contains(path); }

  [[nodiscard]] Run* find(const Call& call) {
    const auto found = runs_.find({call.key, call.attempt});
    return found == runs_.end() ? nullptr : &found->second;
  }

  /// Of all programs: one is replaced now and then.
  [[nodiscard]] std::uint64_t version() const { return version_; }

  // ---- what happens ----

  void replace_programs() { ++version_; }

  /// The machine goes down, not the daemon alone.
  void lose_runs() {
    for (auto& [id, run] : runs_)
      run.lost = true;
  }

  /// Whatever no journalled command knows is ended and forgotten.
  void end_leftovers(const std::set<std::string>& known) {
    for (const auto& [id, run] : runs_) {
      const JournalAudit::Command* const command = audit_.find(run.command);
      const bool again = command != nullptr && id.second < command->attempts;  // a person said so
      const bool over = again || (command != nullptr && command->result != Lsn{0});
      findings_.expect(over || known.contains(id.first), "a program of a live task was ended",
                       run.command);
    }
    std::erase_if(runs_, [&](const auto& each) { return !known.contains(each.first.first); });
  }

  /// The RESULT of its command is durable.
  void forget(const std::string& key) {
    std::erase_if(runs_, [&](const auto& each) {
      if (each.first.first != key) return false;
      const JournalAudit::Command* const command = audit_.find(each.second.command);
      findings_.expect(command != nullptr && command->result != Lsn{0},
                       "a run was forgotten before its result was durable", each.second.command);
      return true;
    });
  }

  [[nodiscard]] SteadyTime next_end(SteadyTime now) const {
    SteadyTime next = kNever;
    for (const auto& [id, run] : runs_) {
      if (run.ends > now) next = std::min(next, run.ends);
    }
    return next;
  }

 private:
  static Seq previous(Seq seq) { return Seq{number(seq) - 1}; }

  /// START first, and the question that it stands on.
  void expect_released(const Call& call) {
    const JournalAudit::Command* const command = audit_.find(call.id);
    const bool started = command != nullptr && command->attempts >= call.attempt;
    findings_.expect(started, "an effect before its START was durable", call.id);
    findings_.expect(command == nullptr || command->result == Lsn{0},
                     "an effect of a command that was over", call.id);
  }

  Findings& findings_;
  const JournalAudit& audit_;
  std::map<std::string, std::string> files_;
  std::map<RunId, Run> runs_;
  std::map<std::string, std::uint32_t> begun_;  ///< By key.
  std::map<std::string, Fingerprint> asked_;    ///< By key.
  std::map<TaskId, Money> paid_;
  std::uint64_t version_ = 1;
};

}  // namespace tinkerbell

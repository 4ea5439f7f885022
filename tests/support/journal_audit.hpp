#pragma once

#include "support/findings.hpp"

#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// Reads along as records become durable and looks whether they can be true.
class JournalAudit {
 public:
  struct Command {
    Lsn asked{0};   ///< Its newest INTENT.
    Lsn result{0};  ///< 0: it has none.
    std::string outcome;
    Epoch concluded{0};
    std::uint32_t attempts = 0;
    std::uint32_t attempts_wanted = 1;  ///< One, and one more each time a person said so, or an
                                        ///< attempt came to nothing.
    std::optional<WallTime> deferred;   ///< Until then there is to be no other attempt.
    std::optional<TaskId> joins;        ///< Whom, if it waits for another task.
    bool unsure = false;
    bool doubted = false;  ///< It was unsure, at one time or other.
  };

  struct Book {
    std::map<Seq, Command> commands;
    Seq newest{0};
    Lsn last_result{0};
    Lsn done{0};
    Epoch ended{0};
    std::string end;  ///< The payload of its DONE.
  };

  explicit JournalAudit(Findings& findings) : findings_(findings) {}

  /// Reads on from where it stopped.
  void read(const std::vector<Record>& records) {
    for (; read_ < records.size(); ++read_)
      read(records[read_]);
  }

  [[nodiscard]] const std::map<TaskId, Book>& books() const { return books_; }

  [[nodiscard]] const Command* find(CommandId id) const {
    const auto book = books_.find(id.task);
    if (book == books_.end()) return nullptr;
    const auto command = book->second.commands.find(id.seq);
    return command == book->second.commands.end() ? nullptr : &command->second;
  }

  /// Whether a person's answer to this question is durable.
  [[nodiscard]] bool answered(ApprovalId id) const { return answered_.contains(id); }

  /// In this run of the daemon all tasks had come to where they stood, before this was appended.
  void replay_ended(Epoch epoch, Lsn last) { replayed_[epoch] = last; }

  /// All tasks have come to their end.
  void check_end() {
    for (const auto& [task, book] : books_) {
      findings_.expect(book.done != Lsn{0}, "a task has not ended", {task, {}});
      for (const auto& [seq, command] : book.commands)
        findings_.expect(command.result != Lsn{0}, "a command was never answered", {task, seq});
    }
    check_order_of_joins();
  }

 private:
  void expect(bool holds, std::string_view otherwise, const Record& record) {
    findings_.expect(holds, otherwise, {record.task, record.seq});
  }

  void read(const Record& record) {
    expect(number(record.lsn) == read_ + 1, "a gap in the journal", record);
    expect(record.epoch >= epoch_, "a record of an older epoch", record);
    epoch_ = record.epoch;
    if (record.kind != RecordKind::intent) {  // that has the time when its command was asked
      expect(record.wall >= wall_, "time went back", record);
      wall_ = record.wall;
    }
    const bool is_new = !books_.contains(record.task);
    expect(is_new == (record.kind == RecordKind::task), "TASK is not the first", record);
    Book& book = books_[record.task];
    expect(book.done == Lsn{0}, "a record after DONE", record);
    if (record.kind == RecordKind::done) {
      const bool open = book.newest != Seq{0} && book.commands[book.newest].result == Lsn{0};
      expect(!open, "DONE before the last command was answered", record);
      book.done = record.lsn;
      book.ended = record.epoch;
      book.end = record.payload;
    }
    if (record.seq != Seq{0}) read(record, book);
  }

  void read(const Record& record, Book& book) {
    const bool first = !book.commands.contains(record.seq);
    if (first) {
      expect(record.kind == RecordKind::intent, "a command without INTENT", record);
      expect(record.seq == next(book.newest), "a command was left out", record);
      const bool open = book.newest != Seq{0} && book.commands[book.newest].result == Lsn{0};
      expect(!open, "two commands of one task at once", record);
      book.newest = record.seq;
    }
    Command& command = book.commands[record.seq];
    expect(command.result == Lsn{0}, "a record after RESULT", record);
    switch (record.kind) {
      case RecordKind::intent:
        command.asked = record.lsn;
        command.attempts = record.attempt;
        read_intent(record, command);
        return;
      case RecordKind::start:
        expect(record.attempt == command.attempts + 1, "an attempt was left out", record);
        expect(!command.deferred || record.wall >= *command.deferred, "an attempt before its time",
               record);
        command.attempts = record.attempt;
        command.deferred.reset();
        command.unsure = false;
        return;
      case RecordKind::result:
        command.result = record.lsn;
        command.outcome = record.payload;
        command.concluded = record.epoch;
        book.last_result = record.lsn;
        return;
      case RecordKind::approval:
        read_answer(record, command);
        return;
      case RecordKind::deferred:
        expect(record.attempt > 0 && record.attempt == command.attempts && !command.deferred,
               "DEFERRED without a START", record);
        command.deferred = wall_from_unix_nanoseconds(
            from_canonical<DeferredPayload>(record.payload)->until_unix_ns);
        ++command.attempts_wanted;
        return;
      case RecordKind::unsure:
        expect(command.attempts > 0 && !command.unsure && !command.deferred,
               "UNSURE without a START", record);
        command.unsure = true;
        command.doubted = true;
        return;
      case RecordKind::file:
      case RecordKind::task:
      case RecordKind::signal:
      case RecordKind::snapshot:
      case RecordKind::resolved:
      case RecordKind::done:
        return;
    }
  }

  static void read_intent(const Record& record, Command& command) {
    if (record.effect != EffectClass::internal) return;
    const Result<IntentPayload> intent = from_canonical<IntentPayload>(record.payload);
    if (intent->command == Join::kName) {
      command.joins = from_canonical<Join>(intent->arguments.bytes)->task;
    }
  }

  void read_answer(const Record& record, Command& command) {
    const Result<ApprovalPayload> answer = from_canonical<ApprovalPayload>(record.payload);
    expect(answered_.insert(answer->approval).second, "a question was answered twice", record);
    if (answer->answer == Answer::run_again) ++command.attempts_wanted;
  }

  /// Those who wait for one task are told of its end in the order in which they began to wait, also
  /// if the daemon was restarted in between.
  void check_order_of_joins() {
    std::map<TaskId, std::vector<std::pair<Lsn, Lsn>>> waited;
    for (const auto& [task, book] : books_) {
      for (const auto& [seq, command] : book.commands) {
        if (!command.joins) continue;
        const auto target = books_.find(*command.joins);
        if (target == books_.end()) continue;
        const Book& ended = target->second;
        const bool told = command.asked < ended.done && command.result > ended.done &&
                          command.concluded == ended.ended && ended.done > replayed_[ended.ended];
        if (told && outcome_from_canonical(Join{}, command.outcome)->ok())
          waited[*command.joins].emplace_back(command.asked, command.result);
      }
    }
    for (auto& [target, order] : waited) {
      std::ranges::sort(order);
      const bool in_order = std::ranges::is_sorted(order, {}, &std::pair<Lsn, Lsn>::second);
      findings_.expect(in_order, "those who waited for this task were told in another order",
                       {target, {}});
    }
  }

  Findings& findings_;
  std::size_t read_ = 0;
  Epoch epoch_{0};
  WallTime wall_{};
  std::map<TaskId, Book> books_;
  std::map<Epoch, Lsn> replayed_;
  std::set<ApprovalId> answered_;
};

}  // namespace tinkerbell

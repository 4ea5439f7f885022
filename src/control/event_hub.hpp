#pragma once

#include "control/projection.hpp"

#include "tinkerbell/io/http_server.hpp"
#include "tinkerbell/journal/journal.hpp"
#include "tinkerbell/syscall/observer.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tinkerbell::control {

/// What somebody wants to hear.
struct Following {
  TaskId task = kNoTask;             ///< kNoTask: all tasks.
  std::uint64_t after = 0;           ///< Only events after this number.
  std::optional<std::size_t> calls;  ///< Steps are told as system calls (Projection::show_calls).
};

/// Turns durable records into events and hands them to whoever follows. Loop thread.
class EventHub final : public SyscallObserver {
 public:
  EventHub() = default;

  /// Everything up to this record was announced by earlier runs.
  void begin_after(Lsn lsn) { newest_ = lsn; }

  /// Takes up a task that an earlier run wrote, without telling anybody.
  void adopt(const std::vector<Record>& records);
  void adopt(const TaskHead& head);

  /// Who is told of all that is recorded from now on, but for what was copied from another task.
  void on_event(std::function<void(const protocol::EventView&)> listener) {
    listener_ = std::move(listener);
  }

  void recorded(const Record& record) override;
  void progressed(CommandId id, ProgressKind kind, std::string_view text) override;

  void awoke(const TaskHead& head, const std::vector<Record>& records) override {
    records.empty() ? adopt(head) : adopt(records);
  }

  void rests(TaskId task) override;

  /// Follows one task, or all. Of one task, the events that are past come first, from the journal
  /// and at the pace of the reader, while live events are held back; of all tasks there is no past.
  /// Who comes while a model speaks or a program writes hears the newest 8 KiB of that first. Who
  /// follows one task, and no system calls, also hears the questions of its descendants: those of
  /// `open` at first.
  void follow(std::shared_ptr<EventStream> stream, const Following& wanted, Journal& journal,
              const std::vector<const Question*>& open);

  /// The tasks that have not ended and do not rest, the newest first.
  [[nodiscard]] std::vector<TaskId> live_tasks() const;

  /// A live task as clients see it; null if it has ended or is not known.
  [[nodiscard]] const protocol::TaskView* task(TaskId id) const;

 private:
  /// What is sent of a task's journal before its live events.
  struct Past {
    std::vector<Record> records;
    std::size_t next = 0;
    Projection projection;
  };

  struct Follower {
    std::shared_ptr<EventStream> stream;
    TaskId task = kNoTask;
    std::optional<std::size_t> calls;
    std::uint64_t last = 0;  ///< The newest event that was sent.
    bool catching_up = false;
    Past past;
    std::vector<protocol::EventView> held;  ///< Live events that wait for the past ones.
    bool gone = false;
  };

  /// What a step that is under way has shown so far, as far as it is kept.
  struct Shown {
    Seq step{0};
    ProgressKind kind = ProgressKind::model_text;
    std::string text;
    std::uint64_t newest = 0;  ///< The number of the event with its end.
  };

  [[nodiscard]] protocol::EventView piece_event(TaskId task, Seq step, ProgressKind kind,
                                                std::string_view text);
  void keep_shown(CommandId id, ProgressKind kind, std::string_view text);
  [[nodiscard]] bool descends(TaskId task, TaskId from) const;
  [[nodiscard]] bool concerns(const Follower& follower, const protocol::EventView& event) const;
  void offer_open(Follower& follower, const std::vector<const Question*>& open);
  void know_ancestors(TaskId task);
  void publish(const std::vector<protocol::EventView>& events, bool to_tracers);
  void trace(const Record& record, const Projection& before);
  void offer(Follower& follower, const protocol::EventView& event);
  void send(Follower& follower, const protocol::EventView& event);
  void end(Follower& follower);
  void send_past(const std::shared_ptr<Follower>& follower);
  void go_live(Follower& follower);

  std::unordered_map<TaskId, Projection> live_;
  std::unordered_map<TaskId, Shown> shown_;
  /// Of each live task, its parent first. An ancestor that had ended when this run began, and
  /// those above it, are not known.
  std::unordered_map<TaskId, std::vector<TaskId>> ancestors_;
  std::list<std::shared_ptr<Follower>> followers_;
  std::function<void(const protocol::EventView&)> listener_;
  Lsn newest_{0};
  std::uint64_t pieces_ = 0;  ///< Events since the newest record that are not journalled.
};

}  // namespace tinkerbell::control

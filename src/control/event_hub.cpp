#include "control/event_hub.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <functional>

namespace tinkerbell::control {

namespace {

constexpr std::uint64_t kPiecesMax = (std::uint64_t{1} << kEventBitsPerRecord) - kFirstPiece;

/// How much of a journal is turned into events between two looks at the reader.
constexpr std::size_t kPastBytesAtOnce = 256 << 10;

/// What a record weighs beside its payload.
constexpr std::size_t kRecordBytes = 256;

/// Live events that wait for the past ones; a reader who needs longer comes again.
constexpr std::size_t kHeldMax = 4'096;

/// Of what a step shows while it is under way: so much for who comes later, for every task.
constexpr std::size_t kShownBytesMax = 8 << 10;

bool is_piece(std::string_view event) {
  return event == protocol::event_name::kModelText || event == protocol::event_name::kProgramOutput;
}

/// Whether what the step has shown is told by the record, or of no account any more.
bool ends_showing(RecordKind kind) {
  return kind == RecordKind::result || kind == RecordKind::deferred || kind == RecordKind::unsure ||
         kind == RecordKind::done;
}

/// Whether somebody who follows `followed` hears all of `task`.
bool hears_all(TaskId followed, TaskId task) {
  return followed == kNoTask || followed == task;
}

bool is_question(std::string_view event) {
  return event == protocol::event_name::kApprovalOpened ||
         event == protocol::event_name::kApprovalDecided;
}

}  // namespace

void EventHub::adopt(const std::vector<Record>& records) {
  if (records.empty()) return;
  Projection& projection = live_[records.front().task];
  for (const Record& record : records)
    projection.apply(record);
  know_ancestors(records.front().task);
}

void EventHub::adopt(const TaskHead& head) {
  live_.insert_or_assign(head.task, Projection(head));
  know_ancestors(head.task);
}

/// Its parent is known before it: a task is begun by one that lives, and has a higher number.
void EventHub::know_ancestors(TaskId task) {
  const TaskId parent = live_.at(task).task().parent;
  if (parent == kNoTask) return;
  std::vector<TaskId> ancestors{parent};
  if (const auto above = ancestors_.find(parent); above != ancestors_.end()) {
    ancestors.insert(ancestors.end(), above->second.begin(), above->second.end());
  }
  ancestors_[task] = std::move(ancestors);
}

bool EventHub::descends(TaskId task, TaskId from) const {
  const auto ancestors = ancestors_.find(task);
  return ancestors != ancestors_.end() &&
         std::ranges::find(ancestors->second, from) != ancestors->second.end();
}

void EventHub::recorded(const Record& record) {
  newest_ = record.lsn;
  pieces_ = 0;
  if (ends_showing(record.kind)) shown_.erase(record.task);
  Projection& projection = live_[record.task];
  trace(record, projection);
  const std::vector<protocol::EventView> events = projection.apply(record);
  if (record.kind == RecordKind::task) know_ancestors(record.task);
  publish(events, /*to_tracers=*/false);
  if (listener_ && record.branch != kCopiedBranch) {
    for (const protocol::EventView& event : events)
      listener_(event);
  }
  if (record.kind != RecordKind::done) return;
  live_.erase(record.task);
  ancestors_.erase(record.task);
}

void EventHub::progressed(CommandId id, ProgressKind kind, std::string_view text) {
  keep_shown(id, kind, text);
  const protocol::EventView event = piece_event(id.task, id.seq, kind, text);
  shown_.at(id.task).newest = event.seq;
  publish({event}, /*to_tracers=*/true);
}

protocol::EventView EventHub::piece_event(TaskId task, Seq step, ProgressKind kind,
                                          std::string_view text) {
  const bool model = kind == ProgressKind::model_text;
  const protocol::TextPiece piece{
      .seq = step, .stream = model ? "text" : "stdout", .text = valid_utf8(text)};
  if (pieces_ < kPiecesMax - 1) ++pieces_;
  return {.seq = event_number(newest_, kFirstPiece + pieces_),
          .task = task,
          .name = std::string(model ? protocol::event_name::kModelText
                                    : protocol::event_name::kProgramOutput),
          .time = {},
          .data = to_json_value(piece)};
}

void EventHub::keep_shown(CommandId id, ProgressKind kind, std::string_view text) {
  Shown& shown = shown_[id.task];
  if (shown.step != id.seq || shown.kind != kind)
    shown = {.step = id.seq, .kind = kind, .text = {}};
  shown.text += text;
  // Seldom, since it moves all that stays.
  if (shown.text.size() > 2 * kShownBytesMax) {
    shown.text.erase(0, shown.text.size() - kShownBytesMax);
  }
}

void EventHub::rests(TaskId task) {
  live_.erase(task);
  shown_.erase(task);
  ancestors_.erase(task);
}

void EventHub::follow(std::shared_ptr<EventStream> stream, const Following& wanted,
                      Journal& journal, const std::vector<const Question*>& open) {
  auto follower = std::make_shared<Follower>(Follower{.stream = std::move(stream),
                                                      .task = wanted.task,
                                                      .calls = wanted.calls,
                                                      .last = wanted.after,
                                                      .past = {},
                                                      .held = {}});
  if (wanted.calls) follower->past.projection.show_calls(*wanted.calls);
  followers_.push_back(follower);
  follower->stream->on_closed([this, weak = std::weak_ptr(follower)] {
    const auto closed = weak.lock();
    if (!closed) return;
    closed->gone = true;
    followers_.remove(closed);
  });
  if (wanted.task == kNoTask) return;
  follower->catching_up = true;
  if (!wanted.calls) offer_open(*follower, open);
  journal.read_records(wanted.task, Completion<std::vector<Record>>(
                                        [this, follower](Result<std::vector<Record>> records) {
                                          if (records) follower->past.records = *std::move(records);
                                          send_past(follower);
                                        }));
}

/// What descendants asked before somebody came: their past is not sent.
void EventHub::offer_open(Follower& follower, const std::vector<const Question*>& open) {
  for (const Question* const question : open) {
    const TaskId task = question->command.task;
    if (!descends(task, follower.task)) continue;
    offer(follower, {.seq = event_number(newest_, 0),
                     .task = task,
                     .name = std::string(protocol::event_name::kApprovalOpened),
                     .time = rfc3339(question->opened),
                     .data = to_json_value(approval_view(*question))});
  }
}

/// Some of the past, and the rest when the reader has taken that: neither the loop nor the stream's
/// backlog must bear a long history at once.
void EventHub::send_past(const std::shared_ptr<Follower>& follower) {
  Past& past = follower->past;
  for (std::size_t bytes = 0; past.next < past.records.size() && bytes < kPastBytesAtOnce;) {
    const Record& record = past.records[past.next++];
    if (record.lsn > newest_) {  // not announced yet: it comes live
      past.next = past.records.size();
      break;
    }
    bytes += record.payload.size() + kRecordBytes;
    for (const protocol::EventView& event : past.projection.apply(record))
      send(*follower, event);
  }
  if (past.next == past.records.size()) return go_live(*follower);
  follower->stream->when_drained([this, weak = std::weak_ptr(follower)] {
    if (const auto reader = weak.lock()) send_past(reader);
  });
}

void EventHub::go_live(Follower& follower) {
  if (protocol::has_ended(follower.past.projection.task().state)) end(follower);
  follower.past = {};
  follower.catching_up = false;
  for (const protocol::EventView& event : std::exchange(follower.held, {}))
    send(follower, event);
  const auto shown = shown_.find(follower.task);
  if (shown == shown_.end()) return;
  const auto& [step, kind, text, newest] = shown->second;
  if (follower.last >= newest) return;  // it has come again, and heard that
  const std::size_t left_out = text.size() - std::min(text.size(), kShownBytesMax);
  send(follower, piece_event(follower.task, step, kind, std::string_view(text).substr(left_out)));
}

void EventHub::publish(const std::vector<protocol::EventView>& events, bool to_tracers) {
  followers_.remove_if([](const auto& follower) { return follower->gone; });
  for (const auto& follower : followers_) {
    if (follower->calls && !to_tracers) continue;
    for (const protocol::EventView& event : events)
      offer(*follower, event);
  }
}

/// Who wants system calls gets the events of a record from a projection that tells them; made only
/// then, from the one that stands `before` the record.
void EventHub::trace(const Record& record, const Projection& before) {
  for (const auto& follower : followers_) {
    if (!follower->calls || !hears_all(follower->task, record.task)) continue;
    Projection telling = before;
    telling.show_calls(*follower->calls);
    for (const protocol::EventView& event : telling.apply(record))
      offer(*follower, event);
  }
}

/// Who wants system calls follows the descendants one by one.
bool EventHub::concerns(const Follower& follower, const protocol::EventView& event) const {
  if (hears_all(follower.task, event.task)) return true;
  return !follower.calls && is_question(event.name) && descends(event.task, follower.task);
}

void EventHub::offer(Follower& follower, const protocol::EventView& event) {
  if (follower.gone || !concerns(follower, event)) return;
  if (!follower.catching_up) {
    send(follower, event);
  } else if (is_piece(event.name)) {
    return;  // it comes with all that was shown before it
  } else if (follower.held.size() < kHeldMax) {
    follower.held.push_back(event);
  } else {
    end(follower);
  }
}

/// Each event once, in order; after the end of the one task that is followed the stream ends.
/// Questions of its descendants have no past that could come twice, and stand in no order with it.
void EventHub::send(Follower& follower, const protocol::EventView& event) {
  const bool in_order = hears_all(follower.task, event.task);
  if (follower.gone || (in_order && event.seq <= follower.last)) return;
  if (in_order) follower.last = event.seq;
  if (!follower.stream->send(event.seq, event.name, dump_json(to_json_value(event)))) {
    follower.gone = true;
  } else if (follower.task != kNoTask && event.name == protocol::event_name::kTaskEnded) {
    end(follower);
  }
}

void EventHub::end(Follower& follower) {
  if (std::exchange(follower.gone, true)) return;
  follower.stream->close();
}

std::vector<TaskId> EventHub::live_tasks() const {
  std::vector<TaskId> tasks;
  for (const auto& [task, projection] : live_)
    tasks.push_back(task);
  std::ranges::sort(tasks, std::greater());
  return tasks;
}

const protocol::TaskView* EventHub::task(TaskId id) const {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : &found->second.task();
}

}  // namespace tinkerbell::control

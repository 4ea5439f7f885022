#include "control/event_hub.hpp"

#include "tinkerbell/base/text.hpp"

namespace tinkerbell::control {

namespace {

constexpr std::uint64_t kPiecesMax = (std::uint64_t{1} << kEventBitsPerRecord) - kFirstPiece;

}  // namespace

void EventHub::adopt(const std::vector<Record>& records) {
  if (records.empty()) return;
  Projection& projection = live_[records.front().task];
  for (const Record& record : records)
    projection.apply(record);
}

void EventHub::recorded(const Record& record) {
  newest_ = record.lsn;
  pieces_ = 0;
  publish(live_[record.task].apply(record));
  if (record.kind == RecordKind::done) live_.erase(record.task);
}

void EventHub::progressed(CommandId id, ProgressKind kind, std::string_view text) {
  const bool model = kind == ProgressKind::model_text;
  const protocol::TextPiece piece{
      .seq = id.seq, .stream = model ? "text" : "stdout", .text = valid_utf8(text)};
  if (pieces_ < kPiecesMax - 1) ++pieces_;
  publish({{.seq = event_number(newest_, kFirstPiece + pieces_),
            .task = id.task,
            .name = std::string(model ? protocol::event_name::kModelText
                                      : protocol::event_name::kProgramOutput),
            .time = {},
            .data = to_json_value(piece)}});
}

void EventHub::follow(std::shared_ptr<EventStream> stream, TaskId task, std::uint64_t after,
                      Journal& journal) {
  auto follower = std::make_shared<Follower>(
      Follower{.stream = std::move(stream), .task = task, .last = after, .held = {}});
  followers_.push_back(follower);
  follower->stream->on_closed([weak = std::weak_ptr(follower)] {
    if (const auto closed = weak.lock()) closed->gone = true;
  });
  if (task == kNoTask) return;
  follower->catching_up = true;
  journal.read_records(task, Completion<std::vector<Record>>(
                                 [this, follower](const Result<std::vector<Record>>& records) {
                                   caught_up(follower, records);
                                 }));
}

void EventHub::caught_up(const std::shared_ptr<Follower>& follower,
                         const Result<std::vector<Record>>& records) {
  follower->catching_up = false;
  if (records) {
    Projection past;
    for (const Record& record : *records) {
      if (record.lsn > newest_) break;  // not announced yet: it comes live
      for (const protocol::EventView& event : past.apply(record))
        send(*follower, event);
    }
    if (protocol::has_ended(past.task().state)) end(*follower);
  }
  for (const protocol::EventView& event : std::exchange(follower->held, {})) {
    send(*follower, event);
  }
}

void EventHub::publish(const std::vector<protocol::EventView>& events) {
  followers_.remove_if([](const auto& follower) { return follower->gone; });
  for (const auto& follower : followers_) {
    for (const protocol::EventView& event : events) {
      if (follower->task != kNoTask && follower->task != event.task) continue;
      if (follower->catching_up) {
        follower->held.push_back(event);
      } else {
        send(*follower, event);
      }
    }
  }
}

/// Each event once, in order; after the end of the one task that is followed the stream ends.
void EventHub::send(Follower& follower, const protocol::EventView& event) {
  if (follower.gone || event.seq <= follower.last) return;
  follower.last = event.seq;
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

const protocol::TaskView* EventHub::task(TaskId id) const {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : &found->second.task();
}

}  // namespace tinkerbell::control

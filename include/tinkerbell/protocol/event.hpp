#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tinkerbell::protocol {

/// The names of events, and what their `data` is.
namespace event_name {

inline constexpr std::string_view kTaskCreated = "task.created";    // TaskView
inline constexpr std::string_view kTaskState = "task.state";        // TaskView
inline constexpr std::string_view kTaskEnded = "task.ended";        // TaskView
inline constexpr std::string_view kStepAsked = "step.asked";        // StepView
inline constexpr std::string_view kStepStarted = "step.started";    // StepView
inline constexpr std::string_view kStepDeferred = "step.deferred";  // StepView
inline constexpr std::string_view kStepDone = "step.done";  // StepView: done, failed, denied
inline constexpr std::string_view kApprovalOpened = "approval.opened";    // ApprovalView
inline constexpr std::string_view kApprovalDecided = "approval.decided";  // DecisionView
inline constexpr std::string_view kModelText = "model.text";              // TextPiece
inline constexpr std::string_view kProgramOutput = "program.output";      // TextPiece

}  // namespace event_name

/// GET /v1/tasks/{id}/events?after=N&calls=N and GET /v1/events?after=N&calls=N (`calls` as for
/// StepList): server-sent events whose id is
/// `seq`, whose event is `name` and whose data is this document. Sequence numbers rise strictly,
/// over restarts of the daemon too. The server sends what it still holds after N, then what
/// happens. It need not hold everything, least of all over a restart: whoever connects reads the
/// lists first, and StepList::last_event says where to go on. The stream of all tasks holds nothing
/// of the past. The stream of one task also tells the questions of its descendants (`task` says
/// whose), those that are open first, unless `calls` is given; they stand outside the order of its
/// own events.
struct EventView {
  std::uint64_t seq = 0;
  TaskId task = kNoTask;
  std::string name;
  std::string time;
  Json data = Json::object();

  static constexpr auto fields() {
    return described(field("seq", &EventView::seq), field("task", &EventView::task),
                     field("name", &EventView::name), field("time", &EventView::time),
                     field("data", &EventView::data));
  }

  bool operator==(const EventView&) const = default;
};

/// A piece of what a model says or a program prints, as it comes.
struct TextPiece {
  Seq seq{0};          ///< The step that it belongs to.
  std::string stream;  ///< "text" of a model; "stdout" or "stderr" of a program.
  std::string text;

  static constexpr auto fields() {
    return described(field("seq", &TextPiece::seq), field("stream", &TextPiece::stream),
                     field("text", &TextPiece::text));
  }

  bool operator==(const TextPiece&) const = default;
};

}  // namespace tinkerbell::protocol

#include "syscall/stations.hpp"

#include "tinkerbell/base/json.hpp"

#include <algorithm>

// Messages between tasks. The mailbox itself is in memory only: what came is
// in SIGNAL records of the receiver, what it took in the RESULTs of its Receives, and the
// difference is the mailbox.

namespace tinkerbell {

namespace {

bool fits(const Receive& wanted, const Receive::Reply& message) {
  if (wanted.from != kNoTask && wanted.from != message.from) return false;
  return std::ranges::all_of(wanted.match.items(), [&](const auto& each) {
    const auto found = message.message.find(each.key());
    return found != message.message.end() && *found == each.value();
  });
}

/// What another program can read back of a message. Errors: too_large, invalid (too deep).
Result<Json> readable(const Json& message) {
  Result<Json> read = parse_json(dump_json(message), {.bytes_max = kMessageBytesMax});
  if (!read) return read.error().with("send");
  return read;
}

bool waits_for_message(const LiveTask& live) {
  return live.flight && live.flight->station == Station::inside &&
         std::holds_alternative<Receive>(live.flight->command());
}

}  // namespace

void SystemCalls::send_message(LiveTask& live, const Send& command) {
  if (is_child_of_origin(live, command.task)) {
    conclude(live, child_of_origin("send", live));
    return;
  }
  if (goes_on_when_awake(live, command.task)) return;
  LiveTask* const target = find(command.task);
  if (target == nullptr) {
    conclude(live, Error{Errc::not_found, "send: no such task, or it has ended"});
    return;
  }
  const TaskState state = state_of(*target);
  if (state == TaskState::diverged || state == TaskState::quarantined) {
    conclude(live, Error{Errc::unavailable, "send: the task is " + std::string(name_of(state)) +
                                                ", and nothing reaches it"});
    return;
  }
  if (target->messages.waiting.size() >= kMailboxMessagesMax) {
    conclude(live, Error{Errc::exhausted, "send: the mailbox is full, with " +
                                              std::to_string(kMailboxMessagesMax) + " messages"});
    return;
  }
  Result<Json> message = readable(command.message);
  if (!message) {
    conclude(live, message.error());
    return;
  }
  mask_strings(*message, parts_.masker);
  const SignalPayload signal{.signal = Signal::message,
                             .from = live.head.task,
                             .message = *std::move(message),
                             .secrets = live.taint.secrets};
  // Both in one transaction: a message is there exactly when its sender knows that it is sent.
  conclude(live, Reply(Send::Reply{}),
           {make_record(*target, RecordKind::signal, canonical_bytes(signal))},
           target != &live ? target : nullptr);
  target->messages.put(signal.from, signal.message, signal.secrets);
  if (waits_for_message(*target)) {
    (void)take_message(*target);
  } else if (const Wait* const wait = wait_of(*target); wait != nullptr && wait->message) {
    conclude(*target, Reply(Wait::Reply{.event = "message"}));
  }
}

void SystemCalls::begin_receive(LiveTask& live, const Receive& command) {
  if (!command.match.is_object()) {
    conclude(live, Error{Errc::invalid, "receive: what to match is no object"});
    return;
  }
  if (command.timeout) {
    if (const Result<void> good = check_wait(Receive::kName, *command.timeout); !good) {
      conclude(live, good.error());
      return;
    }
  }
  if (take_message(live)) return;
  begin_to_wait(live, command.timeout);
  if (command.timeout) arm_deadline(live);
}

/// Ends a Receive with the oldest message that fits, if there is one.
bool SystemCalls::take_message(LiveTask& live) {
  const auto& wanted = std::get<Receive>(live.flight->command());
  std::deque<Receive::Reply>& waiting = live.messages.waiting;
  const auto found =
      std::ranges::find_if(waiting, [&](const auto& message) { return fits(wanted, message); });
  if (found == waiting.end()) return false;
  Receive::Reply message = std::move(*found);
  waiting.erase(found);
  conclude(live, Reply(std::move(message)));
  return true;
}

}  // namespace tinkerbell

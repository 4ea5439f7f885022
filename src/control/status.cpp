#include "tinkerbell/protocol/status.hpp"

#include "control/views.hpp"

#include <unistd.h>

namespace tinkerbell::control {

void get_status(Context& context, Request request) {
  const ControlPlane::Parts& parts = context.parts;
  protocol::StatusView view;
  view.version = parts.facts.version;
  view.pid = ::getpid();
  view.epoch = std::to_underlying(parts.journal.store_state().epoch);
  view.uptime_s = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(parts.clock.steady() - context.started)
          .count());
  for (const auto& [state, count] : parts.calls.states()) {
    view.tasks.push_back({std::string(name_of(state)), count});
  }
  view.approvals_open = parts.calls.open_questions(kNoTask).size();
  view.sandbox = parts.facts.sandbox;
  view.model = parts.facts.model;
  view.socket = parts.facts.socket;
  view.state_dir = parts.facts.state_dir;
  view.log = parts.facts.log;
  if (const auto& full = parts.journal.storage_full()) {
    view.storage = full->message;
    parts.journal.try_again();  // who looks may have made room
  }
  view.scheduler = scheduler_view(context);
  request.answer(view);
}

}  // namespace tinkerbell::control

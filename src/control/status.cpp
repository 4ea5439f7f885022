#include "tinkerbell/protocol/status.hpp"

#include "control/views.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>

namespace tinkerbell::control {

namespace {

protocol::AcceptedView view_of(const AcceptedWork& accepted) {
  if (accepted.tasks == 0) return {};
  std::array<char, 32> mean{};
  std::snprintf(mean.data(), mean.size(), "%.1f",
                static_cast<double>(accepted.questions) / static_cast<double>(accepted.tasks));
  return {.tasks = accepted.tasks,
          .questions = accepted.questions,
          .mean = mean.data(),
          .since = rfc3339(wall_from_unix_nanoseconds(accepted.since_unix_ns))};
}

}  // namespace

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
  view.accepted = view_of(parts.journal.accepted_work());
  request.answer(view);
}

}  // namespace tinkerbell::control

#include "tinkerbell/control/control.hpp"

#include "control/event_hub.hpp"
#include "control/routes.hpp"

#include "tinkerbell/io/http_server.hpp"
#include "tinkerbell/protocol/cassette.hpp"

#include <unistd.h>

#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace tinkerbell {

namespace {

/// A cassette, and what else is said about a new task.
constexpr std::uint32_t kBodyBytesMax =
    static_cast<std::uint32_t>(protocol::CassetteView::kLimits.bytes_max) + (1U << 20);

}  // namespace

struct ControlPlane::State {
  control::EventHub hub;
  std::optional<control::Context> context;
  std::optional<HttpServer> server;
};

ControlPlane::ControlPlane() : state_(std::make_unique<State>()) {}

ControlPlane::~ControlPlane() = default;

SyscallObserver& ControlPlane::observer() {
  return state_->hub;
}

void ControlPlane::adopt(const std::vector<Record>& records) {
  state_->hub.adopt(records);
}

void ControlPlane::adopt(const TaskHead& head) {
  state_->hub.adopt(head);
}

void ControlPlane::on_event(std::function<void(const protocol::EventView&)> listener) {
  state_->hub.on_event(std::move(listener));
}

void ControlPlane::show_open(std::function<void(protocol::ApprovalView)> each) {
  control::for_each_open(*state_->context, kNoTask, std::move(each), [] {});
}

void ControlPlane::decide(ApprovalId approval, const protocol::DecisionRequest& wanted,
                          std::string via, Completion<void> done) {
  control::decide(*state_->context, approval, wanted,
                  {.via = std::move(via), .uid = ::geteuid(), .pid = ::getpid()},
                  Completion<ApprovalPayload>(
                      [done = std::move(done)](const Result<ApprovalPayload>& decided) mutable {
                        done(decided ? Result<void>() : Result<void>(decided.error()));
                      }));
}

void ControlPlane::connect(Parts parts) {
  const auto loop = parts.loop;
  const SteadyTime now = parts.clock.steady();
  state_->hub.begin_after(parts.journal.store_state().last_lsn);
  state_->context.emplace(
      control::Context{.parts = std::move(parts), .hub = state_->hub, .started = now});
  state_->server.emplace(
      loop, HttpServerLimits{.body_bytes_max = kBodyBytesMax},
      [state = state_.get()](HttpRequest request, std::shared_ptr<HttpResponder> responder) {
        const std::string path = request.path;
        try {
          control::route(*state->context, std::move(request), std::move(responder));
        } catch (const std::exception& failure) {  // no memory, or a bug: the responder answers 500
          state->context->parts.logger.error("request.failed",
                                             {{"path", path}, {"error", failure.what()}});
        }
      });
}

Result<void> ControlPlane::listen(const std::string& path, mode_t mode) {
  return state_->server->listen(path, mode);
}

Result<void> ControlPlane::adopt_socket(int listening_fd) {
  return state_->server->adopt(listening_fd);
}

std::size_t ControlPlane::connections() const {
  return state_->server ? state_->server->connections() : 0;
}

void ControlPlane::stop() {
  if (state_->server) state_->server->stop();
}

}  // namespace tinkerbell

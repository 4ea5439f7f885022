#include "control/routes.hpp"

#include "tinkerbell/protocol/error.hpp"
#include "tinkerbell/protocol/routes.hpp"

#include <array>
#include <charconv>
#include <optional>

namespace tinkerbell::control {

namespace {

using protocol::kApprovalsPath;
using protocol::kBackupPath;
using protocol::kCostsPath;
using protocol::kEventsPath;
using protocol::kGcPath;
using protocol::kMcpPath;
using protocol::kRulesPath;
using protocol::kSchedulerPath;
using protocol::kStatusPath;
using protocol::kTasksPath;
using protocol::kTracePath;
using protocol::kVerifyPath;

constexpr bool kNeedsRoom = true;

constexpr std::array kRoutes = {
    Route{"GET", kStatusPath, "", get_status},
    Route{"GET", kSchedulerPath, "", get_scheduler},
    Route{"GET", kTracePath, "", get_trace},
    Route{"POST", kBackupPath, "", post_backup},
    Route{"POST", kGcPath, "", post_gc},
    Route{"POST", kVerifyPath, "", post_verify},
    Route{"GET", kCostsPath, "", get_costs},
    Route{"POST", kTasksPath, "", post_task, kNeedsRoom},
    Route{"GET", kTasksPath, "", get_tasks},
    Route{"GET", kTasksPath, "/{id}", get_task},
    Route{"GET", kTasksPath, "/{id}/steps", get_steps},
    Route{"GET", kTasksPath, "/{id}/diff", get_diff},
    Route{"GET", kTasksPath, "/{id}/cassette", get_cassette},
    Route{"POST", kTasksPath, "/{id}/replay", post_replay},
    Route{"GET", kTasksPath, "/{id}/core", get_core},
    Route{"GET", kTasksPath, "/{id}/events", get_task_events},
    Route{"POST", kTasksPath, "/{id}/cancel", cancel_task},
    Route{"POST", kTasksPath, "/{id}/pause", pause_task, kNeedsRoom},
    Route{"POST", kTasksPath, "/{id}/resume", resume_task, kNeedsRoom},
    Route{"POST", kTasksPath, "/{id}/step", step_task, kNeedsRoom},
    Route{"POST", kTasksPath, "/{id}/say", say_to_task, kNeedsRoom},
    Route{"POST", kTasksPath, "/{id}/accept", post_accept, kNeedsRoom},
    Route{"POST", kTasksPath, "/{id}/drop", post_drop, kNeedsRoom},
    Route{"POST", kTasksPath, "/{id}/undo", post_undo, kNeedsRoom},
    Route{"POST", kTasksPath, "/{id}/fork", post_fork, kNeedsRoom},
    Route{"GET", kTasksPath, "/{id}/breakpoints", get_breakpoints},
    Route{"POST", kTasksPath, "/{id}/breakpoints", post_breakpoint, kNeedsRoom},
    Route{"POST", kTasksPath, "/{id}/breakpoints/clear", clear_breakpoints, kNeedsRoom},
    Route{"GET", kTasksPath, "/{id}/budget", get_budget},
    Route{"POST", kTasksPath, "/{id}/budget", post_budget, kNeedsRoom},
    Route{"GET", kEventsPath, "", get_events},
    Route{"GET", kApprovalsPath, "", get_approvals},
    Route{"GET", kApprovalsPath, "/{approval}", get_approval},
    Route{"POST", kApprovalsPath, "/{approval}", post_decision, kNeedsRoom},
    Route{"GET", kRulesPath, "", get_rules},
    Route{"POST", kRulesPath, "/{id}/remove", remove_rule},
    Route{"GET", kMcpPath, "", get_mcp},
    Route{"POST", kMcpPath, "/forget", forget_tools},
};

std::optional<std::uint64_t> number_in(std::string_view segment) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(segment.data(), segment.data() + segment.size(), value);
  const bool whole = error == std::errc() && end == segment.data() + segment.size();
  return whole && (value & kVolatileBit) == 0 ? std::optional(value) : std::nullopt;
}

std::string_view take_segment(std::string_view& path) {
  const std::size_t end = path.find('/', 1);
  const std::string_view segment = path.substr(1, end == path.npos ? end : end - 1);
  path.remove_prefix(end == path.npos ? path.size() : end);
  return segment;
}

/// The number in `path` if it has the route's form; 0 where the route has none.
std::optional<std::uint64_t> match(const Route& route, std::string_view path) {
  if (!path.starts_with(route.collection)) return std::nullopt;
  path.remove_prefix(route.collection.size());
  std::string_view pattern = route.rest;
  std::uint64_t id = 0;
  while (path.starts_with('/') && !pattern.empty()) {
    const std::string_view wanted = take_segment(pattern);
    std::string_view given = take_segment(path);
    if (wanted == "{approval}" && given.starts_with('a')) given.remove_prefix(1);
    if (wanted == "{id}" || wanted == "{approval}") {
      const auto value = number_in(given);
      if (!value) return std::nullopt;
      id = *value;
    } else if (wanted != given) {
      return std::nullopt;
    }
  }
  return pattern.empty() && path.empty() ? std::optional(id) : std::nullopt;
}

/// Nothing new is begun on a full disk. Who is refused may have made room by now.
bool has_room(Context& context, const Request& request) {
  Journal& journal = context.parts.journal;
  if (!journal.storage_full()) return true;
  journal.try_again();
  request.fail(*journal.storage_full());
  return false;
}

}  // namespace

void route(Context& context, HttpRequest request, std::shared_ptr<HttpResponder> responder) {
  bool path_known = false;
  for (const Route& row : kRoutes) {
    const auto id = match(row, request.path);
    if (!id) continue;
    path_known = true;
    if (row.method != request.method) continue;
    Request found(std::move(request), std::move(responder), *id);
    if (!row.needs_room || has_room(context, found)) row.handler(context, std::move(found));
    return;
  }
  const std::string what = request.method + " " + request.path;
  const protocol::ErrorView view{
      protocol::body_of(path_known ? Error{Errc::invalid, what + ": this path takes another method"}
                                   : Error{Errc::not_found, what + ": there is no such path"})};
  responder->respond({.status = path_known ? 405 : 404, .body = Request::body_of(view)});
}

}  // namespace tinkerbell::control

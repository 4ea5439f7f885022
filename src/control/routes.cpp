#include "control/routes.hpp"

#include "tinkerbell/protocol/error.hpp"

#include <array>
#include <charconv>
#include <optional>

namespace tinkerbell::control {

namespace {

constexpr std::array kRoutes = {
    Route{"GET", "/v1/status", get_status},
    Route{"POST", "/v1/tasks", post_task},
    Route{"GET", "/v1/tasks", get_tasks},
    Route{"GET", "/v1/tasks/{id}", get_task},
    Route{"GET", "/v1/tasks/{id}/steps", get_steps},
    Route{"GET", "/v1/tasks/{id}/diff", get_diff},
    Route{"GET", "/v1/tasks/{id}/events", get_task_events},
    Route{"POST", "/v1/tasks/{id}/cancel", cancel_task},
    Route{"POST", "/v1/tasks/{id}/pause", pause_task},
    Route{"POST", "/v1/tasks/{id}/resume", resume_task},
    Route{"GET", "/v1/events", get_events},
    Route{"GET", "/v1/approvals", get_approvals},
    Route{"GET", "/v1/approvals/{id}", get_approval},
    Route{"POST", "/v1/approvals/{id}", post_decision},
};

/// "12" or "a3".
std::optional<std::uint64_t> number_in(std::string_view segment) {
  if (segment.starts_with('a')) segment.remove_prefix(1);
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

/// The id in `path` if it has the pattern's form; 0 where the pattern has none.
std::optional<std::uint64_t> match(std::string_view pattern, std::string_view path) {
  std::uint64_t id = 0;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view given = take_segment(path);
    if (wanted == "{id}") {
      const auto value = number_in(given);
      if (!value) return std::nullopt;
      id = *value;
    } else if (wanted != given) {
      return std::nullopt;
    }
  }
  return pattern.empty() && path.empty() ? std::optional(id) : std::nullopt;
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

void route(Context& context, HttpRequest request, std::shared_ptr<HttpResponder> responder) {
  bool path_known = false;
  for (const Route& row : kRoutes) {
    const auto id = match(row.path, request.path);
    if (!id) continue;
    path_known = true;
    if (row.method != request.method) continue;
    row.handler(context, Request(std::move(request), std::move(responder), *id));
    return;
  }
  const std::string what = request.method + " " + request.path;
  const protocol::ErrorView view{
      protocol::body_of(path_known ? Error{Errc::invalid, what + ": this path takes another method"}
                                   : Error{Errc::not_found, what + ": there is no such path"})};
  responder->respond(
      {.status = path_known ? 405 : 404, .body = dump_json(to_json_value(view)) + "\n"});
}

}  // namespace tinkerbell::control

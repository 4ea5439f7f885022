#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/protocol/routes.hpp"
#include "tinkerbell/protocol/scheduler.hpp"
#include "tinkerbell/protocol/state_count.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell::protocol {

/// Tasks whose changes were accepted: in a draft and taken over from it, or live and completed.
struct AcceptedView {
  std::uint64_t tasks = 0;      ///< A task counts once, with all that come from it.
  std::uint64_t questions = 0;  ///< That they put to people, in all.
  std::string mean;             ///< Of these per task: "1.2"; empty: there are no such tasks.
  std::string since;            ///< When the first one was counted.

  static constexpr auto fields() {
    return described(field("tasks", &AcceptedView::tasks),
                     field("questions", &AcceptedView::questions),
                     field("mean", &AcceptedView::mean), field("since", &AcceptedView::since));
  }

  bool operator==(const AcceptedView&) const = default;
};

/// GET /v1/status: the daemon about itself.
struct StatusView {
  static constexpr std::string_view kSchema = "tinkerbell.status/1";

  std::string schema{kSchema};
  int protocol = kVersion;
  std::string version;  ///< Of the daemon: "0.1.0".
  std::int64_t pid = 0;
  std::uint32_t epoch = 0;  ///< Which run of the daemon on this store, from 1.
  std::uint64_t uptime_s = 0;
  std::vector<StateCount> tasks;  ///< States with no task are left out.
  std::uint64_t approvals_open = 0;
  std::string sandbox;  ///< "bubblewrap", "none" or "unavailable: REASON".
  std::string model;    ///< The default alias.
  std::string socket;
  std::string state_dir;
  std::string storage = "ok";  ///< Or why nothing new is begun: the disk is full.
  std::string log;             ///< "journald", "stderr" or a file.
  std::optional<SchedulerView> scheduler;
  AcceptedView accepted;

  static constexpr auto fields() {
    return described(
        field("schema", &StatusView::schema), field("protocol", &StatusView::protocol),
        field("version", &StatusView::version), field("pid", &StatusView::pid),
        field("epoch", &StatusView::epoch), field("uptime_s", &StatusView::uptime_s),
        field("tasks", &StatusView::tasks), field("approvals_open", &StatusView::approvals_open),
        field("sandbox", &StatusView::sandbox), field("model", &StatusView::model),
        field("socket", &StatusView::socket), field("state_dir", &StatusView::state_dir),
        field("storage", &StatusView::storage), field("log", &StatusView::log),
        field("scheduler", &StatusView::scheduler), field("accepted", &StatusView::accepted));
  }

  bool operator==(const StatusView&) const = default;
};

}  // namespace tinkerbell::protocol

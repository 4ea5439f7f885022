#include "cli/exit_code.hpp"

namespace tinkerbell::cli {

ExitCode exit_code_of(Errc code) {
  switch (code) {
    case Errc::not_found:
      return ExitCode::not_found;
    case Errc::invalid:
    case Errc::outside_workspace:
    case Errc::too_large:
      return ExitCode::bad_input;
    case Errc::denied:  // of the request itself: this user may not ask for it
    case Errc::unauthorized:
      return ExitCode::no_permission;
    case Errc::unavailable:
    case Errc::abandoned:
      return ExitCode::unavailable;
    case Errc::rate_limited:
    case Errc::storage_full:
      return ExitCode::try_again;
    case Errc::exhausted:
      return ExitCode::exhausted;
    case Errc::timed_out:
      return ExitCode::timed_out;
    case Errc::protocol:
    case Errc::unsupported:
      return ExitCode::version_mismatch;
    case Errc::io:
      return ExitCode::io;
    case Errc::internal:
      return ExitCode::internal;
    case Errc::conflict:
    case Errc::cancelled:
    case Errc::not_started:
    case Errc::unknown_outcome:
    case Errc::diverged:
      return ExitCode::failed;
  }
  return ExitCode::internal;
}

ExitCode exit_code_of(const protocol::TaskView& task) {
  if (task.state == "completed") return ExitCode::ok;
  if (task.state == "cancelled") return ExitCode::interrupted;
  if (!task.error) return ExitCode::failed;
  switch (protocol::error_of(*task.error).code) {
    case Errc::denied:
      return ExitCode::denied;
    case Errc::exhausted:
      return ExitCode::exhausted;
    default:
      return ExitCode::failed;
  }
}

}  // namespace tinkerbell::cli

#pragma once

#include "tinkerbell/base/clock.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// What went wrong, as a stable code. The names reach journals, logs and the socket: never rename
/// one.
enum class Errc : std::uint8_t {
  internal,           ///< A bug of ours.
  invalid,            ///< The request itself is wrong.
  not_found,          ///< No such task, file, approval, program.
  denied,             ///< A rule or a person said no.
  outside_workspace,  ///< A path that leaves the workspace.
  too_large,          ///< A stated bound was exceeded.
  conflict,           ///< The world is not what the request assumed.
  timed_out,          ///< A deadline passed.
  cancelled,          ///< Somebody asked to stop.
  abandoned,          ///< Whoever owed the answer went away without one.
  unavailable,        ///< A server, program or resource cannot be reached now.
  unauthorized,       ///< A server refused our credentials.
  rate_limited,       ///< A server asks us to come back later.
  protocol,           ///< The other side broke its protocol.
  io,                 ///< The operating system reported an error.
  exhausted,          ///< A budget or limit is used up.
  not_started,        ///< Recovery: the effect certainly never began.
  unknown_outcome,    ///< Recovery: nobody can tell whether the effect happened.
  diverged,           ///< Replay met another command than the journal holds.
  unsupported,        ///< A feature that this build or machine does not have.
  storage_full,       ///< A disk has no room; if it is the journal's: nothing new is begun.
};

[[nodiscard]] std::string_view to_string(Errc code);

struct Reply;  // command/commands.hpp

/// A failure as a value: it can be journalled, replayed and shown to a model or a person.
struct Error {
  Errc code = Errc::internal;
  std::string message;  ///< Names the operation, the object and the cause. Never a secret.
  std::optional<WallTime> retry_at{};  ///< Of an attempt that came to nothing for a reason that
                                       ///< passes: when the next one may be made.
  bool may_have_cost = false;  ///< Of such an attempt, and of others that failed: it may have been
                               ///< paid for, and nobody knows how much.
  Milliseconds took{0};        ///< Of one that may have been paid for: so long it was at work.
  std::shared_ptr<const Reply> rejected{};  ///< An answer that was none: what it says that it used
                                            ///< or changed was used or changed.

  /// The same error, seen from one level further up: "read source: no such file".
  [[nodiscard]] Error with(std::string_view context) const;

  bool operator==(const Error&) const = default;
};

/// An `Errc::io` (or a nearer code) for `errno_value`: "open notes.txt: Permission denied".
[[nodiscard]] Error os_error(std::string_view operation, int errno_value);

}  // namespace tinkerbell

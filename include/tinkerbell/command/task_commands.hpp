#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/money.hpp"
#include "tinkerbell/command/effect.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Commands inside the daemon: tasks, time and chance.

namespace tinkerbell {

/// The id of the calling task. Needs no record: the answer never changes.
struct GetTid {
  static constexpr std::string_view kName = "task.id";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    TaskId task = kNoTask;

    static constexpr auto fields() { return described(field("task", &Reply::task)); }
  };

  static constexpr auto fields() { return described(); }
};

/// Give up the turn; the task goes to the end of the ready queue. Needs no record.
struct Yield {
  static constexpr std::string_view kName = "task.yield";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    static constexpr auto fields() { return described(); }
  };

  static constexpr auto fields() { return described(); }
};

/// What people have said to the calling task since it last asked, the oldest first; it does not
/// wait for them. Needs no record: their words stand in the journal with the place where the task
/// was.
struct Hear {
  static constexpr std::string_view kName = "task.hear";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::vector<std::string> words;

    static constexpr auto fields() { return described(field("words", &Reply::words)); }
  };

  static constexpr auto fields() { return described(); }
};

/// What a task and all that come from it may use together. 0 is nothing, and not "any".
struct Limits {
  std::optional<Money> cost;            ///< Nothing: no bound but those above it.
  std::optional<std::uint64_t> tokens;  ///< In and out; likewise.
  std::optional<std::uint64_t> calls;   ///< Of models; likewise.
  std::optional<std::uint64_t> tasks;   ///< That come from it; likewise.
  std::optional<Milliseconds> time;     ///< That their model calls and programs work; likewise.

  static constexpr auto fields() {
    return described(field("cost", &Limits::cost), field("tokens", &Limits::tokens),
                     field("calls", &Limits::calls), field("tasks", &Limits::tasks),
                     field("time_ms", &Limits::time));
  }

  bool operator==(const Limits&) const = default;
};

/// Start a child: a registered durable task. It inherits the workspace, the draft and the origin of
/// its parent, and pays from its budget. What is said besides only narrows: the child may do what
/// its parent may and these allow, and so may all that come from it; no rule and no person widens
/// it. Errors: not_found (no such kind), exhausted (too many tasks, children or generations),
/// invalid (a bound below zero, no such command, not a directory within the parent's), denied (the
/// parent may not start tasks).
struct Spawn {
  static constexpr std::string_view kName = "task.spawn";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    TaskId task = kNoTask;

    static constexpr auto fields() { return described(field("task", &Reply::task)); }
  };

  std::string kind;  ///< "agent@1".
  Json arguments = Json::object();
  Limits limits;  ///< Each call that the child pays must fit these
                  ///< and what is left above it.
  std::optional<std::vector<std::string>>
      only;               ///< Names of the commands that it may use, as rules
                          ///< have them: "file.read", "file.*". Empty: none.
  std::string directory;  ///< Relative to the workspace: no path outside of it may be named, and
                          ///< programs see nothing else of the workspace. Empty: all of it.
  bool ends_with_parent = false;  ///< It is asked to end when its parent has ended, and paused and
                                  ///< resumed with it.

  static constexpr auto fields() {
    return described(field("kind", &Spawn::kind), field("arguments", &Spawn::arguments),
                     field("limits", &Spawn::limits), field("only", &Spawn::only),
                     field("directory", &Spawn::directory),
                     field("ends_with_parent", &Spawn::ends_with_parent));
  }
};

/// The longest that a task may sleep or wait for another one in one command.
inline constexpr Milliseconds kWaitMax = std::chrono::days{366};

/// Wait until another task has ended. Errors: not_found (no such task), invalid (the task itself,
/// or a timeout out of bounds), timed_out.
struct Join {
  static constexpr std::string_view kName = "task.join";
  static constexpr EffectClass kEffect = EffectClass::internal;

  /// How it ended. A failed child is an ordinary answer.
  struct Reply {
    std::string state;     ///< "completed", "failed" or "cancelled".
    Json value;            ///< What it returned, if completed.
    std::string error;     ///< Why not, otherwise.
    bool secrets = false;  ///< It may know what stands in a file of secrets (policy/taint.hpp).

    static constexpr auto fields() {
      return described(field("state", &Reply::state), field("value", &Reply::value),
                       field("error", &Reply::error), field("secrets", &Reply::secrets));
    }
  };

  TaskId task = kNoTask;
  std::optional<Milliseconds> timeout;  ///< From 0 to kWaitMax. Absent: for ever.

  static constexpr auto fields() {
    return described(field("task", &Join::task), field("timeout_ms", &Join::timeout));
  }
};

/// Ask a task to end. Errors: not_found (no such task, or it has ended).
struct Kill {
  static constexpr std::string_view kName = "task.kill";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    static constexpr auto fields() { return described(); }
  };

  TaskId task = kNoTask;
  std::string reason;

  static constexpr auto fields() {
    return described(field("task", &Kill::task), field("reason", &Kill::reason));
  }
};

/// What a mailbox holds at most: so many messages, each of so many bytes as JSON.
inline constexpr std::size_t kMailboxMessagesMax = 256;
inline constexpr std::size_t kMessageBytesMax = 64 << 10;

/// Put a message into the mailbox of a task that has not ended; it may be the sender's own. What
/// nobody has taken when that task ends is lost. Errors: not_found (no such task, or it has ended),
/// exhausted (its mailbox is full), too_large, unavailable (it is diverged: nothing reaches it).
struct Send {
  static constexpr std::string_view kName = "task.send";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    static constexpr auto fields() { return described(); }
  };

  TaskId task = kNoTask;
  Json message;

  static constexpr auto fields() {
    return described(field("task", &Send::task), field("message", &Send::message));
  }
};

/// Take the oldest message that fits out of the task's mailbox; wait for one if there is none. The
/// others stay where they are. Errors: invalid (timeout or match out of bounds), timed_out.
struct Receive {
  static constexpr std::string_view kName = "task.receive";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    TaskId from = kNoTask;
    Json message;
    std::uint64_t number = 0;  ///< Counts the messages to this task, from 1.
    bool secrets = false;      ///< Its sender may know what stands in a file of secrets.

    static constexpr auto fields() {
      return described(field("from", &Reply::from), field("message", &Reply::message),
                       field("number", &Reply::number), field("secrets", &Reply::secrets));
    }
  };

  TaskId from = kNoTask;        ///< Only from this task; kNoTask: from any.
  Json match = Json::object();  ///< An object. What it has, the message must have, and equal.
  std::optional<Milliseconds> timeout;  ///< From 0 to kWaitMax. Absent: for ever.

  static constexpr auto fields() {
    return described(field("from", &Receive::from), field("match", &Receive::match),
                     field("timeout_ms", &Receive::timeout));
  }
};

/// Wait for the first of several things; people's words to the task (Hear) always are one of them.
/// It only tells which: Join, Receive and Hear then answer at once. Errors: invalid (the task
/// itself, too many tasks, a timeout out of bounds), not_found (no such task).
struct Wait {
  static constexpr std::string_view kName = "task.wait";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    std::string event;      ///< "task", "message", "words" or "time".
    TaskId task = kNoTask;  ///< Of "task": the first one named that has ended.

    static constexpr auto fields() {
      return described(field("event", &Reply::event), field("task", &Reply::task));
    }
  };

  static constexpr std::size_t kTasksMax = 64;

  std::vector<TaskId> tasks;            ///< The end of any of these.
  bool message = false;                 ///< One that is in the mailbox.
  std::optional<Milliseconds> timeout;  ///< From 0 to kWaitMax. Absent: for ever.

  static constexpr auto fields() {
    return described(field("tasks", &Wait::tasks), field("message", &Wait::message),
                     field("timeout_ms", &Wait::timeout));
  }
};

/// Note a state from which the task can go on. After a restart it is entered with the newest one
/// (TaskStart::state), and what came before is neither read nor run again. So a state holds all
/// that the task has learnt, and is worth its own length: a task that notes one whenever it has
/// written as much as the last one was long writes no more than a multiple of what it does anyway.
/// Errors: too_large (more than 8 MiB), cancelled (the task is to end).
struct Checkpoint {
  static constexpr std::string_view kName = "task.checkpoint";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    static constexpr auto fields() { return described(); }
  };

  Json state;

  static constexpr auto fields() { return described(field("state", &Checkpoint::state)); }
};

// ---- time and chance ----

/// Sleep for a length of time. The deadline is kept as calendar time, so that a restart does not
/// start it again. Errors: invalid (out of bounds), cancelled.
struct Sleep {
  static constexpr std::string_view kName = "time.sleep";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    static constexpr auto fields() { return described(); }
  };

  Milliseconds duration{0};  ///< From 0 to kWaitMax.

  static constexpr auto fields() { return described(field("duration_ms", &Sleep::duration)); }
};

/// Calendar time, journalled: replay sees the same.
struct Now {
  static constexpr std::string_view kName = "time.now";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::int64_t unix_ns = 0;

    static constexpr auto fields() { return described(field("unix_ns", &Reply::unix_ns)); }
  };

  static constexpr auto fields() { return described(); }
};

/// 64 random bits, journalled: replay sees the same.
struct Random {
  static constexpr std::string_view kName = "random";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::uint64_t value = 0;

    static constexpr auto fields() { return described(field("value", &Reply::value)); }
  };

  static constexpr auto fields() { return described(); }
};

}  // namespace tinkerbell

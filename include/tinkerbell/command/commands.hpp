#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/money.hpp"
#include "tinkerbell/command/conversation.hpp"
#include "tinkerbell/command/effect.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The system calls. A task yields one with `co_await` and resumes with its Reply, or with an
/// Error. A command is a plain value. Its kName stands in journals, rules and clients: never rename
/// one.

namespace tinkerbell {

// ---- tasks ----

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

/// Start a child: a registered durable task. It inherits the workspace and origin of its parent.
/// Errors: not_found (no such kind), exhausted (too many tasks, children or generations).
struct Spawn {
  static constexpr std::string_view kName = "task.spawn";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    TaskId task = kNoTask;

    static constexpr auto fields() { return described(field("task", &Reply::task)); }
  };

  std::string kind;  ///< "agent@1".
  Json arguments = Json::object();

  static constexpr auto fields() {
    return described(field("kind", &Spawn::kind), field("arguments", &Spawn::arguments));
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
    std::string state;  ///< "completed", "failed" or "cancelled".
    Json value;         ///< What it returned, if completed.
    std::string error;  ///< Why not, otherwise.

    static constexpr auto fields() {
      return described(field("state", &Reply::state), field("value", &Reply::value),
                       field("error", &Reply::error));
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

    static constexpr auto fields() {
      return described(field("from", &Reply::from), field("message", &Reply::message),
                       field("number", &Reply::number));
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

// ---- files: every path is relative to the task's workspace and never leaves it ----

/// What one command moves or removes at most.
inline constexpr std::size_t kPathsChangedMax = 100'000;
inline constexpr std::uint64_t kBytesChangedMax = std::uint64_t{4} << 30;

/// Read a whole file into memory. Bytes are kept as they are, also where they are not UTF-8.
/// Errors: not_found, denied, outside_workspace, too_large, invalid (not a regular file),
/// cancelled. Source: openat2(2), read(2).
struct AwaitFileRead {
  static constexpr std::string_view kName = "file.read";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::string text;

    static constexpr auto fields() { return described(field("text", &Reply::text)); }
  };

  std::string path;
  std::uint64_t bytes_max = 1 << 20;  ///< A longer file is an error, never cut short.

  static constexpr auto fields() {
    return described(field("path", &AwaitFileRead::path),
                     field("bytes_max", &AwaitFileRead::bytes_max));
  }
};

/// Create a file or replace its whole content, atomically (temporary file, fsync, rename, fsync of
/// the directory). Missing directories are created. Errors: denied, outside_workspace, too_large,
/// invalid, conflict (changed since asked).
struct AwaitFileWrite {
  static constexpr std::string_view kName = "file.write";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::uint64_t bytes = 0;
    bool created = false;
    std::vector<FileChange> changes;  ///< The file, and the directories that were made for it.

    static constexpr auto fields() {
      return described(field("bytes", &Reply::bytes), field("created", &Reply::created),
                       field("changes", &Reply::changes));
    }
  };

  std::string path;
  std::string content;

  static constexpr auto fields() {
    return described(field("path", &AwaitFileWrite::path),
                     field("content", &AwaitFileWrite::content));
  }
};

/// Replace the one place where `old_text` occurs. Errors: as AwaitFileWrite; not_found (file or
/// text), conflict (several places; or changed since asked).
struct AwaitFileEdit {
  static constexpr std::string_view kName = "file.edit";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::uint64_t line = 0;  ///< Where the change begins, counted from 1.
    std::vector<FileChange> changes;

    static constexpr auto fields() {
      return described(field("line", &Reply::line), field("changes", &Reply::changes));
    }
  };

  std::string path;
  std::string old_text;
  std::string new_text;

  static constexpr auto fields() {
    return described(field("path", &AwaitFileEdit::path),
                     field("old_text", &AwaitFileEdit::old_text),
                     field("new_text", &AwaitFileEdit::new_text));
  }
};

/// Look at what stands at a path, whatever it is; a link there is not followed, so it may lead
/// anywhere. Errors: not_found, denied, outside_workspace. Source: statx(2).
struct AwaitFileStat {
  static constexpr std::string_view kName = "file.stat";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::string type;         ///< "file", "directory", "link" or "other".
    std::uint32_t mode = 0;   ///< The permission bits, 07777.
    std::uint64_t bytes = 0;  ///< Of a file's content or a link's target.
    std::int64_t modified_unix_ns = 0;
    std::string target;  ///< Of a link.

    static constexpr auto fields() {
      return described(
          field("type", &Reply::type), field("mode", &Reply::mode), field("bytes", &Reply::bytes),
          field("modified_unix_ns", &Reply::modified_unix_ns), field("target", &Reply::target));
    }
  };

  std::string path;

  static constexpr auto fields() { return described(field("path", &AwaitFileStat::path)); }
};

/// Give a file, a link, or a directory with all that is in it another place. Nothing may stand
/// there; missing directories above it are made, with the mode of the one that they are made in.
/// All of it or nothing. What arrives is new: contents, modes and links are kept; times, owners,
/// extended attributes, set-user-id bits and hard links are not. Errors: not_found, conflict
/// (something stands there, or it is not what was asked about any more), denied (also what cannot
/// be read, and another owner's file by a hard link), outside_workspace, invalid (a directory into
/// itself, the workspace itself), too_large (kPathsChangedMax, kBytesChangedMax), unsupported
/// (something in it that is neither file, directory nor link, or another mount), cancelled, io,
/// storage_full.
struct AwaitFileMove {
  static constexpr std::string_view kName = "file.move";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::vector<FileChange> changes;

    static constexpr auto fields() { return described(field("changes", &Reply::changes)); }
  };

  std::string path;
  std::string to;

  static constexpr auto fields() {
    return described(field("path", &AwaitFileMove::path), field("to", &AwaitFileMove::to));
  }
};

/// Remove a file, a link or a directory. All of it or nothing. What it was is kept first. Errors:
/// as AwaitFileMove; conflict also for a directory with something in it, unless `recursive`.
struct AwaitFileRemove {
  static constexpr std::string_view kName = "file.remove";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::vector<FileChange> changes;

    static constexpr auto fields() { return described(field("changes", &Reply::changes)); }
  };

  std::string path;
  bool recursive = false;

  static constexpr auto fields() {
    return described(field("path", &AwaitFileRemove::path),
                     field("recursive", &AwaitFileRemove::recursive));
  }
};

/// Take back what a task has changed: a list of what its steps changed, turned round. Each path
/// must still be as that task left it, or be as it is to become already; else nothing is done, or
/// with `keep_others` what cannot be taken back stays as it is, and what cannot be done without it.
/// All of the rest or nothing. Of `.git`, an index that lists the same is as it was left, and logs
/// and messages that have moved on stay as they are. Errors: conflict (the message lists the paths
/// that somebody else changed since), not_found (the list, or contents, by their paths, that were
/// not kept), denied (the daemon's own files), invalid (changes that make no tree), cancelled, io,
/// storage_full.
struct AwaitFileRestore {
  static constexpr std::string_view kName = "file.restore";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::vector<FileChange> changes;
    std::vector<LeftInDraft> left;

    static constexpr auto fields() {
      return described(field("changes", &Reply::changes), field("left", &Reply::left));
    }
  };

  TaskId of = kNoTask;      ///< Whose changes these were.
  std::uint64_t step = 0;   ///< What came after this step is taken back.
  std::string list_sha256;  ///< Of the list of the changes to make, which is kept among the
                            ///< contents (workspace/change_list.hpp).
  bool keep_others = false;

  static constexpr auto fields() {
    return described(field("of", &AwaitFileRestore::of), field("step", &AwaitFileRestore::step),
                     field("list_sha256", &AwaitFileRestore::list_sha256),
                     field("keep_others", &AwaitFileRestore::keep_others));
  }
};

/// One entry of a directory listing.
struct FileEntry {
  std::string path;  ///< Relative to the workspace.
  std::string type;  ///< "file", "directory", "link" or "other".
  std::uint64_t bytes = 0;

  static constexpr auto fields() {
    return described(field("path", &FileEntry::path), field("type", &FileEntry::type),
                     field("bytes", &FileEntry::bytes));
  }
};

/// List a directory, sorted by path; `.git` is shown and not entered. Links are not followed.
struct AwaitFileList {
  static constexpr std::string_view kName = "file.list";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::vector<FileEntry> entries;
    bool complete = true;  ///< False: there were more than entries_max.

    static constexpr auto fields() {
      return described(field("entries", &Reply::entries), field("complete", &Reply::complete));
    }
  };

  std::string path = ".";
  bool recursive = false;
  std::uint32_t entries_max = 1'000;

  static constexpr auto fields() {
    return described(field("path", &AwaitFileList::path),
                     field("recursive", &AwaitFileList::recursive),
                     field("entries_max", &AwaitFileList::entries_max));
  }
};

/// One line that matched.
struct FileMatch {
  std::string path;
  std::uint64_t line = 0;  ///< Counted from 1.
  std::string text;        ///< The line, shortened to 400 bytes.

  static constexpr auto fields() {
    return described(field("path", &FileMatch::path), field("line", &FileMatch::line),
                     field("text", &FileMatch::text));
  }
};

/// Find a literal text in the files below a directory. `.git`, binary and very large files are
/// passed over.
struct AwaitFileSearch {
  static constexpr std::string_view kName = "file.search";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::vector<FileMatch> matches;
    bool complete = true;  ///< False: there were more than matches_max.

    static constexpr auto fields() {
      return described(field("matches", &Reply::matches), field("complete", &Reply::complete));
    }
  };

  std::string text;
  std::string path = ".";
  std::uint32_t matches_max = 200;

  static constexpr auto fields() {
    return described(field("text", &AwaitFileSearch::text), field("path", &AwaitFileSearch::path),
                     field("matches_max", &AwaitFileSearch::matches_max));
  }
};

// ---- drafts: a copy of the workspace in which a task works ----

/// Make the draft of the calling task: a copy of its workspace, with a `.git` of its own, in which
/// all that it asks of files and programs takes place from then on. What is neither file, directory
/// nor link is left out. Errors: invalid (the task is to work in the workspace itself),
/// storage_full (the copy does not fit), denied, cancelled, io.
struct AwaitDraftOpen {
  static constexpr std::string_view kName = "draft.open";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    bool shared = false;  ///< The copy shares its blocks with the workspace until one is changed.
    std::vector<LeftInDraft> left_out;

    static constexpr auto fields() {
      return described(field("files", &Reply::files), field("bytes", &Reply::bytes),
                       field("shared", &Reply::shared), field("left_out", &Reply::left_out));
    }
  };

  static constexpr auto fields() { return described(); }
};

/// Take over what the draft in which the task works has changed: all of it or nothing. What the
/// workspace has changed meanwhile, too, is merged where the two do not touch, and else left in the
/// draft; so is what a rule forbids to write and, unless `paths` names it, what other programs act
/// upon (`.git/hooks`) or git ignores. If nothing is left, or only what git ignores, the draft is
/// removed. Errors: not_found (there is no draft, or nothing at these paths), conflict (it is not
/// what was asked about any more), denied, cancelled, io, storage_full.
struct AwaitDraftAccept {
  static constexpr std::string_view kName = "draft.accept";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    std::vector<FileChange> changes;
    std::vector<LeftInDraft> left;

    static constexpr auto fields() {
      return described(field("changes", &Reply::changes), field("left", &Reply::left));
    }
  };

  std::vector<std::string> paths;    ///< Only these and what is below them; empty: all.
  std::vector<std::string> ignored;  ///< By git: files, and directories with all that is in them.
  std::string report;                ///< What speaks for it: the last programs, and how they ended.

  static constexpr auto fields() {
    return described(field("paths", &AwaitDraftAccept::paths),
                     field("ignored", &AwaitDraftAccept::ignored),
                     field("report", &AwaitDraftAccept::report));
  }
};

/// Throw away the draft in which the task works. Errors: not_found, io.
struct AwaitDraftDrop {
  static constexpr std::string_view kName = "draft.drop";
  static constexpr EffectClass kEffect = EffectClass::local;

  struct Reply {
    static constexpr auto fields() { return described(); }
  };

  static constexpr auto fields() { return described(); }
};

// ---- people ----

/// Ask a person yes or no. Waits for ever. Errors: cancelled.
struct AwaitUserApproval {
  static constexpr std::string_view kName = "user.approval";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    bool granted = false;
    std::string reason;  ///< What the person said with it.

    static constexpr auto fields() {
      return described(field("granted", &Reply::granted), field("reason", &Reply::reason));
    }
  };

  std::string question;
  std::string preview;  ///< What the answer is about, shown below the question.

  static constexpr auto fields() {
    return described(field("question", &AwaitUserApproval::question),
                     field("preview", &AwaitUserApproval::preview));
  }
};

/// Ask a person for words. Waits for ever. Errors: denied (the person declines), cancelled.
struct AwaitUserAnswer {
  static constexpr std::string_view kName = "user.answer";
  static constexpr EffectClass kEffect = EffectClass::internal;

  struct Reply {
    std::string text;

    static constexpr auto fields() { return described(field("text", &Reply::text)); }
  };

  std::string question;
  std::vector<std::string> choices;  ///< What is offered. The daemon takes other words as well.

  static constexpr auto fields() {
    return described(field("question", &AwaitUserAnswer::question),
                     field("choices", &AwaitUserAnswer::choices));
  }
};

// ---- programs ----

/// Run a program to its end, in the sandbox, with the workspace as its root. No shell is ever
/// implied. Errors: not_found (no such program), denied, unsupported (no sandbox here), timed_out
/// (with the output so far in the message), too_large (argv), cancelled, unknown_outcome. A program
/// that fails is an ordinary reply. Source: execve(2); policy key "process.run".
struct AwaitProcess {
  static constexpr std::string_view kName = "process.run";
  static constexpr EffectClass kEffect = EffectClass::probeable;

  struct Reply {
    int exit_code = 0;       ///< 0–255; 128 + signal if it was killed.
    bool timed_out = false;  ///< It was ended because its time was up.
    std::string output;      ///< stdout and stderr as they came; head and tail if it was long.
    std::uint64_t output_bytes = 0;  ///< All that it wrote, also what `output` leaves out.
    Milliseconds duration{0};
    std::string note;  ///< Whence all this is known, where the program was not there to tell: from
                       ///< a probe or a person; and what of its changes is not known.
    std::vector<FileChange> changes;  ///< What in the workspace became another while it ran.

    static constexpr auto fields() {
      return described(field("exit_code", &Reply::exit_code), field("timed_out", &Reply::timed_out),
                       field("output", &Reply::output), field("output_bytes", &Reply::output_bytes),
                       field("duration_ms", &Reply::duration), field("note", &Reply::note),
                       field("changes", &Reply::changes));
    }
  };

  std::vector<std::string> argv;
  std::string cwd = ".";                   ///< Relative to the workspace.
  std::map<std::string, std::string> env;  ///< Added to the clean environment.
  Milliseconds timeout{120'000};
  std::uint64_t output_bytes_max =
      64 << 10;  ///< Kept of the output; the program itself is not stopped.

  static constexpr auto fields() {
    return described(field("argv", &AwaitProcess::argv), field("cwd", &AwaitProcess::cwd),
                     field("env", &AwaitProcess::env), field("timeout_ms", &AwaitProcess::timeout),
                     field("output_bytes_max", &AwaitProcess::output_bytes_max));
  }
};

// ---- model ----

/// What a model call used, by the provider's own figures, whatever its way of counting: `input` is
/// all that it read, `output` all that it wrote. Zero and `known == false` where it gave none.
struct TokenUsage {
  std::uint64_t input = 0;
  std::uint64_t input_cached = 0;  ///< Part of `input`.
  std::uint64_t output = 0;
  bool known = false;
  std::uint64_t input_cache_write = 0;  ///< Part of `input`: what was put into the cache.
  std::uint64_t output_reasoning = 0;   ///< Part of `output`.

  static constexpr auto fields() {
    return described(field("input", &TokenUsage::input),
                     field("input_cached", &TokenUsage::input_cached),
                     field("output", &TokenUsage::output), field("known", &TokenUsage::known),
                     field("input_cache_write", &TokenUsage::input_cache_write),
                     field("output_reasoning", &TokenUsage::output_reasoning));
  }
};

enum class FinishReason : std::uint8_t {
  stop,
  tool_calls,
  length,
  refusal,
  other,
  pause,  ///< The service wants to be asked again, with what it said so far, to go on.
};

template <>
inline constexpr std::array<std::string_view, 6> kNames<FinishReason> = {
    "stop", "tool_calls", "length", "refusal", "other", "pause"};

/// Ask a model for its next message. An answer that ends without the provider's end mark is an
/// error, never a reply. Errors: not_found (no such alias), unavailable, unauthorized,
/// rate_limited, protocol, timed_out, too_large, cancelled. Source: `docs/models.md`.
struct AwaitLLMResponse {
  static constexpr std::string_view kName = "llm.response";
  static constexpr EffectClass kEffect = EffectClass::idempotent;

  struct Reply {
    std::string text;
    std::vector<ToolCall> tool_calls;
    FinishReason finish = FinishReason::stop;
    TokenUsage usage;
    std::string model;                  ///< As the server named it.
    std::int64_t received_unix_ns = 0;  ///< When its last byte came.
    std::vector<KeptPiece> kept;        ///< Belongs into the conversation with the answer.
    std::optional<Money> cost;  ///< Nothing: the model has no price, or the service gave no usage.
    std::string fallback;  ///< The alias that answered in place of the one that was asked. Empty:
                           ///< that one did.
    std::optional<Milliseconds> took;  ///< All its attempts at which the service was at work, and
                                       ///< no wait: an agent's clock. Nothing: of a time before it
                                       ///< was told.

    static constexpr auto fields() {
      return described(field("text", &Reply::text), field("tool_calls", &Reply::tool_calls),
                       field("finish", &Reply::finish), field("usage", &Reply::usage),
                       field("model", &Reply::model),
                       field("received_unix_ns", &Reply::received_unix_ns),
                       field("kept", &Reply::kept), field("cost", &Reply::cost),
                       field("fallback", &Reply::fallback), field("took_ms", &Reply::took));
    }
  };

  std::string model;  ///< An alias from the config.
  Conversation messages;
  std::vector<ToolSchema> tools;
  std::uint32_t tokens_max = 8'192;
  Json output_schema;  ///< JSON Schema: the text of a whole answer (finish: stop) is to be JSON of
                       ///< this form. That it is JSON is made sure of. Null: a text like any other.

  static constexpr auto fields() {
    return described(field("model", &AwaitLLMResponse::model),
                     field("messages", &AwaitLLMResponse::messages),
                     field("tools", &AwaitLLMResponse::tools),
                     field("tokens_max", &AwaitLLMResponse::tokens_max),
                     field("output_schema", &AwaitLLMResponse::output_schema));
  }
};

// ---- long tasks ----

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

// ---- all of them ----

using CommandVariant =
    std::variant<GetTid, Yield, Spawn, Join, Kill, Send, Receive, Sleep, Now, Random, AwaitFileRead,
                 AwaitFileWrite, AwaitFileEdit, AwaitFileList, AwaitFileSearch, AwaitUserApproval,
                 AwaitUserAnswer, AwaitProcess, AwaitLLMResponse, Checkpoint, AwaitDraftOpen,
                 AwaitDraftAccept, AwaitDraftDrop, AwaitFileStat, AwaitFileMove, AwaitFileRemove,
                 AwaitFileRestore, Hear>;

namespace detail {

template <class Variant>
struct ReplyOf;

template <class... Commands>
struct ReplyOf<std::variant<Commands...>> {
  using type = std::variant<typename Commands::Reply...>;
};

template <class T, class Variant>
inline constexpr bool kIsOneOf = false;
template <class T, class... Each>
inline constexpr bool kIsOneOf<T, std::variant<Each...>> = (std::same_as<T, Each> || ...);

}  // namespace detail

using ReplyVariant = detail::ReplyOf<CommandVariant>::type;

/// Any command. A class of its own, so that copies and moves of the variant are compiled once.
struct TaskCommand : CommandVariant {
  using CommandVariant::CommandVariant;
  TaskCommand() noexcept;
  TaskCommand(const TaskCommand&);
  TaskCommand(TaskCommand&&) noexcept;
  TaskCommand& operator=(const TaskCommand&);
  TaskCommand& operator=(TaskCommand&&) noexcept;
  ~TaskCommand();
};

/// The reply to a command: the alternative with the same index.
struct Reply : ReplyVariant {
  using ReplyVariant::ReplyVariant;
  Reply() noexcept;
  Reply(const Reply&);
  Reply(Reply&&) noexcept;
  Reply& operator=(const Reply&);
  Reply& operator=(Reply&&) noexcept;
  ~Reply();
};

template <class T>
concept Command = detail::kIsOneOf<T, CommandVariant>;

/// Changes several paths at once, all of them or none; Facts::changes names each.
template <class T>
concept ChangesSeveral = std::same_as<T, AwaitFileMove> || std::same_as<T, AwaitFileRemove> ||
                         std::same_as<T, AwaitFileRestore>;

/// Lets a `switch`-like visit list what it handles; the compiler finds a missing case.
template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

[[nodiscard]] std::string_view name_of(const TaskCommand& command);
[[nodiscard]] EffectClass effect_of(const TaskCommand& command);

[[nodiscard]] bool changes_several(const TaskCommand& command);

/// Whether the command leaves a record. Those whose answer cannot differ in replay do not.
[[nodiscard]] bool is_recorded(const TaskCommand& command);

/// The command's arguments as an object: {"path": "a.txt", …}.
[[nodiscard]] Json arguments_json(const TaskCommand& command);

/// The names of the arguments of the command of that name, in their order; none if there is no such
/// command.
[[nodiscard]] std::vector<std::string_view> argument_names(std::string_view command);

/// What the command changed in the workspace, or in the task's draft of it; empty for most.
[[nodiscard]] std::span<const FileChange> changes_in(const Reply& reply);

/// The same of one that may have failed: also then it may have changed something.
[[nodiscard]] std::span<const FileChange> changes_in(const Result<Reply>& outcome);

/// Puts what was changed before that into an outcome, whatever it is.
void add_earlier_changes(const std::vector<FileChange>& earlier, Result<Reply>& outcome);

/// The reply as an object.
[[nodiscard]] Json reply_json(const Reply& reply);

/// Its arguments in canonical bytes.
[[nodiscard]] std::string canonical_arguments(const TaskCommand& command);

/// [name, arguments] in canonical bytes.
[[nodiscard]] std::string canonical_command(const TaskCommand& command);

/// The canonical_arguments() inside of it.
[[nodiscard]] std::string_view arguments_in(std::string_view canonical_command);

/// The command of that name with these canonical_arguments(), or with none. A conversation has no
/// texts any more: it reads as an empty one. Errors: invalid (no such command, wrong arguments).
[[nodiscard]] Result<TaskCommand> command_from_canonical(std::string_view name,
                                                         std::string_view arguments);

/// A reply or an error in canonical bytes, for the journal.
[[nodiscard]] std::string canonical_outcome(const Result<Reply>& outcome);

/// The outcome of `command` (which says the type) from its canonical bytes. Errors: invalid.
[[nodiscard]] Result<Result<Reply>> outcome_from_canonical(const TaskCommand& command,
                                                           std::string_view bytes);

/// The error that is the outcome of some command; nothing if that is a reply. Errors: invalid.
[[nodiscard]] Result<std::optional<Error>> error_in_outcome(std::string_view bytes);

/// Identifies a command for replay: the first 128 bits of SHA-256 over the format version and
/// canonical_command.
struct Fingerprint {
  std::array<std::uint8_t, 16> bytes{};

  /// 32 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex() const;

  bool operator==(const Fingerprint&) const = default;
};

[[nodiscard]] Fingerprint fingerprint_of(std::string_view canonical_command);

}  // namespace tinkerbell

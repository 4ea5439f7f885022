#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/effect.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// What a record says. Numbers are on disk: add at the end, never renumber.
enum class RecordKind : std::uint8_t {
  task,      ///< A task began: its kind, arguments and frozen definition.
  intent,    ///< A command was asked, with its facts and verdict.
  start,     ///< It was released (attempt N), with the approval that it consumed.
  result,    ///< Its outcome.
  signal,    ///< Something from outside reached the task: pause, resume, cancel.
  approval,  ///< A person answered a question.
  snapshot,  ///< A state from which the task can go on (reserved).
  file,      ///< A file as it was before a command changed it.
  unsure,    ///< After a crash: START without RESULT, and no probe can tell.
  resolved,  ///< Not written any more: an APPROVAL says what became of it.
  done,      ///< The task ended, and how.
  deferred,  ///< An attempt came to nothing: why, and when the next one is made.
};

template <>
inline constexpr std::array<std::string_view, 12> kNames<RecordKind> = {
    "task",     "intent", "start",  "result",   "signal", "approval",
    "snapshot", "file",   "unsure", "resolved", "done",   "deferred"};

/// One entry of the journal.
struct Record {
  Lsn lsn{0};       ///< Assigned when it is appended.
  Lsn previous{0};  ///< The record before it of the same task; 0: the first.
  TaskId task = kNoTask;
  std::uint32_t branch = 0;  ///< 0: the task's own. 1: a copy, of what the one that it was forked
                             ///< from had done by then: told once already, and paid.
  Seq seq{0};                ///< The command it belongs to; 0: the task itself.
  RecordKind kind = RecordKind::task;
  EffectClass effect = EffectClass::pure;
  std::uint32_t attempt = 0;  ///< START, DEFERRED and RESULT: which release.
  Epoch epoch{0};             ///< The daemon run that wrote it.
  WallTime wall{};            ///< When the daemon decided it.
  Fingerprint fingerprint{};  ///< Of the command; zero where there is none.
  std::string payload;        ///< Canonical bytes; what they mean depends on `kind`.

  bool operator==(const Record&) const = default;
};

/// Record::branch of the copies that a fork begins with.
inline constexpr std::uint32_t kCopiedBranch = 1;

/// The longest disk form of a record, without its length field. A longer one is a bug: commands and
/// replies are bounded long before they get here.
inline constexpr std::size_t kRecordBytesMax = std::size_t{64} << 20;

/// A payload that does not stand in its record: where it is, the store knows by its hash.
struct BlobRef {
  Sha256 hash;
  std::uint64_t length = 0;  ///< Of the payload.

  bool operator==(const BlobRef&) const = default;
};

/// A record as it stands in a commit. With a blob, `record` has no payload yet.
struct PackedRecord {
  Record record;
  std::optional<BlobRef> blob;
};

/// Appends the record's disk form, at most kRecordBytesMax bytes, to `out`:
///
///     n   length of all that follows
///     u32 crc32c of all that follows it
///     u8  format (2)
///     u8  kind, and 16 times the effect
///     u8  1: there is a fingerprint, 4: the payload is a blob
///     n   lsn, lsn - previous, task, branch, seq, attempt, epoch
///     i64 wall in ns since 1970
///     16 bytes fingerprint, where it is not zero
///     payload; of a blob 32 bytes hash, n length
///
/// n is LEB128 (seven bits a byte, the lowest first); the others are little-endian.
void append_encoded(const Record& record, std::string& out,
                    const std::optional<BlobRef>& blob = {});

/// Reads one record from the front of `bytes` and moves `bytes` past it; after an error `bytes` is
/// where it was. Errors: invalid (torn, wrong crc, newer format: names the lsn).
[[nodiscard]] Result<PackedRecord> take_decoded(std::string_view& bytes);

/// The same with the payload left out.
[[nodiscard]] Result<PackedRecord> take_header(std::string_view& bytes);

}  // namespace tinkerbell

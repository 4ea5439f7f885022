#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/syscall/offline_replay.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// A task in a core file, with all its records.
struct CoreTask {
  TaskId task = kNoTask;
  std::int64_t created_unix_ns = 0;
  std::string records;  ///< In the journal's disk form (journal/record.hpp), one after the other.
  std::uint64_t masked_from = 0;  ///< The first record in which the task is told something that was
                                  ///< masked; 0: there is none.

  static constexpr auto fields() {
    return described(
        field("task", &CoreTask::task), field("created_unix_ns", &CoreTask::created_unix_ns),
        field("records", &CoreTask::records), field("masked_from", &CoreTask::masked_from));
  }
};

/// What a file held that a task changed.
struct CoreContent {
  std::string sha256;  ///< Of the content as it was; hexadecimal.
  std::string content;
  bool masked = false;  ///< A secret stood in it: it is not what `sha256` says any more.

  static constexpr auto fields() {
    return described(field("sha256", &CoreContent::sha256), field("content", &CoreContent::content),
                     field("masked", &CoreContent::masked));
  }
};

/// All that is needed to run a task and its family again somewhere else: what was asked and
/// answered, models' exchanges included, and what stood in the files that were changed.
struct Core {
  std::string version;  ///< Of the program that took it.
  std::int64_t taken_unix_ns = 0;
  std::vector<CoreTask> tasks;  ///< The one that was asked for comes first.
  std::vector<CoreContent> contents;
  std::vector<std::string> left_out;  ///< In words, for people.
  std::uint64_t masked = 0;           ///< Records and contents in which a secret was masked.

  static constexpr auto fields() {
    return described(field("version", &Core::version), field("taken_unix_ns", &Core::taken_unix_ns),
                     field("tasks", &Core::tasks), field("contents", &Core::contents),
                     field("left_out", &Core::left_out), field("masked", &Core::masked));
  }
};

/// What a core may be, as bytes of its canonical form; more is never made room for.
inline constexpr std::size_t kCoreBytesMax = std::size_t{128} << 20;

/// A core as a file:
///
///     "tinkerbell core 1\n"   1 is the version of this form
///     one zstd frame, which says the length of what is in it: the Core in canonical bytes
///     32 bytes                SHA-256 of all that stands before
///
/// Errors: too_large.
[[nodiscard]] Result<std::string> core_file(const Core& core);

/// Reads one. Whoever wrote it may have meant harm: nothing in it is believed but that it is of
/// this form, and its texts are for visible_text. Errors: invalid (no core file; cut; damaged; no
/// sense in it), unsupported (of a later version), too_large.
[[nodiscard]] Result<Core> read_core_file(std::string_view bytes);

/// Its records, to be run again. Errors: invalid.
[[nodiscard]] Result<RecordedTask> recorded_task(const CoreTask& task);

}  // namespace tinkerbell

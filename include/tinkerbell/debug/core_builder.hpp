#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/debug/core_file.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tinkerbell {

/// Canonical bytes with each text in them masked; the same bytes where no secret is found.
[[nodiscard]] std::string masked_canonical(std::string bytes, const Masker& masker);

/// Puts a core together, task by task. No exact secret that the masker knows is in it, in none of
/// the spellings that it knows. One thread at a time; every function may take long.
class CoreBuilder {
 public:
  /// Longer contents are left out, and all that come after so much.
  static constexpr std::size_t kContentBytesMax = std::size_t{4} << 20;
  static constexpr std::size_t kContentsBytesMax = std::size_t{32} << 20;

  /// Of so many that are left out it is said which.
  static constexpr std::size_t kMissingNamedMax = 20;

  CoreBuilder(std::string version, WallTime taken, const Masker& masker);

  /// The first one is the one that was asked for. Returns the others of its family that are known
  /// from it: from whom it comes, and those that it began. Errors: too_large (the first one),
  /// invalid (its records cannot be read).
  [[nodiscard]] Result<std::vector<TaskId>> add(const RecordedTask& task);

  /// One that belongs there, and why it does not come.
  void leave_out(TaskId task, const Error& why);

  /// Where contents are taken from. Errors: as ContentStore::read().
  using ReadContent = std::function<Result<std::string>(const Sha256& content, std::size_t max)>;

  /// Takes what the changes of these tasks name, and makes the file. Errors: too_large.
  [[nodiscard]] Result<std::string> finish(const ReadContent& read);

 private:
  [[nodiscard]] Result<void> read_record(const Record& record, std::optional<TaskCommand>& asked,
                                         std::vector<TaskId>& family);
  void note_changes(const Result<Reply>& outcome);
  void add_content(const Sha256& hash, const ReadContent& read);

  const Masker& masker_;
  Core core_;
  std::size_t record_bytes_ = 0;
  std::size_t content_bytes_ = 0;
  std::size_t contents_missing_ = 0;
  std::set<Sha256> in_records_;  ///< Contents that stand there already.
  std::vector<Sha256> named_;    ///< In the order in which changes name them.
  std::set<Sha256> known_;       ///< The same.
};

}  // namespace tinkerbell

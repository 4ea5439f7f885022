#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tinkerbell {

/// What the journal holds of a command that an earlier run of the daemon began.
struct PastCommand {
  IntentPayload intent;
  WallTime asked{};
  Lsn begun{0};  ///< Inside the daemon: of the INTENT which says that it waits.
  std::uint32_t attempts = 0;
  WallTime started{};  ///< The newest attempt.
  std::optional<PreImage> pre_image;
  std::optional<ApprovalPayload> decision;  ///< The newest.
  std::optional<ApprovalPayload> grant;     ///< The answer that holds for the whole task.
  std::optional<UnsurePayload> unsure;
  std::vector<FileChange> changed;          ///< By attempts of which nobody knew what became.
  std::optional<DeferredPayload> deferred;  ///< The next attempt has not been made.
  Milliseconds worked{0};                   ///< By the attempts that came to nothing.
  std::uint32_t questions = 0;              ///< That were asked about it.
  bool has_result = false;
};

/// The commands through which a task has still to be replayed. Their records are kept as they are
/// and read when the task comes to them.
class Past {
 public:
  void reserve(std::size_t records) { records_.reserve(records); }

  /// The next record of a command; in the order in which they were written.
  void add(Record record) { records_.push_back(std::move(record)); }

  [[nodiscard]] bool empty() const { return next_ == records_.size(); }

  /// Not of an empty past, as all that follows.
  [[nodiscard]] Seq oldest() const { return records_[next_].seq; }

  [[nodiscard]] Seq newest() const { return records_.back().seq; }

  /// The first record of the oldest command.
  [[nodiscard]] Lsn lsn() const { return records_[next_].lsn; }

  /// The fingerprint of the oldest command; zero: it has no INTENT.
  [[nodiscard]] Fingerprint fingerprint() const;

  /// The RESULT of the oldest command; null: it has none. Until the next change.
  [[nodiscard]] const Record* result() const;

  /// Whether it is plain that nobody was asked about the oldest command.
  [[nodiscard]] bool was_allowed_at_once() const;

  /// The oldest command. Errors: invalid (names the record).
  [[nodiscard]] Result<PastCommand> read_oldest() const { return read(of(oldest())); }

  /// Errors: invalid (names the record).
  [[nodiscard]] Result<PastCommand> read_newest() const { return read(of(newest())); }

  /// Forgets the oldest command.
  void pop();

  void clear() { *this = {}; }

 private:
  [[nodiscard]] std::span<const Record> of(Seq command) const;
  [[nodiscard]] static Result<PastCommand> read(std::span<const Record> records);

  std::vector<Record> records_;
  std::size_t next_ = 0;  ///< What stands before is over.
};

/// Reads a record's payload. Errors: invalid (names the record).
template <class T>
[[nodiscard]] Result<void> read_payload(const Record& record, T& into) {
  Result<T> value = from_canonical<T>(record.payload);
  if (!value) {
    return value.error().with(std::string(name_of(record.kind)) + " record " +
                              std::to_string(number(record.lsn)));
  }
  into = *std::move(value);
  return {};
}

}  // namespace tinkerbell

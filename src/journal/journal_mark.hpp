#pragma once

#include "journal/seal_key.hpp"

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/journal/store.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace tinkerbell {

/// Whether a journal may be opened that is not as it was, and why it would not have been.
class Acceptance {
 public:
  explicit Acceptance(bool wanted) : wanted_(wanted) {}

  /// What was found. An error stays one, with the advice how to go on, unless it is accepted.
  [[nodiscard]] Result<void> check(Result<void> found);

  /// The first error that was accepted; empty: there was none.
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  bool wanted_;
  std::string reason_;
};

/// What stands beside a journal in the file `journal.mark`: one line,
///
///     STORE_ID EPOCH open|closed LSN SEAL SIGNATURE
///
/// of its newest opening and of an anchor: a record that is durable, and the seal of its commit. By
/// it one notices that the journal was lost, or replaced by another one or by itself as it was
/// earlier, or that its end was cut off. Signed with the journal's key, so that nobody makes one
/// for what is left of a journal; who has an earlier one can put it back together with the journal
/// of then.
///
/// It is written in place, within one sector, after what it says is durable: so it is never ahead
/// of the journal.
class JournalMark {
 public:
  struct Content {
    std::string store_id;
    Epoch epoch{0};
    bool open = false;
    std::optional<Anchor> anchor{};  ///< None: written by a version that had no seals.
  };

  /// Errors: invalid (something else stands there, and that is not accepted), io, denied.
  [[nodiscard]] static Result<JournalMark> in(const std::filesystem::path& directory,
                                              Acceptance& acceptance);

  /// What it said when it was read, or was told since. None: there was no journal.
  [[nodiscard]] const std::optional<Content>& content() const { return content_; }

  /// Before a journal is looked for. Errors: invalid (there must be one, or its log).
  [[nodiscard]] Result<void> check_files(Acceptance& acceptance);

  /// Once it was read. Errors: invalid (it is another one, or older).
  [[nodiscard]] Result<void> check(const std::string& store_id, Epoch epoch) const;

  /// Whether it was signed with this key.
  [[nodiscard]] bool is_signed_with(const SealKey& key) const;

  /// What to say of a journal that is empty although there was one.
  [[nodiscard]] Error lost() const;

  /// It says nothing any more: what it said was accepted not to be so.
  void forget() { content_.reset(); }

  /// That there is no room is no error where there is a mark already. Errors: storage_full, io,
  /// denied.
  [[nodiscard]] Result<void> write(const Content& content, const SealKey& key);

  /// For the mark of a copy.
  [[nodiscard]] static std::string line_of(const Content& content, const SealKey& key);

 private:
  explicit JournalMark(std::filesystem::path directory) : directory_(std::move(directory)) {}

  [[nodiscard]] std::filesystem::path file() const { return directory_ / "journal.mark"; }

  [[nodiscard]] Result<void> read();

  std::filesystem::path directory_;
  std::optional<Content> content_;
  std::string signature_;
  bool is_there_ = false;  ///< The file, with something in it.
};

}  // namespace tinkerbell

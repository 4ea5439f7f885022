#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/result.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace tinkerbell {

/// What stands beside a journal in the file `journal.mark`: one line, "STORE_ID EPOCH open" or "…
/// closed", of its newest opening. By it one notices that the journal was lost, or replaced by
/// another one or by itself as it was earlier. Against accidents only: whoever replaces the one can
/// replace the other, too.
///
/// It is written in place, within one sector, after what it says is durable: so it is never ahead
/// of the journal.
class JournalMark {
 public:
  /// Errors: invalid (something else stands there), io, denied.
  [[nodiscard]] static Result<JournalMark> in(const std::filesystem::path& directory);

  /// Whether there was a journal.
  [[nodiscard]] bool exists() const { return content_.has_value(); }

  /// Before a journal is looked for. Errors: invalid (there must be one, or its log).
  [[nodiscard]] Result<void> check_files() const;

  /// Once it was read. Errors: invalid (it is another one, or older).
  [[nodiscard]] Result<void> check(const std::string& store_id, Epoch epoch) const;

  /// What to say of a journal that is empty although there was one.
  [[nodiscard]] Error lost() const;

  /// That there is no room for it is no error. Errors: io, denied.
  [[nodiscard]] Result<void> write_open(const std::string& store_id, Epoch epoch);

  /// From now on the log may be missing.
  [[nodiscard]] Result<void> write_closed();

 private:
  struct Content {
    std::string store_id;
    Epoch epoch{0};
    bool open = false;
  };

  explicit JournalMark(std::filesystem::path directory) : directory_(std::move(directory)) {}

  [[nodiscard]] std::filesystem::path file() const { return directory_ / "journal.mark"; }

  [[nodiscard]] Result<void> read();
  [[nodiscard]] Result<void> write() const;
  [[nodiscard]] std::string advice() const;

  std::filesystem::path directory_;
  std::optional<Content> content_;
};

}  // namespace tinkerbell

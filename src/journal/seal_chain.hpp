#pragma once

#include "journal/seal_key.hpp"
#include "journal/sqlite.hpp"

#include "tinkerbell/journal/store.hpp"

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace tinkerbell {

/// What stands in the chain. Numbers are on disk.
enum class LinkKind : std::uint8_t {
  commit,    ///< A row of `commits`; all others are rows of `links`.
  removed,   ///< What is left of commits of which a collection took everything.
  begun,     ///< From here on there are seals.
  accepted,  ///< The journal was not what it had been, and somebody said that it may go on.
};

/// Where a link stands. A note comes behind the record that was the newest then: its first is one
/// more than its last.
struct LinkPlace {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t id = 0;  ///< Tells notes at one place apart.

  auto operator<=>(const LinkPlace&) const = default;
};

struct Link {
  LinkKind kind = LinkKind::commit;
  LinkPlace at;
  std::string content;         ///< Of a commit its records, of a note its text.
  std::optional<Sha256> seal;  ///< None: it is from before the chain.
  std::optional<Sha256> cut;   ///< Of what a collection has changed: says that it was one.

  [[nodiscard]] Lsn first() const { return Lsn{static_cast<std::uint64_t>(at.first)}; }

  [[nodiscard]] Lsn last() const { return Lsn{static_cast<std::uint64_t>(at.last)}; }

  /// As the next link refers to it.
  [[nodiscard]] Sha256 seal_or_none() const { return seal.value_or(Sha256{}); }
};

/// The chain of seals. Each commit has the keyed hash of the seal before it and of its records:
///
///     seal = HMAC-SHA-256(key, kind, seal before, first lsn, last lsn, records)
///
/// So no record can be changed, taken out, moved or put in, also by who can compute hashes, but by
/// who has the key; and one seal, written down elsewhere (Anchor), stands for all before it.
///
/// Beside the commits there are links in a table of their own: notes, and what is left of commits
/// that a collection has emptied. A collection keeps the seal of a commit that it changes, since
/// the next one refers to it, and adds one over the change ("cut"):
///
///     cut = HMAC-SHA-256(key, removed, seal before, first lsn, last lsn, seal, records)
///
/// What was there before the chain was begun, or under a key that is lost, has no valid seals.
class SealChain {
 public:
  [[nodiscard]] static Result<SealChain> on(SqliteConnection& database);

  /// Before all that follows.
  void use(SealKey key, std::string store_id);

  [[nodiscard]] const SealKey& key() const { return *key_; }

  /// The newest beginning; none: there are no seals.
  [[nodiscard]] const std::optional<LinkPlace>& begun() const { return begun_; }

  /// Whether a link stands in the chain, and not before it.
  [[nodiscard]] bool covers(const LinkPlace& at) const { return begun_ && *begun_ < at; }

  /// The first record of the chain.
  [[nodiscard]] Lsn from() const { return Lsn{static_cast<std::uint64_t>(begun_->first)}; }

  /// In front of all links.
  static constexpr LinkPlace kFront{.first = std::numeric_limits<std::int64_t>::min()};

  /// The link in front of a place, and the one behind it. Errors: invalid (damaged), io.
  [[nodiscard]] Result<std::optional<Link>> before(const LinkPlace& place);
  [[nodiscard]] Result<std::optional<Link>> after(const LinkPlace& place);

  [[nodiscard]] Result<std::optional<Link>> newest() { return before(kEnd); }

  /// Whether a link is what was written behind a link with the seal `before`.
  [[nodiscard]] bool holds(const Sha256& before, const Link& link) const;

  /// Whether the chain goes through an anchor. A collection may have taken its very record.
  [[nodiscard]] Result<bool> goes_through(const Anchor& anchor);

  [[nodiscard]] Sha256 seal_of_commit(const Sha256& before, Lsn first, Lsn last,
                                      std::string_view records) const;

  /// Inside the caller's transaction, behind the record `newest`. The seal of the note.
  [[nodiscard]] Result<Sha256> begin(Lsn newest, std::string_view why);
  [[nodiscard]] Result<Sha256> accept(const Sha256& before, Lsn newest, std::string_view why);

  // ---- what a collection does; inside its transaction ----

  /// Of a link that a collection has made of others: its kind, place, content and seal are set.
  [[nodiscard]] Sha256 cut_of(const Sha256& before, const Link& link) const;

  /// Links that are no commits.
  [[nodiscard]] Result<void> insert(const Link& link);
  [[nodiscard]] Result<void> remove(const LinkPlace& place);

  /// Seal and cut as the tables have them; empty: none.
  [[nodiscard]] static std::string stored_seal(const Link& link);

 private:
  static constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  static constexpr LinkPlace kEnd{.first = kMax, .last = kMax, .id = kMax};

  SealChain() = default;

  [[nodiscard]] Sha256 signature(LinkKind kind, const Sha256& before, const LinkPlace& at,
                                 std::string_view seal, std::string_view content) const;
  [[nodiscard]] Result<Sha256> note(LinkKind kind, const Sha256& before, Lsn newest,
                                    std::string_view why);

  std::optional<SealKey> key_;
  std::string store_id_;
  std::optional<LinkPlace> begun_;
  SqliteStatement commit_before_;
  SqliteStatement commit_after_;
  SqliteStatement link_before_;
  SqliteStatement link_after_;
  SqliteStatement insert_;
  SqliteStatement remove_;
};

}  // namespace tinkerbell

#include "journal/seal_chain.hpp"

#include <array>
#include <cstring>

namespace tinkerbell {

namespace {

constexpr std::size_t kSealBytes = sizeof(Sha256::bytes);

Sha256 hash_in(std::string_view bytes) {
  Sha256 hash;
  std::memcpy(hash.bytes.data(), bytes.data(), kSealBytes);
  return hash;
}

/// Little-endian on every machine.
std::array<char, 8> fixed(std::int64_t value) {
  std::array<char, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  return bytes;
}

/// A row of `links` that says to be something else holds for nobody.
LinkKind kind_in(std::int64_t stored) {
  const auto kind = static_cast<LinkKind>(stored);
  return kind == LinkKind::begun || kind == LinkKind::accepted ? kind : LinkKind::removed;
}

/// What is neither a seal nor none holds for nobody.
void read_seal(std::string_view stored, Link& link) {
  if (stored.empty()) return;
  link.seal.emplace();
  if (stored.size() == kSealBytes) link.seal = hash_in(stored);
  if (stored.size() == 2 * kSealBytes) {
    link.seal = hash_in(stored);
    link.cut = hash_in(stored.substr(kSealBytes));
  }
}

/// Columns: first_lsn, last_lsn, content, seal; of `links` also id and kind.
Result<std::optional<Link>> link_in(SqliteQuery& row, bool is_commit) {
  const Result<bool> found = row.next();
  if (!found) return found.error();
  if (!*found) return std::optional<Link>{};
  Link link{
      .kind = is_commit ? LinkKind::commit : kind_in(row.integer(5)),
      .at = {.first = row.integer(0), .last = row.integer(1), .id = is_commit ? 0 : row.integer(4)},
      .content = std::string(row.blob(2)),
      .seal = {},
      .cut = {}};
  read_seal(row.blob(3), link);
  return std::optional(std::move(link));
}

}  // namespace

Result<SealChain> SealChain::on(SqliteConnection& database) {
  SealChain chain;
  for (auto [statement, sql] :
       {std::pair{&chain.commit_before_,
                  "SELECT first_lsn, last_lsn, body, seal FROM commits WHERE (first_lsn, "
                  "last_lsn) < (?1, ?2) ORDER BY first_lsn DESC LIMIT 1"},
        {&chain.commit_after_,
         "SELECT first_lsn, last_lsn, body, seal FROM commits WHERE (first_lsn, last_lsn) > "
         "(?1, ?2) ORDER BY first_lsn LIMIT 1"},
        {&chain.link_before_,
         "SELECT first_lsn, last_lsn, note, seal, id, kind FROM links WHERE (first_lsn, last_lsn, "
         "id) < (?1, ?2, ?3) ORDER BY first_lsn DESC, last_lsn DESC, id DESC LIMIT 1"},
        {&chain.link_after_,
         "SELECT first_lsn, last_lsn, note, seal, id, kind FROM links WHERE (first_lsn, last_lsn, "
         "id) > (?1, ?2, ?3) ORDER BY first_lsn, last_lsn, id LIMIT 1"},
        {&chain.insert_,
         "INSERT INTO links (first_lsn, last_lsn, id, kind, note, seal) VALUES (?1, ?2, ?3, ?4, "
         "?5, ?6)"},
        {&chain.remove_, "DELETE FROM links WHERE first_lsn = ?1 AND last_lsn = ?2 AND id = ?3"}}) {
    Result<SqliteStatement> prepared = database.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = *std::move(prepared);
  }
  const auto newest = database.prepare(
      "SELECT first_lsn, last_lsn, id FROM links WHERE kind = 2 ORDER BY first_lsn DESC, last_lsn "
      "DESC, id DESC LIMIT 1");
  if (!newest) return newest.error();
  SqliteQuery row(*newest);
  const Result<bool> found = row.next();
  if (!found) return found.error();
  if (*found) {
    chain.begun_ = LinkPlace{.first = row.integer(0), .last = row.integer(1), .id = row.integer(2)};
  }
  return chain;
}

void SealChain::use(SealKey key, std::string store_id) {
  key_ = std::move(key);
  store_id_ = std::move(store_id);
}

Result<std::optional<Link>> SealChain::before(const LinkPlace& place) {
  SqliteQuery commit_query(commit_before_, place.first, place.last);
  auto commit = link_in(commit_query, true);
  if (!commit) return commit;
  SqliteQuery link_query(link_before_, place.first, place.last, place.id);
  auto link = link_in(link_query, false);
  if (!link || !*link) return link ? std::move(commit) : std::move(link);
  return *commit && (*link)->at < (*commit)->at ? std::move(commit) : std::move(link);
}

Result<std::optional<Link>> SealChain::after(const LinkPlace& place) {
  SqliteQuery commit_query(commit_after_, place.first, place.last);
  auto commit = link_in(commit_query, true);
  if (!commit) return commit;
  SqliteQuery link_query(link_after_, place.first, place.last, place.id);
  auto link = link_in(link_query, false);
  if (!link || !*link) return link ? std::move(commit) : std::move(link);
  return *commit && (*commit)->at < (*link)->at ? std::move(commit) : std::move(link);
}

Sha256 SealChain::signature(LinkKind kind, const Sha256& before, const LinkPlace& at,
                            std::string_view seal, std::string_view content) const {
  const char letter = static_cast<char>(kind);
  const auto first = fixed(at.first);
  const auto last = fixed(at.last);
  return key_->sign({{&letter, 1},
                     stored(before).bytes,
                     {first.data(), first.size()},
                     {last.data(), last.size()},
                     seal,
                     content});
}

bool SealChain::holds(const Sha256& before, const Link& link) const {
  if (!link.seal) return false;
  if (link.kind == LinkKind::removed && !link.content.empty()) return false;
  if (link.cut) return *link.cut == cut_of(before, link);
  switch (link.kind) {
    case LinkKind::commit:
    case LinkKind::accepted:
      return *link.seal == signature(link.kind, before, link.at, "", link.content);
    case LinkKind::begun:
      return link.content.starts_with(store_id_) &&
             *link.seal == signature(link.kind, Sha256{}, link.at, "", link.content);
    case LinkKind::removed:
      break;  // has a cut
  }
  return false;
}

Result<bool> SealChain::goes_through(const Anchor& anchor) {
  const auto lsn = static_cast<std::int64_t>(number(anchor.lsn));
  LinkPlace place{.first = lsn + 1, .last = lsn, .id = kMax};
  for (;;) {
    const Result<std::optional<Link>> link = before(place);
    if (!link) return link.error();
    if (!*link) return false;
    if ((*link)->seal == anchor.seal) return true;
    place = (*link)->at;
    if ((*link)->kind == LinkKind::accepted) continue;  // of later than the anchor
    if ((*link)->kind != LinkKind::removed || (*link)->last() < anchor.lsn) return false;
    const Result<std::optional<Link>> previous = before(place);
    if (!previous) return previous.error();
    return *previous && holds((*previous)->seal_or_none(), **link);
  }
}

Sha256 SealChain::seal_of_commit(const Sha256& before, Lsn first, Lsn last,
                                 std::string_view records) const {
  return signature(LinkKind::commit, before, {.first = stored(first), .last = stored(last)}, "",
                   records);
}

Result<Sha256> SealChain::begin(Lsn newest, std::string_view why) {
  return note(LinkKind::begun, Sha256{}, newest, store_id_ + " " + std::string(why));
}

Result<Sha256> SealChain::accept(const Sha256& before, Lsn newest, std::string_view why) {
  return note(LinkKind::accepted, before, newest, why);
}

Result<Sha256> SealChain::note(LinkKind kind, const Sha256& before, Lsn newest,
                               std::string_view why) {
  Link link{.kind = kind,
            .at = {.first = stored(newest) + 1, .last = stored(newest), .id = 1},
            .content = std::string(why),
            .seal = {},
            .cut = {}};
  const Result<std::optional<Link>> there =
      this->before({.first = link.at.first, .last = link.at.last, .id = kMax});
  if (!there) return there.error();
  if (*there && (*there)->at >= link.at) link.at.id = (*there)->at.id + 1;
  link.seal = signature(kind, before, link.at, "", link.content);
  if (Result<void> inserted = insert(link); !inserted) return inserted.error();
  if (kind == LinkKind::begun) begun_ = link.at;
  return *link.seal;
}

Sha256 SealChain::cut_of(const Sha256& before, const Link& link) const {
  return signature(LinkKind::removed, before, link.at, stored(link.seal_or_none()).bytes,
                   link.content);
}

Result<void> SealChain::insert(const Link& link) {
  const std::string seal = stored_seal(link);
  SqliteQuery query(insert_, link.at.first, link.at.last, link.at.id,
                    static_cast<std::int64_t>(link.kind), std::string_view(link.content),
                    SqliteBlob{seal});
  return query.run();
}

Result<void> SealChain::remove(const LinkPlace& place) {
  return SqliteQuery(remove_, place.first, place.last, place.id).run();
}

std::string SealChain::stored_seal(const Link& link) {
  std::string bytes;
  for (const auto* hash : {&link.seal, &link.cut}) {
    if (*hash) bytes.append(stored(**hash).bytes);
  }
  return bytes;
}

}  // namespace tinkerbell

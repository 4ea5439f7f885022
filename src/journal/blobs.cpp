#include "journal/blobs.hpp"

#include "journal/blob_file.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <zstd.h>

#include <cerrno>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPlain = 0;
constexpr std::int64_t kZstd = 1;

/// zstd's default: about 300 MB/s, which the writer thread can bear.
constexpr int kLevel = ZSTD_CLEVEL_DEFAULT;

Error broken(const Sha256& hash, std::string_view what) {
  return {Errc::invalid, "blob " + hash.hex() + " " + std::string(what)};
}

/// The payload, if the bytes are those that were stored: more than its length is never made room
/// for.
Result<std::string> unpacked(const BlobRef& blob, std::int64_t codec, std::string bytes) {
  if (blob.length > kRecordBytesMax) return broken(blob.hash, "is of an impossible length");
  std::string payload = std::move(bytes);
  if (codec == kZstd) {
    const std::string packed = std::exchange(payload, std::string(blob.length, '\0'));
    const std::size_t length =
        ZSTD_decompress(payload.data(), payload.size(), packed.data(), packed.size());
    if (length != blob.length) return broken(blob.hash, "is damaged");
  } else if (codec != kPlain) {
    return broken(blob.hash, "is compressed in a newer way");
  }
  if (sha256(payload) != blob.hash) return broken(blob.hash, "is damaged");
  return payload;
}

}  // namespace

void Blobs::CompressorEnd::operator()(ZSTD_CCtx_s* context) const {
  ZSTD_freeCCtx(context);
}

Blobs::Blobs(fs::path directory)
    : directory_(std::move(directory)), compressor_(ZSTD_createCCtx()) {}

Blobs::Blobs(Blobs&&) noexcept = default;
Blobs& Blobs::operator=(Blobs&&) noexcept = default;
Blobs::~Blobs() = default;

Result<Blobs> Blobs::on(SqliteConnection& database, fs::path directory) {
  Blobs blobs(std::move(directory));
  for (auto [statement, sql] :
       {std::pair{&blobs.use_, "UPDATE blobs SET uses = uses + 1 WHERE hash = ?1 RETURNING id"},
        {&blobs.insert_,
         "INSERT INTO blobs (hash, uses, length, codec, body) VALUES (?1, 1, ?2, ?3, ?4)"},
        {&blobs.find_, "SELECT codec, body, body IS NULL FROM blobs WHERE hash = ?1"},
        {&blobs.kept_, "SELECT uses, length(body), body IS NULL FROM blobs WHERE hash = ?1"},
        {&blobs.use_less_, "UPDATE blobs SET uses = uses - 1 WHERE hash = ?1"},
        {&blobs.remove_, "DELETE FROM blobs WHERE hash = ?1 AND uses <= 0"}}) {
    Result<SqliteStatement> prepared = database.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = *std::move(prepared);
  }
  return blobs;
}

Result<BlobRef> Blobs::put(std::string_view payload) {
  TINKERBELL_ASSERT(payload.size() <= kRecordBytesMax);
  const BlobRef blob{.hash = sha256(payload), .length = payload.size()};
  const Result<bool> known = count_use(blob.hash);
  if (!known) return known.error();
  if (*known) return blob;
  if (Result<void> inserted = insert(blob, shortest(payload)); !inserted) return inserted.error();
  return blob;
}

Result<bool> Blobs::count_use(const Sha256& hash) {
  SqliteQuery query(use_, stored(hash));
  const Result<bool> known = query.next();
  if (!known || !*known) return known;
  const Result<bool> more = query.next();  // to the statement's end
  if (!more) return more;
  return true;
}

Blobs::Stored Blobs::shortest(std::string_view payload) {
  compressed_.resize(ZSTD_compressBound(payload.size()));
  const std::size_t length =
      ZSTD_compressCCtx(compressor_.get(), compressed_.data(), compressed_.size(), payload.data(),
                        payload.size(), kLevel);
  if (ZSTD_isError(length) != 0 || length >= payload.size()) return {kPlain, payload};
  return {kZstd, std::string_view(compressed_).substr(0, length)};
}

/// What no file can be made for may still find room in the database, where a full disk is dealt
/// with.
Result<void> Blobs::insert(const BlobRef& blob, const Stored& packed) {
  bool in_file = packed.bytes.size() > kTableBytesMax;
  if (in_file) {
    const Result<bool> made = make_blob_file(file_of(blob.hash), packed.bytes);
    if (!made) return made.error();
    in_file = *made;
  }
  const SqliteBlob body{in_file ? std::string_view() : packed.bytes};  // none is NULL
  SqliteQuery query(insert_, stored(blob.hash), static_cast<std::int64_t>(blob.length),
                    packed.codec, body);
  return query.run();
}

Result<std::string> Blobs::get(const BlobRef& blob) {
  SqliteQuery row(find_, stored(blob.hash));
  const Result<bool> found = row.next();
  if (!found) return found.error();
  if (!*found) return broken(blob.hash, "is missing");
  Result<std::string> bytes = stored_bytes(row, blob.hash);
  if (!bytes) return bytes;
  return unpacked(blob, row.integer(0), *std::move(bytes));
}

Result<std::string> Blobs::stored_bytes(const SqliteQuery& row, const Sha256& hash) const {
  if (row.integer(2) == 0) return std::string(row.blob(1));
  const fs::path file = file_of(hash);
  const UniqueFd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!opened && errno == ENOENT) return broken(hash, "is missing: " + file.string());
  if (!opened) return os_error("open " + file.string(), errno);
  return read_all(opened.get(), kRecordBytesMax, file.string());
}

Result<Blobs::Kept> Blobs::kept(const Sha256& hash) {
  SqliteQuery row(kept_, stored(hash));
  const Result<bool> found = row.next();
  if (!found) return found.error();
  if (!*found) return broken(hash, "is missing");
  Kept kept{
      .uses = row.integer(0), .bytes = static_cast<std::uint64_t>(row.integer(1)), .file = {}};
  if (row.integer(2) == 0) return kept;
  kept.file = file_of(hash);
  std::error_code unknown;
  const auto bytes = fs::file_size(*kept.file, unknown);
  kept.bytes = unknown ? 0 : bytes;
  return kept;
}

Result<void> Blobs::let_go(const Sha256& hash) {
  for (const SqliteStatement* statement : {&use_less_, &remove_}) {
    if (Result<void> done = SqliteQuery(*statement, stored(hash)).run(); !done) {
      return done;
    }
  }
  return {};
}

Result<bool> Blobs::is_unused_file(std::string_view name) {
  constexpr std::size_t kHexDigits = 64;
  const bool unfinished = name.ends_with(kPartialSuffix);
  if (unfinished) name.remove_suffix(kPartialSuffix.size());
  const Sha256 hash = Sha256::from_hex(name);
  if (name.size() != kHexDigits || hash.empty()) return false;  // somebody else's
  if (unfinished) return true;
  const Result<Kept> named = kept(hash);
  if (!named && named.error().code == Errc::invalid) return true;
  if (!named) return named.error();
  return !named->file;
}

fs::path Blobs::file_of(const Sha256& hash) const {
  return directory_ / hash.hex();
}

}  // namespace tinkerbell

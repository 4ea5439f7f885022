#pragma once

#include "journal/sqlite.hpp"

#include "tinkerbell/journal/record.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct ZSTD_CCtx_s;

namespace tinkerbell {

/// A payload that is longer than this is a blob.
inline constexpr std::size_t kInlineBytesMax = 4 << 10;

/// Of a blob that is longer than this after compression the table has only the name: it is a file
/// of its own, so that it is written once, not to the log and from there to the database.
inline constexpr std::size_t kTableBytesMax = 64 << 10;

/// The payloads that are too long for their records, each once, by their SHA-256, compressed (zstd)
/// where that makes them shorter: in the table `blobs`, or, where they are long, in the directory
/// blobs/ beside the database, under their hash.
///
///     hash    SHA-256 of the payload
///     uses    how many records refer to it
///     length  of the payload
///     codec   0: as it is, 1: zstd
///     body    NULL: in the file
///
/// A file is synced and has its name before the row that names it can be committed, and goes only
/// after the row's removal was committed. So there may be files without a row, never the reverse.
class Blobs {
 public:
  [[nodiscard]] static Result<Blobs> on(SqliteConnection& database,
                                        std::filesystem::path directory);
  Blobs(Blobs&&) noexcept;
  Blobs& operator=(Blobs&&) noexcept;
  ~Blobs();

  /// Keeps `payload` for one more record. Inside the caller's transaction. Errors: storage_full,
  /// io.
  [[nodiscard]] Result<BlobRef> put(std::string_view payload);

  /// Errors: invalid (missing, damaged), io.
  [[nodiscard]] Result<std::string> get(const BlobRef& blob);

  /// What is known of one. Errors: invalid (missing).
  struct Kept {
    std::int64_t uses = 0;
    std::uint64_t bytes = 0;  ///< As it is stored.
    std::optional<std::filesystem::path> file;
  };

  [[nodiscard]] Result<Kept> kept(const Sha256& hash);

  /// One record less refers to it: the row of the last one goes. Inside the caller's transaction.
  /// Its file is left to the caller, for when that is committed.
  [[nodiscard]] Result<void> let_go(const Sha256& hash);

  /// Whether a file of that name in the directory is ours, and no row names it.
  [[nodiscard]] Result<bool> is_unused_file(std::string_view name);

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

  /// While somebody holds it nothing is removed.
  [[nodiscard]] std::shared_ptr<void> in_use() const { return in_use_; }

  [[nodiscard]] bool is_in_use() const { return in_use_.use_count() > 1; }

 private:
  struct CompressorEnd {
    void operator()(ZSTD_CCtx_s* context) const;
  };

  struct Stored {
    std::int64_t codec = 0;
    std::string_view bytes;
  };

  explicit Blobs(std::filesystem::path directory);

  [[nodiscard]] Result<bool> count_use(const Sha256& hash);
  [[nodiscard]] Stored shortest(std::string_view payload);
  [[nodiscard]] Result<void> insert(const BlobRef& blob, const Stored& packed);
  [[nodiscard]] Result<std::string> stored_bytes(const SqliteQuery& row, const Sha256& hash) const;
  [[nodiscard]] std::filesystem::path file_of(const Sha256& hash) const;

  std::filesystem::path directory_;
  std::shared_ptr<void> in_use_ = std::make_shared<char>();
  std::unique_ptr<ZSTD_CCtx_s, CompressorEnd> compressor_;
  std::string compressed_;  ///< Of the newest payload; kept for its room.
  SqliteStatement use_;
  SqliteStatement insert_;
  SqliteStatement find_;
  SqliteStatement kept_;
  SqliteStatement use_less_;
  SqliteStatement remove_;
};

}  // namespace tinkerbell

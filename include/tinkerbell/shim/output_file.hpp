#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

/// The file `output` of a run directory holds what a program wrote: the head and the tail of it,
/// however much it writes (HAZARDS S74). In the machine's byte order, since it never leaves it:
///
///     0   u64   total: all bytes that the program wrote
///     8   u64   bytes_max: the bytes kept at most
///     16        head: the first bytes_max / 2 bytes
///               ring: the latest of those after the head; byte n of the stream stands at
///               (n - head size) modulo ring size
///
/// `total` is written after the bytes that it counts, so that a reader may follow along.

namespace tinkerbell {

/// Fills the file. One writer; never blocks for a reader.
class OutputWriter {
 public:
  /// Errors: io, denied.
  [[nodiscard]] static Result<OutputWriter> create(const std::filesystem::path& directory,
                                                   std::uint64_t bytes_max);

  /// A write that fails (a full disk) loses text, never the program: what it did matters more.
  void append(std::string_view bytes);

  /// Makes durable what was appended. Errors: io.
  [[nodiscard]] Result<void> sync();

 private:
  OutputWriter(UniqueFd fd, std::uint64_t bytes_max) : fd_(std::move(fd)), bytes_max_(bytes_max) {}

  void append_to_head(std::string_view bytes);
  void append_to_ring(std::string_view bytes);

  UniqueFd fd_;
  std::uint64_t bytes_max_;
  std::uint64_t total_ = 0;
};

/// A piece of the stream.
struct OutputPiece {
  std::uint64_t end = 0;  ///< The place in the stream where it ends.
  std::string bytes;
};

/// Reads the file, also while it is being filled.
class OutputReader {
 public:
  /// Errors: not_found (no program was started yet), io, invalid (not such a file).
  [[nodiscard]] static Result<OutputReader> open(const std::filesystem::path& directory);

  [[nodiscard]] std::uint64_t total() const { return total_; }

  /// What is kept of the stream from place `from` on. Where the writer is a whole ring ahead, the
  /// piece begins later, and may be torn if the writer is still at work.
  [[nodiscard]] OutputPiece since(std::uint64_t from) const;

  /// Head and tail, with a line between them that says how much is missing.
  [[nodiscard]] std::string text() const;

 private:
  OutputReader(UniqueFd fd, std::uint64_t total, std::uint64_t bytes_max)
      : fd_(std::move(fd)), total_(total), bytes_max_(bytes_max) {}

  [[nodiscard]] std::uint64_t ring_begin() const;
  [[nodiscard]] std::string head_from(std::uint64_t from) const;
  [[nodiscard]] std::string ring_from(std::uint64_t from) const;
  [[nodiscard]] std::string at(std::uint64_t offset, std::uint64_t count) const;

  UniqueFd fd_;
  std::uint64_t total_;
  std::uint64_t bytes_max_;
};

}  // namespace tinkerbell

#include "workspace/file_content.hpp"

#include "workspace/beneath.hpp"

#include "tinkerbell/base/text.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace tinkerbell {

namespace {

constexpr std::size_t kPieceBytes = 256 << 10;
constexpr std::size_t kHoleBytes = 4 << 10;

/// Shows each piece to `take`, with its place in the file.
template <class Take>
Result<ContentSum> read_pieces(int fd, const ContentBounds& bounds, std::string_view path,
                               const Take& take) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(kPieceBytes);
  Sha256Stream hash;
  ContentSum sum;
  for (;;) {
    if (bounds.stop.stop_requested()) return Error{Errc::cancelled, "the reading was stopped"};
    const ssize_t got = ::pread(fd, buffer.get(), kPieceBytes, static_cast<off_t>(sum.bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return path_error("read", path, errno);
    if (got == 0) break;
    const std::string_view piece(buffer.get(), static_cast<std::size_t>(got));
    if (sum.bytes + piece.size() > bounds.bytes_max) {
      return Error{Errc::too_large, visible_line(path) + " is larger than " +
                                        std::to_string(bounds.bytes_max) + " bytes"};
    }
    hash.update(piece);
    if (Result<void> taken = take(piece, sum.bytes); !taken) return taken.error();
    sum.bytes += piece.size();
  }
  sum.sha256 = hash.finish();
  return sum;
}

bool is_zeros(std::string_view block) {
  return block[0] == '\0' && std::memcmp(block.data(), block.data() + 1, block.size() - 1) == 0;
}

Result<void> write_at(int fd, std::string_view bytes, std::uint64_t place, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(place));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return path_error("write the copy of", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    place += static_cast<std::uint64_t>(written);
  }
  return {};
}

/// Writes a piece without its blocks of zeros.
Result<void> write_data(int fd, std::string_view piece, std::uint64_t place,
                        std::string_view path) {
  std::size_t begin = 0;  // of the data that is not yet written
  std::size_t end = 0;
  while (end < piece.size()) {
    const std::size_t size = std::min(kHoleBytes, piece.size() - end);
    const bool hole = is_zeros(piece.substr(end, size));
    if (hole) {
      Result<void> written = write_at(fd, piece.substr(begin, end - begin), place + begin, path);
      if (!written) return written;
      begin = end + size;
    }
    end += size;
  }
  return write_at(fd, piece.substr(begin), place + begin, path);
}

}  // namespace

Result<ContentSum> hash_content(int fd, const ContentBounds& bounds, std::string_view path) {
  return read_pieces(fd, bounds, path,
                     [](std::string_view, std::uint64_t) { return Result<void>(); });
}

Result<ContentSum> copy_content(int from, int to, const ContentBounds& bounds,
                                std::string_view path) {
  Result<ContentSum> sum =
      read_pieces(from, bounds, path, [&](std::string_view piece, std::uint64_t place) {
        return write_data(to, piece, place, path);
      });
  // A hole at the end is not there yet.
  if (sum && ::ftruncate(to, static_cast<off_t>(sum->bytes)) != 0) {
    return path_error("write the copy of", path, errno);
  }
  return sum;
}

bool clone_content(int from, int to) {
  return ::ioctl(to, FICLONE, from) == 0;
}

}  // namespace tinkerbell

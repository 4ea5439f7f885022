#include "workspace/beneath.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace tinkerbell {

namespace {

constexpr std::size_t kReadBytes = 256 << 10;

/// Goes through a file once, from its beginning to the end of the page.
class PageReader {
 public:
  PageReader(const OpenFile& file, const std::string& path, std::stop_token stop)
      : file_(file),
        path_(path),
        stop_(std::move(stop)),
        buffer_(std::make_unique_for_overwrite<char[]>(kReadBytes)) {}

  /// Errors: invalid (the file has fewer lines).
  Result<void> pass_lines(std::uint64_t line) {
    std::uint64_t passed = 0;
    bool within_one = false;  // the end of the file may end a line, too
    while (passed + 1 < line) {
      const Result<bool> more = fill();
      if (!more) return more.error();
      if (!*more) break;
      const std::size_t end = piece_.find('\n');
      within_one = end == std::string_view::npos;
      piece_.remove_prefix(within_one ? piece_.size() : end + 1);
      if (!within_one) ++passed;
    }
    const Result<bool> more = fill();
    if (!more) return more.error();
    if (*more || line == 1) return {};
    return Error{Errc::invalid, visible_line(path_) + " has " +
                                    std::to_string(passed + (within_one ? 1 : 0)) + " lines"};
  }

  /// Errors: invalid (the line is shorter).
  Result<void> pass_bytes(std::uint64_t line, std::uint64_t column) {
    std::uint64_t passed = 0;
    while (passed < column) {
      const Result<bool> more = fill();
      if (!more) return more.error();
      const std::size_t end = std::min(piece_.find('\n'), piece_.size());
      const auto step = std::min<std::uint64_t>(end, column - passed);
      if (step == 0) {
        return Error{Errc::invalid, "line " + std::to_string(line) + " of " + visible_line(path_) +
                                        " has " + std::to_string(passed) + " bytes"};
      }
      piece_.remove_prefix(step);
      passed += step;
    }
    return {};
  }

  Result<std::string> take(std::uint64_t bytes_max) {
    std::string text;
    while (text.size() < bytes_max) {
      const Result<bool> more = fill();
      if (!more) return more.error();
      if (!*more) break;
      const std::string_view part = piece_.substr(0, bytes_max - text.size());
      text += part;
      piece_.remove_prefix(part.size());
    }
    return text;
  }

 private:
  /// There is something in `piece_` now, or the file is at its end: false.
  Result<bool> fill() {
    while (piece_.empty()) {
      if (stop_.stop_requested()) return Error{Errc::cancelled, "the reading was stopped"};
      const ssize_t got = ::pread(file_.fd.get(), buffer_.get(), kReadBytes, place_);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return path_error("read", path_, errno);
      if (got == 0) return false;
      place_ += got;
      piece_ = std::string_view(buffer_.get(), static_cast<std::size_t>(got));
    }
    return true;
  }

  const OpenFile& file_;
  const std::string& path_;
  std::stop_token stop_;
  std::unique_ptr<char[]> buffer_;
  std::string_view piece_;  ///< What was read and not yet taken.
  off_t place_ = 0;
};

/// The first `lines` lines; all if there are fewer.
std::string_view first_lines(std::string_view text, std::uint64_t lines) {
  std::size_t end = 0;
  for (std::uint64_t i = 0; i < lines && end < text.size(); ++i)
    end = std::min(text.find('\n', end), text.size() - 1) + 1;
  return text.substr(0, end);
}

}  // namespace

Result<AwaitFileRead::Reply> Workspace::read_page(const WorkspacePath& path,
                                                  const AwaitFileRead& page,
                                                  const std::stop_token& stop) const {
  const std::uint64_t line = page.line.value_or(1);
  const std::uint64_t column = page.column.value_or(0);
  const std::uint64_t bytes_max = std::clamp<std::uint64_t>(page.bytes_max, 1, kReadBytesMax);
  if (line == 0) return Error{Errc::invalid, "lines are counted from 1"};
  const Result<OpenFile> file = open_regular(root_.get(), path.text());
  if (!file) return file.error();
  PageReader reader(*file, path.text(), stop);
  if (Result<void> passed = reader.pass_lines(line); !passed) return passed.error();
  if (Result<void> passed = reader.pass_bytes(line, column); !passed) return passed.error();
  Result<std::string> text = reader.take(bytes_max + 1);  // whether there is more
  if (!text) return text.error();
  const std::string_view lines = first_lines(*text, page.lines_max.value_or(UINT64_MAX));
  const std::size_t length = page_length(lines, bytes_max);
  AwaitFileRead::Reply reply{.bytes = static_cast<std::uint64_t>(file->status.st_size)};
  if (length < text->size()) {
    const std::string_view shown = std::string_view(*text).substr(0, length);
    const auto ends = static_cast<std::uint64_t>(std::ranges::count(shown, '\n'));
    reply.next_line = line + ends;
    reply.next_column = shown.ends_with('\n') ? 0 : column + length;
  }
  text->resize(length);
  reply.text = *std::move(text);
  return reply;
}

}  // namespace tinkerbell

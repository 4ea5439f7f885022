#include "journal/journal_mark.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLineBytesMax = 128;
constexpr std::string_view kOpen = "open";
constexpr std::string_view kClosed = "closed";

/// Whether there is a file with something in it.
bool has_bytes(const fs::path& file) {
  std::error_code failed;
  const std::uintmax_t size = fs::file_size(file, failed);
  return !failed && size > 0;
}

std::string in_words(Epoch epoch) {
  return "epoch " + std::to_string(std::to_underlying(epoch));
}

}  // namespace

Result<JournalMark> JournalMark::in(const fs::path& directory) {
  JournalMark mark(directory);
  if (Result<void> read = mark.read(); !read) return read.error();
  return mark;
}

Result<void> JournalMark::read() {
  const UniqueFd fd(::open(file().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) return {};
  if (!fd) return os_error("open " + file().string(), errno);
  const Result<std::string> line = read_all(fd.get(), kLineBytesMax, file().string());
  if (!line) return line.error();
  if (line->empty()) return {};  // a crash came between its making and its writing
  std::istringstream words(*line);
  std::uint32_t epoch = 0;
  std::string word;
  Content content;
  if (!(words >> content.store_id >> epoch >> word) || (word != kOpen && word != kClosed)) {
    return Error{Errc::invalid, file().string() + " is no mark of a journal"};
  }
  content.epoch = Epoch{epoch};
  content.open = word == kOpen;
  content_ = std::move(content);
  return {};
}

Result<void> JournalMark::check_files() const {
  const fs::path journal = directory_ / "journal.db";
  const fs::path log = directory_ / "journal.db-wal";
  std::error_code ignored;
  if (exists() && !fs::exists(journal, ignored)) return lost();
  if (!has_bytes(journal) && has_bytes(log)) {  // SQLite would remove the log, too
    return Error{Errc::invalid, journal.string() + " is empty or gone, and its log is there" +
                                    " (journal.db-wal): put it back"};
  }
  if (exists() && content_->open && !fs::exists(log, ignored)) {
    return Error{Errc::invalid,
                 log.string() +
                     " is gone, and the newest steps with it (unless another program "
                     "has put them into journal.db): put it back" +
                     advice()};
  }
  return {};
}

Result<void> JournalMark::check(const std::string& store_id, Epoch epoch) const {
  if (!exists()) return {};
  const fs::path journal = directory_ / "journal.db";
  if (store_id != content_->store_id) {
    return Error{Errc::invalid, journal.string() + " is another journal than the one of " +
                                    in_words(content_->epoch) + " that was here" + advice()};
  }
  if (epoch >= content_->epoch) return {};
  return Error{Errc::invalid, journal.string() + " is older (" + in_words(epoch) +
                                  ") than it was (" + in_words(content_->epoch) +
                                  "): what it has forgotten would be done again" + advice()};
}

Error JournalMark::lost() const {
  return {Errc::invalid, (directory_ / "journal.db").string() +
                             " is empty or gone, and there was a journal of " +
                             in_words(content_->epoch) + " here" + advice()};
}

std::string JournalMark::advice() const {
  return " (if this is meant: remove " + file().string() + " and start again)";
}

Result<void> JournalMark::write_open(const std::string& store_id, Epoch epoch) {
  content_ = Content{.store_id = store_id, .epoch = epoch, .open = true};
  return write();
}

Result<void> JournalMark::write_closed() {
  content_->open = false;
  return write();
}

Result<void> JournalMark::write() const {
  const UniqueFd fd(::open(file().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno == ENOSPC ? Result<void>{} : os_error("open " + file().string(), errno);
  std::string line = content_->store_id + " " +
                     std::to_string(std::to_underlying(content_->epoch)) + " " +
                     std::string(content_->open ? kOpen : kClosed);
  line.resize(kLineBytesMax - 1, ' ');  // always as long, so that nothing of an older one is left
  line.push_back('\n');
  const ssize_t written = ::pwrite(fd.get(), line.data(), line.size(), 0);
  if (written < 0 && (errno == ENOSPC || errno == EDQUOT)) return {};
  if (written != static_cast<ssize_t>(line.size()) || ::fdatasync(fd.get()) != 0) {
    return os_error("write " + file().string(), errno);
  }
  return {};
}

}  // namespace tinkerbell

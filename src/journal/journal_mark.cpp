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

constexpr std::size_t kLineBytesMax = 256;
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

/// What is signed.
std::string words_of(const JournalMark::Content& content) {
  std::string words = content.store_id + " " + std::to_string(std::to_underlying(content.epoch)) +
                      " " + std::string(content.open ? kOpen : kClosed);
  if (content.anchor) {
    words.append(" " + std::to_string(number(content.anchor->lsn)) + " " +
                 content.anchor->seal.hex());
  }
  return words;
}

std::string signature_of(const JournalMark::Content& content, const SealKey& key) {
  return key.sign({"mark ", words_of(content)}).hex();
}

}  // namespace

Result<void> Acceptance::check(Result<void> found) {
  if (found) return found;
  if (!wanted_) {
    Error refused = found.error();
    refused.message.append(" (if this is meant, start once with --accept-rollback)");
    return refused;
  }
  if (reason_.empty()) reason_ = found.error().message;
  return {};
}

Result<JournalMark> JournalMark::in(const fs::path& directory, Acceptance& acceptance) {
  JournalMark mark(directory);
  Result<void> read = mark.read();
  if (!read && read.error().code == Errc::invalid) read = acceptance.check(std::move(read));
  if (!read) return read.error();
  return mark;
}

Result<void> JournalMark::read() {
  const UniqueFd fd(::open(file().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) return {};
  if (!fd) return os_error("open " + file().string(), errno);
  const Result<std::string> line = read_all(fd.get(), kLineBytesMax, file().string());
  if (!line) return line.error();
  is_there_ = !line->empty();
  if (!is_there_) return {};  // a crash came between its making and its writing
  std::istringstream words(*line);
  std::uint32_t epoch = 0;
  std::string word;
  Content content;
  if (!(words >> content.store_id >> epoch >> word) || (word != kOpen && word != kClosed)) {
    return Error{Errc::invalid, file().string() + " is no mark of a journal"};
  }
  content.epoch = Epoch{epoch};
  content.open = word == kOpen;
  std::uint64_t lsn = 0;
  if (words >> lsn >> word >> signature_) {
    content.anchor = Anchor{.lsn = Lsn{lsn}, .seal = Sha256::from_hex(word)};
  }
  content_ = std::move(content);
  return {};
}

Result<void> JournalMark::check_files(Acceptance& acceptance) {
  const fs::path journal = directory_ / "journal.db";
  const fs::path log = directory_ / "journal.db-wal";
  std::error_code ignored;
  if (!has_bytes(journal) && has_bytes(log)) {  // SQLite would remove the log, too
    return Error{Errc::invalid, journal.string() + " is empty or gone, and its log is there" +
                                    " (journal.db-wal): put it back"};
  }
  Result<void> found;
  if (content_ && !fs::exists(journal, ignored)) {
    found = lost();
  } else if (content_ && content_->open && !fs::exists(log, ignored)) {
    found = Error{Errc::invalid, log.string() +
                                     " is gone, and the newest steps with it (unless another "
                                     "program has put them into journal.db): put it back"};
  }
  if (found) return found;
  Result<void> accepted = acceptance.check(std::move(found));
  if (accepted) forget();
  return accepted;
}

Result<void> JournalMark::check(const std::string& store_id, Epoch epoch) const {
  if (!content_) return {};
  const fs::path journal = directory_ / "journal.db";
  if (store_id != content_->store_id) {
    return Error{Errc::invalid, journal.string() + " is another journal than the one of " +
                                    in_words(content_->epoch) + " that was here"};
  }
  if (epoch >= content_->epoch) return {};
  return Error{Errc::invalid, journal.string() + " is older (" + in_words(epoch) +
                                  ") than it was (" + in_words(content_->epoch) +
                                  "): what it has forgotten would be done again"};
}

bool JournalMark::is_signed_with(const SealKey& key) const {
  return content_ && content_->anchor && signature_ == signature_of(*content_, key);
}

Error JournalMark::lost() const {
  return {Errc::invalid, (directory_ / "journal.db").string() +
                             " is empty or gone, and there was a journal of " +
                             in_words(content_->epoch) + " here"};
}

Result<void> JournalMark::write(const Content& content, const SealKey& key) {
  const bool new_name = !is_there_;
  const UniqueFd fd(::open(file().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return os_error("open " + file().string(), errno);
  const std::string line = line_of(content, key);
  const ssize_t written = ::pwrite(fd.get(), line.data(), line.size(), 0);
  if (written < 0 && (errno == ENOSPC || errno == EDQUOT) && !new_name) return {};
  if (written != static_cast<ssize_t>(line.size()) || ::fdatasync(fd.get()) != 0) {
    return os_error("write " + file().string(), errno);
  }
  is_there_ = true;
  content_ = content;
  return new_name ? sync_directory(directory_) : Result<void>{};
}

std::string JournalMark::line_of(const Content& content, const SealKey& key) {
  std::string line = words_of(content) + " " + signature_of(content, key);
  line.resize(kLineBytesMax - 1, ' ');  // always as long, so that nothing of an older one is left
  line.push_back('\n');
  return line;
}

}  // namespace tinkerbell

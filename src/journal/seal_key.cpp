#include "journal/seal_key.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/random.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileBytesMax = 256;
constexpr std::size_t kIdDigits = 16;

Sha256 new_secret() {
  SystemRandom random;
  Sha256 secret;
  for (std::size_t at = 0; at < secret.bytes.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random.next();
    std::memcpy(secret.bytes.data() + at, &word, sizeof word);
  }
  return secret;
}

Result<void> check_closed(int fd, const fs::path& file) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return os_error("stat " + file.string(), errno);
  if (S_ISREG(found.st_mode) && (found.st_mode & (S_IRWXG | S_IRWXO)) == 0) return {};
  return Error{Errc::denied, file.string() + " is not a file for its owner alone: chmod 600"};
}

}  // namespace

SealKey::SealKey(const Sha256& secret)
    : hmac_({reinterpret_cast<const char*>(secret.bytes.data()), secret.bytes.size()}) {}

Result<SealKey> SealKey::from_text(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r'))
    text.remove_suffix(1);
  const Sha256 secret = Sha256::from_hex(text);
  if (secret.empty()) {
    return Error{Errc::invalid, "the journal's key is not 64 lower-case hexadecimal digits"};
  }
  return SealKey(secret);
}

Result<SealKey> SealKey::read(const fs::path& file) {
  const UniqueFd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!opened) return os_error("open " + file.string(), errno);
  if (Result<void> closed = check_closed(opened.get(), file); !closed) return closed.error();
  const Result<std::string> text = read_all(opened.get(), kFileBytesMax, file.string());
  if (!text) return text.error();
  Result<SealKey> key = from_text(*text);
  return key ? key : key.error().with(file.string());
}

Result<SealKey> SealKey::make(const fs::path& file) {
  const Sha256 secret = new_secret();
  const fs::path partial = file.string() + ".partial";
  const UniqueFd made(
      ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return os_error("create " + partial.string(), errno);
  if (Result<void> written = write_all(made.get(), secret.hex() + "\n", partial.string());
      !written) {
    return written.error();
  }
  if (::fsync(made.get()) != 0) return os_error("sync " + partial.string(), errno);
  if (::rename(partial.c_str(), file.c_str()) != 0) return os_error("name " + file.string(), errno);
  if (Result<void> synced = sync_directory(file.parent_path()); !synced) return synced.error();
  return SealKey(secret);
}

std::string SealKey::id() const {
  return sign({"id"}).hex().substr(0, kIdDigits);
}

}  // namespace tinkerbell

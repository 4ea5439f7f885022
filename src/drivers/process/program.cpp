#include "drivers/process/program.hpp"

#include "drivers/process/environment.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ranges>

namespace tinkerbell {

namespace {

/// More versions of programs than any machine runs; then the memory starts anew.
constexpr std::size_t kRememberedMax = 1'000;
constexpr std::string_view kElfMark =
    "\x7F"
    "ELF";
constexpr std::string_view kScriptMark = "#!";

Result<void> check_executable(const std::filesystem::path& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0) return os_error("program " + file.string(), errno);
  if (!S_ISREG(found.st_mode)) {
    return Error{Errc::invalid, "program " + file.string() + ": not a regular file"};
  }
  if ((found.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0 || ::access(file.c_str(), X_OK) != 0) {
    return Error{Errc::denied, "program " + file.string() + ": not executable"};
  }
  return {};
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Result<std::string> hash_content(int fd, const std::filesystem::path& program) {
  Sha256Stream hash;
  std::array<char, 64 << 10> buffer;
  bool first = true;
  while (true) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os_error("read " + program.string(), errno);
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(count));
    if (std::exchange(first, false) && !piece.starts_with(kElfMark) &&
        !piece.starts_with(kScriptMark)) {
      return Error{Errc::invalid, "program " + program.string() +
                                      ": neither a binary nor a script that names its interpreter"};
    }
    if (count == 0) return hash.finish().hex();
    hash.update(piece);
  }
}

}  // namespace

Result<std::filesystem::path> find_program(const std::string& name,
                                           const std::filesystem::path& cwd) {
  if (name.contains('/')) {
    const std::filesystem::path program = (cwd / name).lexically_normal();
    if (Result<void> checked = check_executable(program); !checked) return checked.error();
    return program;
  }
  for (const auto part : std::views::split(kProgramPath, ':')) {
    const std::filesystem::path program = std::filesystem::path(part.begin(), part.end()) / name;
    if (check_executable(program)) return program;
  }
  return Error{Errc::not_found,
               "no program " + visible_line(name) + " in " + std::string(kProgramPath)};
}

Result<std::string> ProgramHashes::hash_of(const std::filesystem::path& program) {
  const UniqueFd fd(::open(program.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return os_error("read " + program.string(), errno);
  const Version version = version_of(fd.get());
  if (std::string known = remembered(version); !known.empty()) return known;
  Result<std::string> hash = hash_content(fd.get(), program);
  // A file that changed under our hands is remembered as neither the one nor the other.
  if (hash && version_of(fd.get()) == version) remember(version, *hash);
  return hash;
}

ProgramHashes::Version ProgramHashes::version_of(int fd) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return {};
  return {found.st_dev, found.st_ino, found.st_size, nanoseconds(found.st_mtim),
          nanoseconds(found.st_ctim)};
}

std::string ProgramHashes::remembered(const Version& version) const {
  const std::scoped_lock lock(mutex_);
  const auto found = hashes_.find(version);
  return found == hashes_.end() ? std::string() : found->second;
}

void ProgramHashes::remember(const Version& version, const std::string& hash) {
  const std::scoped_lock lock(mutex_);
  if (hashes_.size() >= kRememberedMax) hashes_.clear();
  hashes_[version] = hash;
}

}  // namespace tinkerbell

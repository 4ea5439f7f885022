#include "drivers/process/program.hpp"

#include "drivers/process/environment.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ranges>

namespace tinkerbell {

namespace {

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

/// What execve(2) itself knows how to run.
Result<void> check_format(int fd, const std::filesystem::path& program) {
  std::array<char, 4> mark{};
  const ssize_t count = ::pread(fd, mark.data(), mark.size(), 0);
  if (count < 0) return os_error("read " + program.string(), errno);
  const std::string_view begin(mark.data(), static_cast<std::size_t>(count));
  if (begin.starts_with(kElfMark) || begin.starts_with(kScriptMark)) return {};
  return Error{Errc::invalid, "program " + program.string() +
                                  ": neither a binary nor a script that names its interpreter"};
}

/// The same place below another directory.
std::filesystem::path moved(const std::filesystem::path& path, const std::string& from,
                            const std::string& to) {
  return is_within(path, from) ? (to / path.lexically_relative(from)).lexically_normal() : path;
}

/// Where it is on this machine.
std::filesystem::path real_place(const std::filesystem::path& path, const Workspace& workspace) {
  return moved(path, workspace.known_as(), workspace.path());
}

/// By which name the sandbox shows it.
std::filesystem::path shown_place(const std::filesystem::path& path, const Workspace& workspace) {
  return moved(path, workspace.path(), workspace.known_as());
}

Result<std::filesystem::path> look_up(const std::string& name, const std::filesystem::path& cwd,
                                      const Workspace& workspace) {
  if (name.contains('/')) {
    std::filesystem::path program = real_place((cwd / name).lexically_normal(), workspace);
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

/// All that is said of the program comes from one descriptor.
Result<Program> look_at(const std::filesystem::path& path, const Workspace& workspace,
                        FileHashes& hashes) {
  std::error_code error;
  const std::filesystem::path object = std::filesystem::canonical(path, error);
  if (error) return os_error("program " + path.string(), error.value());
  const UniqueFd fd(::open(object.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return os_error("read " + object.string(), errno);
  const Result<FileVersion> version = version_of(fd.get(), object.string());
  if (!version) return version.error();
  if (Result<void> fit = check_format(fd.get(), object); !fit) return fit.error();
  Result<std::string> hash =
      hashes.hash_of(fd.get(), *version, kProgramBytesMax, "program " + object.string());
  if (!hash) return hash.error();
  return Program{shown_place(path, workspace), shown_place(object, workspace), *version,
                 *std::move(hash)};
}

}  // namespace

Result<Program> find_program(const std::string& name, const std::filesystem::path& cwd,
                             const Workspace& workspace, FileHashes& hashes) {
  const Result<std::filesystem::path> path = look_up(name, cwd, workspace);
  if (!path) return path.error();
  return look_at(*path, workspace, hashes);
}

}  // namespace tinkerbell

#include "cli/new_file.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace tinkerbell::cli {

namespace {

/// not_found and denied are for tasks.
Error io_error(const std::string& operation) {
  return {Errc::io, os_error(operation, errno).message};
}

Error is_there(const std::string& path) {
  return {Errc::conflict, path + " is there already: --overwrite replaces it"};
}

std::filesystem::path directory_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

/// Gives a finished file its name.
Result<void> name_file(const std::string& temporary, const std::string& path, bool overwrite) {
  if (overwrite) {
    if (::rename(temporary.c_str(), path.c_str()) != 0) return io_error("write " + path);
    return {};
  }
  if (::link(temporary.c_str(), path.c_str()) != 0) {  // unlike a rename, never over another file
    return errno == EEXIST ? is_there(path) : io_error("write " + path);
  }
  ::unlink(temporary.c_str());
  return {};
}

}  // namespace

Result<void> check_new_file(const std::string& path, bool overwrite) {
  const bool there = ::access(path.c_str(), F_OK) == 0;
  if (there && !overwrite) return is_there(path);
  std::error_code none;
  if (there && std::filesystem::is_directory(path, none)) {
    return Error{Errc::io, path + " is a directory"};
  }
  const std::filesystem::path directory = directory_of(path);
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    return io_error("write to " + directory.string());
  }
  return {};
}

Result<void> write_new_file(const std::string& path, std::string_view content, bool overwrite) {
  std::string temporary = path + ".XXXXXX";
  const UniqueFd file(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (!file) return io_error("make a file beside " + path);
  Result<void> done = write_all(file.get(), content, temporary);
  if (done && ::fsync(file.get()) != 0) done = io_error("write " + temporary);
  if (done) done = name_file(temporary, path, overwrite);
  if (!done) ::unlink(temporary.c_str());
  return done;
}

}  // namespace tinkerbell::cli

#include "cli/cassette.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/protocol/cassette.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace tinkerbell::cli {

namespace {

constexpr JsonLimits kLimits = protocol::CassetteView::kLimits;

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

Result<void> write_whole(const std::string& path, const std::string& text, bool overwrite) {
  std::string temporary = path + ".XXXXXX";
  const UniqueFd file(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (!file) return io_error("make a file beside " + path);
  Result<void> done = write_all(file.get(), text, temporary);
  if (done && ::fsync(file.get()) != 0) done = io_error("write " + temporary);
  if (done) done = name_file(temporary, path, overwrite);
  if (!done) ::unlink(temporary.c_str());
  return done;
}

}  // namespace

Result<Json> read_cassette(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error{Errc::invalid, os_error("open " + path, errno).message};
  const Result<std::string> text = read_all(file.get(), kLimits.bytes_max, path);
  if (!text) return text.error();
  Result<Json> cassette = parse_json(*text, kLimits);
  if (!cassette) return cassette.error().with(path);
  if (const Result<void> good = protocol::check_cassette(*cassette); !good) {
    return good.error().with(path);
  }
  return cassette;
}

Result<void> check_cassette_file(const std::string& path, bool overwrite) {
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

Result<void> write_cassette(const std::string& path, const Json& cassette, bool overwrite) {
  const std::string text = pretty_json(cassette) + "\n";
  if (const Result<Json> readable = parse_json(text, kLimits); !readable) {
    return readable.error().with(path + " could not be replayed, and is not written");
  }
  return write_whole(path, text, overwrite);
}

}  // namespace tinkerbell::cli

#include "cli/cassette.hpp"

#include "cli/new_file.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/protocol/cassette.hpp"

#include <fcntl.h>

#include <cerrno>

namespace tinkerbell::cli {

namespace {

constexpr JsonLimits kLimits = protocol::CassetteView::kLimits;

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

Result<void> write_cassette(const std::string& path, const Json& cassette, bool overwrite) {
  const std::string text = pretty_json(cassette) + "\n";
  if (const Result<Json> readable = parse_json(text, kLimits); !readable) {
    return readable.error().with(path + " could not be replayed, and is not written");
  }
  return write_new_file(path, text, overwrite);
}

}  // namespace tinkerbell::cli

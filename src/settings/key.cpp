#include "tinkerbell/settings/key.hpp"

#include "settings/trusted_file.hpp"

#include <algorithm>

namespace tinkerbell::settings {

namespace {

constexpr std::size_t kKeyBytesMax = 16 << 10;
constexpr mode_t kClosedToOthers = 0077;
/// systemd gives a unit's user access by an ACL, whose mask stands where the group's bits do.
constexpr mode_t kClosedToOthersButAcl = 0037;

Result<std::string> from_credential(const std::string& id, const GetEnv& get_env) {
  const std::string directory = directory_variable(get_env, "CREDENTIALS_DIRECTORY");
  if (directory.empty()) {
    return Error{Errc::not_found, "credential \"" + id +
                                      "\": no $CREDENTIALS_DIRECTORY; the unit needs "
                                      "LoadCredential="};
  }
  if (id.contains('/') || id == "." || id == "..") {
    return Error{Errc::invalid, "credential \"" + id + "\" is not a plain name"};
  }
  return read_trusted_file(directory + "/" + id, kClosedToOthersButAcl, kKeyBytesMax);
}

Result<std::string> from_environment(const std::string& name, const GetEnv& get_env) {
  const char* const value = get_env(name.c_str());
  if (value == nullptr) return Error{Errc::not_found, "variable " + name + " is not set"};
  return std::string(value);
}

Result<std::string> raw_key(const KeySource& source, const GetEnv& get_env) {
  switch (source.kind) {
    case KeyKind::none:
      return std::string();
    case KeyKind::credential:
      return from_credential(source.name, get_env);
    case KeyKind::file:
      return read_trusted_file(source.name, kClosedToOthers, kKeyBytesMax);
    case KeyKind::env:
      return from_environment(source.name, get_env);
  }
}

}  // namespace

Result<std::string> load_key(const KeySource& source, const GetEnv& get_env) {
  Result<std::string> key = raw_key(source, get_env);
  if (!key) return key.error().with("load key");
  if (source.kind == KeyKind::none) return key;
  while (key->ends_with('\n') || key->ends_with('\r'))
    key->pop_back();
  if (key->empty()) return Error{Errc::invalid, "load key: " + source.name + " is empty"};
  // In a request it would end the header line and begin another.
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::ranges::any_of(*key, is_control)) {
    return Error{Errc::invalid, "load key: " + source.name + " has a control character inside"};
  }
  return key;
}

}  // namespace tinkerbell::settings

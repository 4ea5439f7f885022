#include "drivers/process/operands.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/text.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string_view>

namespace tinkerbell {

namespace {

/// What is larger is told apart by its version instead of its content.
constexpr std::uint64_t kHashedFileBytesMax = 16 << 20;
/// Of all files of a command together, so that no command costs much more than a second.
constexpr std::uint64_t kHashedBytesMax = 64 << 20;

/// The parts of a word that programs take for a path.
std::vector<std::string_view> paths_in(std::string_view word) {
  std::vector<std::string_view> paths{word};
  if (const std::size_t sign = word.find('='); sign != std::string_view::npos) {
    paths.push_back(word.substr(sign + 1));
  }
  if (word.starts_with('@')) paths.push_back(word.substr(1));
  if (word.starts_with('-') && !word.starts_with("--") && word.size() > 2) {
    paths.push_back(word.substr(2));
  }
  return paths;
}

/// The time is for people; the rest tells it from what it is after any change.
std::string large_state(const FileVersion& version) {
  std::string state = std::to_string(version.bytes) + " bytes, not hashed, changed " +
                      rfc3339(wall_from_unix_nanoseconds(version.changed_ns)) + ", version ";
  for (const std::uint64_t number :
       {version.device, version.inode, static_cast<std::uint64_t>(version.modified_ns)})
    state += std::to_string(number) + ':';
  return state + std::to_string(version.changed_ns);
}

class Operands {
 public:
  Operands(const Workspace& workspace, FileHashes& hashes)
      : workspace_(workspace), hashes_(hashes) {}

  /// Adds the file that `path` names, if it does.
  Result<void> add(const std::string& path) {
    const Result<WorkspacePath> place = workspace_.resolve(path);
    if (!place || is_known(place->text()) || valid_utf8(place->text()) != place->text()) return {};
    const Result<UniqueFd> held = workspace_.hold(*place);
    if (!held) return {};
    const Result<FileVersion> version = version_of(held->get(), path);
    if (!version) return {};
    Result<std::string> state = state_of(held->get(), *version, path);
    if (!state) return state.error();
    files_.push_back({place->text(), *std::move(state)});
    return {};
  }

  [[nodiscard]] std::vector<FileFact> take() { return std::move(files_); }

 private:
  [[nodiscard]] bool is_known(const std::string& place) const {
    return std::ranges::any_of(files_, [&](const FileFact& file) { return file.path == place; });
  }

  Result<std::string> state_of(int held, const FileVersion& version, const std::string& name) {
    if (version.bytes > kHashedFileBytesMax || version.bytes > kHashedBytesMax - hashed_bytes_) {
      return large_state(version);
    }
    // The very file that is held, whatever stands at its path by now.
    const std::string itself = "/proc/self/fd/" + std::to_string(held);
    const UniqueFd fd(::open(itself.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return large_state(version);  // nor can the program read it, as things are
    hashed_bytes_ += version.bytes;
    Result<std::string> hash = hashes_.hash_of(fd.get(), version, kHashedFileBytesMax, name);
    if (!hash) return hash.error();
    return "sha256 " + *hash;
  }

  const Workspace& workspace_;
  FileHashes& hashes_;
  std::uint64_t hashed_bytes_ = 0;
  std::vector<FileFact> files_;
};

}  // namespace

Result<std::vector<FileFact>> files_named_by(const std::vector<std::string>& argv,
                                             const Workspace& workspace, const WorkspacePath& cwd,
                                             FileHashes& hashes) {
  Operands operands(workspace, hashes);
  for (std::size_t at = 1; at < argv.size(); ++at) {
    for (const std::string_view path : paths_in(argv[at])) {
      if (path.empty()) continue;
      const std::string from_cwd = path.starts_with('/') ? "" : cwd.text() + '/';
      const Result<void> added = operands.add(from_cwd + std::string(path));
      if (!added) return added.error();
    }
  }
  return operands.take();
}

}  // namespace tinkerbell

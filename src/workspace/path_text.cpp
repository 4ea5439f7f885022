#include "workspace/path_text.hpp"

#include "tinkerbell/base/text.hpp"

#include <climits>
#include <string>

namespace tinkerbell {

namespace {

/// Without its final zero; the kernel takes no longer string.
constexpr std::size_t kPathBytesMax = PATH_MAX - 1;

/// The part of an absolute path below the workspace, by its letters; none if it is elsewhere.
std::string_view below(std::string_view path, std::string_view workspace) {
  if (!path.starts_with(workspace)) return {};
  path.remove_prefix(workspace.size());
  if (path.empty()) return ".";
  if (path[0] != '/') return {};
  return path == "/" ? "." : path;
}

Error outside(std::string_view path) {
  return {Errc::outside_workspace, "path " + visible_line(path) + " leaves the workspace"};
}

}  // namespace

Result<std::string> normalised_path(std::string_view path, std::string_view workspace) {
  if (path.empty()) return Error{Errc::invalid, "path is empty"};
  if (path.contains('\0')) return Error{Errc::invalid, "path holds a NUL byte"};
  if (path.size() > kPathBytesMax)
    return Error{Errc::invalid, "path is longer than " + std::to_string(kPathBytesMax) + " bytes"};
  std::string_view rest = path.starts_with('/') ? below(path, workspace) : path;
  if (rest.empty()) return outside(path);

  std::string normal;
  int depth = 0;
  while (!rest.empty()) {
    const std::size_t end = rest.find('/');
    const std::string_view component = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (component.empty() || component == ".") continue;
    depth += component == ".." ? -1 : 1;
    if (depth < 0) return outside(path);
    if (!normal.empty()) normal += '/';
    normal += component;
  }
  return normal.empty() ? "." : std::move(normal);
}

bool is_plain_path(std::string_view path) {
  if (path.empty() || path.size() > kPathBytesMax || path.contains('\0')) return false;
  for (;;) {
    const std::size_t end = path.find('/');
    const std::string_view component = path.substr(0, end);
    if (component.empty() || component == "." || component == "..") return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

std::pair<std::string, std::string> split_leaf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string joined_path(const std::string& directory, std::string_view leaf) {
  return directory == "." ? std::string(leaf) : directory + '/' + std::string(leaf);
}

}  // namespace tinkerbell

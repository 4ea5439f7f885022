#include "tasks/changed_paths.hpp"

#include <algorithm>
#include <cstddef>

namespace tinkerbell {

namespace {

constexpr std::size_t kPathsMax = 1'000;

}  // namespace

Json changed_paths(std::span<const FileChange> changes) {
  Json paths = Json::array();
  for (const FileChange& change : changes.first(std::min(changes.size(), kPathsMax)))
    paths.push_back(change.path);
  return paths;
}

}  // namespace tinkerbell

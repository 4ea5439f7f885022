#pragma once

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

class ContentStore;
class Workspace;

/// What is kept of a workspace at most.
struct WatchBounds {
  std::uint64_t kept_file_max = std::uint64_t{256} << 20;  ///< What is longer is only hashed.
  std::uint64_t kept_total_max = std::uint64_t{4} << 30;   ///< With more there is no look at all.
};

/// Looks at the same few directories again and again: each look knows the one before, and so reads
/// only what has changed. What it reads is kept, so that whoever has a tree from here has what
/// stands in it, too.
///
/// Any thread; blocks. One look at a directory at a time: others wait for it. The newest trees are
/// held for a few directories and a bounded number of entries; the least recently used go.
class TreeWatch {
 public:
  /// `contents` outlives it.
  TreeWatch(ContentStore& contents, WatchBounds bounds) : contents_(contents), bounds_(bounds) {}

  TreeWatch(const TreeWatch&) = delete;
  TreeWatch& operator=(const TreeWatch&) = delete;
  ~TreeWatch() = default;

  struct Look {
    /// As of TreeLook. Always the same for a directory.
    std::function<bool(std::string_view path)> excludes;
    /// Where nothing is known of the directory: an earlier look that kept what it saw, if there is
    /// one.
    std::function<Result<Tree>()> earlier;
    /// A look that is not older will do.
    std::chrono::nanoseconds age_max{0};
    std::stop_token stop;
  };

  /// What stands there, and is kept; durable after sync(). Errors: as look_at_tree; too_large also
  /// beyond kept_total_max, found out before anything is read.
  [[nodiscard]] Result<std::shared_ptr<const Tree>> look(const Workspace& workspace,
                                                         const Look& how);

  /// The same where nothing more can be kept, or too much stands there: keeps nothing, and leaves
  /// out files above kept_file_max.
  [[nodiscard]] Result<Tree> look_without_keeping(const Workspace& workspace, const Look& how);

  /// Makes durable what was kept. Errors: those of ContentStore::sync.
  [[nodiscard]] Result<void> sync();

  /// Whether the content of a file that a look has seen is kept.
  [[nodiscard]] bool is_kept(const TreeEntry& file) const;

  /// Adds what the newest trees hold, since the next looks at their directories take it for kept;
  /// and what those hold that somebody still has, a look under way for one. The newest of
  /// directories that are gone are forgotten.
  void add_contents(std::set<Sha256>& contents);

  [[nodiscard]] const WatchBounds& bounds() const { return bounds_; }

 private:
  /// A directory.
  struct Place {
    std::string path;
    std::mutex looking;                  ///< Held for a whole look.
    std::shared_ptr<const Tree> newest;  ///< None: nobody has looked, or too much stands there.
  };

  [[nodiscard]] std::shared_ptr<Place> place_of(const std::string& path);
  [[nodiscard]] std::shared_ptr<const Tree> newest_of(const Place& place) const;
  [[nodiscard]] Result<Tree> look_anew(const Workspace& workspace, const Look& how,
                                       std::shared_ptr<const Tree> known);
  void set_newest(Place& place, std::shared_ptr<const Tree> tree);
  void drop_oldest();

  ContentStore& contents_;
  const WatchBounds bounds_;
  mutable std::mutex mutex_;                     ///< Of `seen_`, `places_`, and of each `newest`.
  std::vector<std::weak_ptr<const Tree>> seen_;  ///< All that looks have given.
  std::vector<std::shared_ptr<Place>> places_;   ///< The most recently used one last.
};

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/tree.hpp"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string_view>

namespace tinkerbell {

class ContentStore;
class Workspace;

/// How contents get into a copy.
enum class CopyMethod : std::uint8_t {
  reflink,  ///< The files share their blocks until one of them is written to.
  copy,
};

template <>
inline constexpr std::array kNames<CopyMethod> = {std::string_view("reflink"),
                                                  std::string_view("copy")};

/// What a copy would cost, before it is made.
struct CopyEstimate {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;       ///< As long as the files are.
  std::uint64_t bytes_used = 0;  ///< As much as they take of the disk: holes take nothing.
  std::uint64_t bytes_free = 0;  ///< Of the target's file system, for us.
  CopyMethod method = CopyMethod::copy;
};

struct TreeCopying {
  /// As of TreeLook.
  ContentStore* keep = nullptr;
  std::function<bool(std::string_view path)> excludes;
  std::uint64_t file_bytes_max = std::uint64_t{64} << 30;
  std::stop_token stop;
};

/// Both trees as they were copied: every file has the same hash in both, and it is that of the
/// bytes in the copy. Each is what a later look at its workspace takes for known. `copied` is the
/// base of a merge: the copy has no set-user-id bits and their like, so those are no change of the
/// copy's.
struct TreeCopy {
  Tree source;  ///< Also says what was left out.
  Tree copied;
  CopyMethod method = CopyMethod::copy;
};

/// Looks at the whole tree, reads no file. Leaves no trace in `into`, which is any directory on the
/// target's file system. Errors: as look_at_tree.
[[nodiscard]] Result<CopyEstimate> estimate_copy(const Workspace& from, const Workspace& into,
                                                 const TreeCopying& copying = {});

/// Copies all that stands in a workspace, with modes and times, into an empty directory in which
/// nobody else works. Neither lies below the other. `.git/objects` comes too, after all that names
/// objects. Links stay links, holes stay holes; two names of one file become two files. All of it
/// is on the disk afterwards. After an error what is there is to be removed. Errors: conflict (not
/// empty), cancelled, too_large, denied, io.
[[nodiscard]] Result<TreeCopy> copy_tree(const Workspace& from, const Workspace& into,
                                         const TreeCopying& copying = {});

}  // namespace tinkerbell

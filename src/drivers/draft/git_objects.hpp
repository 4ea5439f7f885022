#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// The objects that a repository has and another one has not, by their hashes. Loose ones only: git
/// packs them when there are thousands, and then they cannot be taken over one by one. Errors:
/// unsupported (it has packs of its own, or borrows from elsewhere), too_large, io.
[[nodiscard]] Result<std::vector<std::string>> new_objects(const Workspace& of,
                                                           const Workspace& lacking);

/// Copies objects, each looked through: a name is that of its bytes, or it is not taken. Durable.
/// `key`: of this copy and no other. Errors: invalid (damaged), io, storage_full.
[[nodiscard]] Result<void> copy_objects(const std::vector<std::string>& objects,
                                        const Workspace& from, const Workspace& into,
                                        std::string_view key);

/// Where a branch leads that led to another commit before. A commit is a line: "1a2b3c4 Mend the
/// adder".
struct NewCommits {
  std::vector<std::string> lines;
  std::string left_behind;  ///< The one to which it led, if it may not lead there any more.
};

/// The commits from `newest` back to `known`, along first parents. Where that way does not lead to
/// `known`, those of them that are among the `added` objects. Ends where an object is not loose.
[[nodiscard]] NewCommits new_commits(const Workspace& repository, std::string_view newest,
                                     std::string_view known, const std::vector<std::string>& added);

}  // namespace tinkerbell

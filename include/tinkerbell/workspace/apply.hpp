#pragma once

#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/changes.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

class ContentStore;
class Workspace;

struct Applying {
  std::string_view key;  ///< Of these changes and no others; fit for a file name.
  /// Told of each single step before it is made.
  std::function<void(std::string_view step, const std::string& path)> observe;
};

/// Obstacle::reason of a path at which something else stands than before the changes.
inline constexpr std::string_view kNotAsExpected = "is not as expected";

/// Why changes cannot be made.
struct Obstacle {
  std::string path;
  std::string reason;  ///< For people: kNotAsExpected, "also holds x".

  bool operator==(const Obstacle&) const = default;
};

enum class ApplyEnd : std::uint8_t {
  done,       ///< Every path is as the changes have it, and that is on the disk.
  not_begun,  ///< Recovery: every path is as it was before.
  refused,    ///< Nothing was touched. The obstacles say why, all of them.
};

template <>
inline constexpr std::array kNames<ApplyEnd> = {
    std::string_view("done"), std::string_view("not_begun"), std::string_view("refused")};

struct Applied {
  ApplyEnd end = ApplyEnd::done;
  std::vector<Obstacle> obstacles;
};

/// Makes changes to a workspace: all of them or none.
///
/// First every path must be as its change has it `before`, a directory that goes must hold only
/// what goes too, and a file with several names must not be another owner's (HAZARDS S40). The new
/// contents come from the store, whose sync() must have returned, into one directory of our own in
/// the workspace, `.tinkerbell-KEY`; then every path is replaced by one rename or removed. So each
/// is old or new at every instant, and no link is followed. Set-user-id bits and their like are
/// never given. Directories that may not be written to are opened up for the time. Owner and group
/// of a file that is replaced are kept where we may; times and extended attributes are not.
///
/// Between the last look and the renames another program may still write: as in
/// Workspace::replace, that would be lost. After a crash or an error recover_changes() says how far
/// it came, and finishes it.
///
/// `changes` are in byte order and make a tree. The workspace's own directory must be writable.
/// Errors: invalid (they do not), not_found (a content is not in the store), unsupported (the file
/// system cannot exchange two names, and a directory is to become something else), conflict
/// (somebody works at the same paths just now), denied, io.
[[nodiscard]] Result<Applied> apply_changes(const Workspace& workspace,
                                            const std::vector<FileChange>& changes,
                                            const ContentStore& store, const Applying& applying);

/// What has become of apply_changes() with the same changes and key. If every path is still as
/// before: `not_begun`, and nothing of ours is left. If each is as before or after, the rest is
/// done. If somebody else has changed one: `refused`, with those paths.
[[nodiscard]] Result<Applied> recover_changes(const Workspace& workspace,
                                              const std::vector<FileChange>& changes,
                                              const ContentStore& store, const Applying& applying);

/// Whether they are such that apply_changes() takes them. Errors: invalid.
[[nodiscard]] Result<void> check_changes(const std::vector<FileChange>& changes);

/// What apply_changes() would meet now.
struct Outlook {
  std::vector<Obstacle> obstacles;    ///< In byte order of their paths.
  std::vector<std::string> as_after;  ///< Paths that are already as their changes have them.
  std::vector<std::string> not_kept;  ///< Paths without obstacles whose content is in no store.
};

/// Touches nothing. Errors: invalid, denied, io.
[[nodiscard]] Result<Outlook> outlook_of_changes(const Workspace& workspace,
                                                 const std::vector<FileChange>& changes,
                                                 const ContentStore& store);

/// What a state becomes where a change makes it: without set-user-id bits and their like.
[[nodiscard]] FileState as_made(FileState state);

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"

#include <functional>
#include <string>
#include <string_view>

/// What git wrote, as replies. Pure functions; names are bytes there, and as nearly as that can be
/// UTF-8 here. Errors of all: protocol (it is not what git writes).

namespace tinkerbell {

/// Of `git status --porcelain=v2 --branch -z`.
[[nodiscard]] Result<AwaitGitStatus::Reply> status_in(std::string_view output,
                                                      std::uint32_t entries_max);

/// Of `git diff --raw --patch` with quoted names. There is no text of a file that `may_read` does
/// not grant, whatever it is called on either side, nor beyond `bytes_max` of all together.
[[nodiscard]] Result<AwaitGitDiff::Reply> diff_in(
    std::string_view output, std::uint64_t bytes_max,
    const std::function<bool(const std::string& path)>& may_read);

/// Of `git log -z` in the format of git_program().
[[nodiscard]] Result<AwaitGitLog::Reply> log_in(std::string_view output, std::uint32_t commits_max);

/// Of `git for-each-ref` in the format of git_program().
[[nodiscard]] Result<std::vector<GitBranch>> branches_in(std::string_view output);

/// The first whole hash in a text that is a word of its own, or all but its last sign; empty: there
/// is none. `git commit` names the new commit in its first line: "[main 1a2b…] Mend the adder".
[[nodiscard]] std::string commit_in(std::string_view text);

/// Of `git push --porcelain` of one branch: whether it moved. Errors: also conflict (it was refused
/// there, with the reason).
[[nodiscard]] Result<bool> push_in(std::string_view output);

}  // namespace tinkerbell

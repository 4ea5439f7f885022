#pragma once

#include "tasks/agent_definition.hpp"

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/kernel/task.hpp"

#include <string>

namespace tinkerbell {

/// Where an agent's work becomes commits. It is done in the agent's draft, by commands of the task:
/// nothing of it is in the workspace before a person has accepted the draft.
struct GitPlace {
  std::string branch;  ///< On which it works.
  std::string onto;    ///< That was checked out before; empty: none was.
  std::string base;    ///< The newest commit then; empty: there was none.

  static constexpr auto fields() {
    return described(field("branch", &GitPlace::branch), field("onto", &GitPlace::onto),
                     field("base", &GitPlace::base));
  }
};

/// Checks out a branch of its own. Errors: invalid (something is changed that is not committed, and
/// would come into its commits); those of AwaitGitStatus and AwaitGitBranch.
[[nodiscard]] Task<Result<GitPlace>> begin_git_work(GitWork work);

/// Whether a step has changed what git may know.
[[nodiscard]] bool has_work_to_commit(const TaskCommand& command, const Result<Reply>& outcome);

/// Commits what the step before has changed. Errors: those of AwaitGitAdd and AwaitGitCommit.
[[nodiscard]] Task<Result<void>> commit_step(std::string line);

/// Commits the rest, makes one commit of all unless each is to stay, and brings the branch that was
/// checked out to it unless it is to stay on a branch of its own. Errors: those of its commands.
[[nodiscard]] Task<Result<void>> gather_commits(GitWork work, GitPlace place, std::string message);

/// Where the commits are then.
[[nodiscard]] std::string branch_after_gathering(const GitWork& work, const GitPlace& place);

/// Goes on after gather_commits, if there is more to do. Errors: those of AwaitGitBranch.
[[nodiscard]] Task<Result<void>> go_on_after_gathering(GitWork work, GitPlace place);

/// "Mend the adder\n\nIt added one too many." of a goal and what the agent says that it did.
[[nodiscard]] std::string commit_message(const std::string& goal, const std::string& summary);

}  // namespace tinkerbell

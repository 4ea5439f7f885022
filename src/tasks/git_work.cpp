#include "tasks/git_work.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/syscall/await.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::size_t kChangedShownMax = 5;
constexpr std::size_t kSubjectBytesMax = 72;
constexpr std::size_t kBodyBytesMax = 8 << 10;

std::string first_of(const std::vector<GitStatusEntry>& entries) {
  std::string words;
  for (std::size_t i = 0; i < entries.size() && i < kChangedShownMax; ++i)
    words += (i == 0 ? "" : ", ") + visible_line(entries[i].path);
  return words + (entries.size() > kChangedShownMax ? " …" : "");
}

Task<Result<void>> commit_all(std::string message, GitTrailers trailers) {
  const Result<AwaitGitAdd::Reply> added = co_await AwaitGitAdd{};
  if (!added) co_return added.error();
  const Result<AwaitGitCommit::Reply> commit =
      co_await AwaitGitCommit{.message = std::move(message), .trailers = trailers};
  if (!commit) co_return commit.error();
  co_return Result<void>{};
}

Task<Result<void>> change_branch(AwaitGitBranch command) {
  const Result<AwaitGitBranch::Reply> changed = co_await AwaitGitBranch(command);
  if (!changed) co_return changed.error();
  co_return Result<void>{};
}

}  // namespace

Task<Result<GitPlace>> begin_git_work(GitWork work) {
  const Result<AwaitGitStatus::Reply> status = co_await AwaitGitStatus{};
  if (!status) co_return status.error();
  if (!status->entries.empty()) {
    co_return Error{Errc::invalid,
                    "there are changes that are not committed: " + first_of(status->entries) +
                        ". Commit or stash them first, or have git ignore them"};
  }
  const Result<AwaitGitBranch::Reply> branch = co_await AwaitGitBranch{
      .action = GitBranchAction::change, .name = work.branch, .start = "HEAD"};
  if (!branch) co_return branch.error();
  co_return GitPlace{.branch = branch->name, .onto = status->branch, .base = status->commit};
}

bool has_work_to_commit(const TaskCommand& command, const Result<Reply>& outcome) {
  return !runs_git(command) && std::ranges::any_of(changes_in(outcome), [](const FileChange& each) {
    return each.path != ".git" && !each.path.starts_with(".git/");
  });
}

Task<Result<void>> commit_step(std::string line) {
  co_return co_await commit_all(shortened(line, kSubjectBytesMax), GitTrailers::step);
}

Task<Result<void>> gather_commits(GitWork work, GitPlace place, std::string message) {
  const Result<AwaitGitStatus::Reply> before = co_await AwaitGitStatus{.entries_max = 0};
  if (!before) co_return before.error();
  if (before->branch != place.branch) {  // another one is somebody else's
    co_return Error{Errc::conflict, (before->branch.empty() ? "no branch" : before->branch) +
                                        " is checked out, and not " + place.branch +
                                        ", where its work belongs: bring it there"};
  }
  Result<void> done = co_await commit_all("Finish the work", GitTrailers::task);
  if (!done) co_return done;
  const Result<AwaitGitStatus::Reply> status = co_await AwaitGitStatus{};
  if (!status) co_return status.error();
  if (status->commit.empty()) co_return Result<void>{};  // there never was anything
  if (!work.keep && !place.base.empty()) {
    done = co_await change_branch({.action = GitBranchAction::rewind, .start = place.base});
    if (!done) co_return done;
    done = co_await commit_all(std::move(message), GitTrailers::task);
    if (!done) co_return done;
  }
  if (!work.branch.empty() || place.onto.empty()) co_return Result<void>{};
  done = co_await change_branch(
      {.action = GitBranchAction::change, .name = place.onto, .start = "HEAD", .force = true});
  if (!done) co_return done;
  co_return co_await change_branch({.action = GitBranchAction::remove, .name = place.branch});
}

std::string branch_after_gathering(const GitWork& work, const GitPlace& place) {
  return work.branch.empty() && !place.onto.empty() ? place.onto : place.branch;
}

Task<Result<void>> go_on_after_gathering(GitWork work, GitPlace place) {
  if (!work.branch.empty() || place.onto.empty()) co_return Result<void>{};
  co_return co_await change_branch(
      {.action = GitBranchAction::change, .name = place.branch, .start = "HEAD", .force = true});
}

std::string commit_message(const std::string& goal, const std::string& summary) {
  const std::string subject =
      shortened(visible_line(goal.substr(0, goal.find('\n'))), kSubjectBytesMax);
  return summary.empty() ? subject : subject + "\n\n" + shortened(summary, kBodyBytesMax);
}

}  // namespace tinkerbell

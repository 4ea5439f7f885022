#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/command/effect.hpp"
#include "tinkerbell/command/file_change.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Git. The repository is the one whose `.git` directory stands at the top of the workspace. Paths
/// are relative to the workspace and meant literally; no operand is ever taken for an option.
///
/// Errors of all: invalid (an operand; what git itself refuses, in its words), not_found (no
/// repository, no git), unsupported (no sandbox, a repository that is elsewhere; of those that
/// write files or take them up: its settings run programs for that), too_large, timed_out,
/// cancelled, conflict (it is not what was judged any more). What git wrote on the way is in
/// `note`. Paths that are not UTF-8 are shown as nearly as that can.

namespace tinkerbell {

/// What a path is in one state of a repository, compared with another one.
enum class GitChange : std::uint8_t {
  none,
  added,
  modified,
  removed,
  renamed,
  copied,
  retyped,      ///< A link has become a file, or the like.
  conflicting,  ///< A merge is not done with it.
};

template <>
inline constexpr std::array<std::string_view, 8> kNames<GitChange> = {
    "none", "added", "modified", "removed", "renamed", "copied", "retyped", "conflicting"};

struct GitStatusEntry {
  std::string path;
  std::string from;                      ///< Where it was, if it was renamed or copied.
  GitChange staged = GitChange::none;    ///< From the newest commit to the index.
  GitChange unstaged = GitChange::none;  ///< From the index to the files.
  bool tracked = true;                   ///< False: git does not know it; a directory ends in "/".

  static constexpr auto fields() {
    return described(field("path", &GitStatusEntry::path), field("from", &GitStatusEntry::from),
                     field("staged", &GitStatusEntry::staged),
                     field("unstaged", &GitStatusEntry::unstaged),
                     field("tracked", &GitStatusEntry::tracked));
  }

  bool operator==(const GitStatusEntry&) const = default;
};

/// What is checked out, and which paths are not as in the newest commit. Source: git-status(1).
struct AwaitGitStatus {
  static constexpr std::string_view kName = "git.status";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::string branch;    ///< Empty: a commit is checked out, and no branch.
    std::string commit;    ///< The newest one; empty: there is none yet.
    std::string upstream;  ///< "origin/main"; empty: the branch has none.
    std::uint64_t ahead = 0;
    std::uint64_t behind = 0;
    std::vector<GitStatusEntry> entries;
    bool complete = true;
    std::string note;

    static constexpr auto fields() {
      return described(field("branch", &Reply::branch), field("commit", &Reply::commit),
                       field("upstream", &Reply::upstream), field("ahead", &Reply::ahead),
                       field("behind", &Reply::behind), field("entries", &Reply::entries),
                       field("complete", &Reply::complete), field("note", &Reply::note));
    }
  };

  std::uint32_t entries_max = 1'000;

  static constexpr auto fields() {
    return described(field("entries_max", &AwaitGitStatus::entries_max));
  }
};

struct GitFileDiff {
  std::string path;
  std::string from;  ///< Where it was, if it was renamed or copied.
  GitChange change = GitChange::none;
  std::uint64_t added = 0;  ///< Lines.
  std::uint64_t removed = 0;
  std::string text;  ///< As a unified diff.
  std::string left;  ///< Why there is no text; empty: there is.

  static constexpr auto fields() {
    return described(field("path", &GitFileDiff::path), field("from", &GitFileDiff::from),
                     field("change", &GitFileDiff::change), field("added", &GitFileDiff::added),
                     field("removed", &GitFileDiff::removed), field("text", &GitFileDiff::text),
                     field("left", &GitFileDiff::left));
  }

  bool operator==(const GitFileDiff&) const = default;
};

/// What differs, file by file: without `from` and `to` what is not staged, or with `staged` what
/// is; from a commit to the files (`staged`: to the index), or to another commit. Of a file that a
/// rule keeps from being read there is no text. Source: git-diff(1).
struct AwaitGitDiff {
  static constexpr std::string_view kName = "git.diff";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::vector<GitFileDiff> files;
    std::string note;

    static constexpr auto fields() {
      return described(field("files", &Reply::files), field("note", &Reply::note));
    }
  };

  std::string from;  ///< A commit, as git names one; without ":".
  std::string to;
  bool staged = false;
  std::vector<std::string> paths;       ///< Only these and what is below them; empty: all.
  std::uint64_t bytes_max = 256 << 10;  ///< Of the texts together.

  static constexpr auto fields() {
    return described(field("from", &AwaitGitDiff::from), field("to", &AwaitGitDiff::to),
                     field("staged", &AwaitGitDiff::staged), field("paths", &AwaitGitDiff::paths),
                     field("bytes_max", &AwaitGitDiff::bytes_max));
  }
};

struct GitCommit {
  std::string commit;  ///< Its whole hash, like every one here.
  std::vector<std::string> parents;
  std::string author;
  std::string email;
  std::int64_t unix_s = 0;  ///< When its author made it.
  std::string message;

  static constexpr auto fields() {
    return described(field("commit", &GitCommit::commit), field("parents", &GitCommit::parents),
                     field("author", &GitCommit::author), field("email", &GitCommit::email),
                     field("unix_s", &GitCommit::unix_s), field("message", &GitCommit::message));
  }

  bool operator==(const GitCommit&) const = default;
};

/// The commits that lead to one, the newest first. Source: git-log(1).
struct AwaitGitLog {
  static constexpr std::string_view kName = "git.log";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::vector<GitCommit> commits;
    bool complete = true;
    std::string note;

    static constexpr auto fields() {
      return described(field("commits", &Reply::commits), field("complete", &Reply::complete),
                       field("note", &Reply::note));
    }
  };

  std::string from = "HEAD";       ///< A commit, or a range of them, as git names one.
  std::vector<std::string> paths;  ///< Only those that changed one of these; empty: all.
  std::uint32_t commits_max = 50;

  static constexpr auto fields() {
    return described(field("from", &AwaitGitLog::from), field("paths", &AwaitGitLog::paths),
                     field("commits_max", &AwaitGitLog::commits_max));
  }
};

/// Stage paths as they are now, new and removed ones too, for the next commit. What git ignores is
/// not staged. Source: git-add(1).
struct AwaitGitAdd {
  static constexpr std::string_view kName = "git.add";
  static constexpr EffectClass kEffect = EffectClass::probeable;

  struct Reply {
    std::vector<FileChange> changes;
    std::string note;

    static constexpr auto fields() {
      return described(field("changes", &Reply::changes), field("note", &Reply::note));
    }
  };

  std::vector<std::string> paths;  ///< These and what is below them; empty: all.

  static constexpr auto fields() { return described(field("paths", &AwaitGitAdd::paths)); }
};

/// Which lines a commit's message gets at its end, so that the step is found from the commit.
enum class GitTrailers : std::uint8_t {
  none,
  task,  ///< "Tinkerbell-Task: 12".
  step,  ///< And "Tinkerbell-Step: 34": the step before the two that stage and commit.
};

template <>
inline constexpr std::array<std::string_view, 3> kNames<GitTrailers> = {"none", "task", "step"};

/// Commit what is staged. No hook runs, and it is not signed. Source: git-commit(1).
struct AwaitGitCommit {
  static constexpr std::string_view kName = "git.commit";
  static constexpr EffectClass kEffect = EffectClass::probeable;

  struct Reply {
    std::string commit;  ///< Empty: there was nothing to commit.
    std::vector<FileChange> changes;
    std::string note;

    static constexpr auto fields() {
      return described(field("commit", &Reply::commit), field("changes", &Reply::changes),
                       field("note", &Reply::note));
    }
  };

  std::string message;
  GitTrailers trailers = GitTrailers::none;

  static constexpr auto fields() {
    return described(field("message", &AwaitGitCommit::message),
                     field("trailers", &AwaitGitCommit::trailers));
  }
};

enum class GitBranchAction : std::uint8_t {
  list,
  create,
  change,  ///< Check it out, made new if `start` says where.
  remove,  ///< Whether its commits are on another one or not.
  rewind,  ///< The branch that is checked out leads to `start`, and the index is as that; files
           ///< stay.
};

template <>
inline constexpr std::array<std::string_view, 5> kNames<GitBranchAction> = {
    "list", "create", "change", "remove", "rewind"};

struct GitBranch {
  std::string name;
  std::string commit;
  std::string upstream;
  bool current = false;

  static constexpr auto fields() {
    return described(field("name", &GitBranch::name), field("commit", &GitBranch::commit),
                     field("upstream", &GitBranch::upstream),
                     field("current", &GitBranch::current));
  }

  bool operator==(const GitBranch&) const = default;
};

/// List branches, or change one. Source: git-for-each-ref(1), git-branch(1), git-switch(1),
/// git-reset(1).
struct AwaitGitBranch {
  static constexpr std::string_view kName = "git.branch";

  struct Reply {
    std::string name;  ///< Of the one that was changed.
    std::vector<GitBranch> branches;
    std::vector<FileChange> changes;
    std::string note;

    static constexpr auto fields() {
      return described(field("name", &Reply::name), field("branches", &Reply::branches),
                       field("changes", &Reply::changes), field("note", &Reply::note));
    }
  };

  GitBranchAction action = GitBranchAction::list;
  std::string name;    ///< Empty: "tinkerbell/" and the number of the task.
  std::string start;   ///< A commit, as git names one; of `rewind` its whole hash.
  bool force = false;  ///< `change` with `start`: also if there is such a branch, which leads there
                       ///< then.

  static constexpr auto fields() {
    return described(field("action", &AwaitGitBranch::action), field("name", &AwaitGitBranch::name),
                     field("start", &AwaitGitBranch::start),
                     field("force", &AwaitGitBranch::force));
  }

  [[nodiscard]] EffectClass effect() const {
    return action == GitBranchAction::list ? EffectClass::pure : EffectClass::probeable;
  }
};

/// Bring a branch to the one of the same name in another repository on this machine; never one that
/// would lose commits there. Errors: also conflict (it would), unsupported (the repository is
/// elsewhere: nothing that git needs to be let in there ever comes into the sandbox). Source:
/// git-push(1).
struct AwaitGitPush {
  static constexpr std::string_view kName = "git.push";
  static constexpr EffectClass kEffect = EffectClass::probeable;

  struct Reply {
    std::string to;      ///< Where that repository is.
    bool moved = false;  ///< False: it had all of it already.
    std::vector<FileChange> changes;
    std::string note;

    static constexpr auto fields() {
      return described(field("to", &Reply::to), field("moved", &Reply::moved),
                       field("changes", &Reply::changes), field("note", &Reply::note));
    }
  };

  std::string remote = "origin";  ///< As the repository's settings name it.
  std::string branch;

  static constexpr auto fields() {
    return described(field("remote", &AwaitGitPush::remote),
                     field("branch", &AwaitGitPush::branch));
  }
};

}  // namespace tinkerbell

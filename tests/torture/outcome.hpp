#pragma once

#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"
#include "torture/findings.hpp"

#include "tinkerbell/io/unix_http_client.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace tinkerbell::torture {

/// Files by path and their contents, without the ledger of runs; what stands in `.git` is told by
/// the subjects of its commits.
using Tree = std::map<std::string, std::string>;

[[nodiscard]] Tree tree_of(const std::string& workspace);

/// What was asked of the model in one turn of one job.
struct ModelTurn {
  std::set<std::string> keys;
  std::set<std::string> bodies;
  std::size_t times = 0;
};

/// What is left when all tasks have ended: the world's ledger of effects, and what the daemon says.
/// Times and ids that chance decides are left out.
struct Outcome {
  std::map<std::string, std::string> tasks;  ///< By goal: how each ended, and its steps.
  std::vector<Tree> stages;  ///< Of the workspace when nothing was under way; the last is the end.
  std::map<std::string, std::size_t> runs;     ///< The lines of runs.txt.
  std::map<std::string, std::size_t> commits;  ///< By subject.
  std::map<std::string, ModelTurn> model;      ///< By goal and turn, a fork's apart.
  std::vector<std::string> unknown;            ///< Steps that ended as unknown_outcome.
  std::vector<std::string> left_over;  ///< Directories of runs and drafts that nobody needs.
  std::string evidence;  ///< What the journal says of itself that is not in order; empty: nothing.

  /// Requests to the model that asked the same once more.
  [[nodiscard]] std::size_t asked_again() const;
};

/// Whether each file is as it is in one of the stages, or missing as there: all else is half
/// written, but for what is made ready under a name of its own.
void check_in_one_go(const Tree& found, const std::vector<Tree>& stages, Findings& findings);

/// Of a daemon that still runs, with the stages before the end.
[[nodiscard]] Outcome outcome_of(const RealDaemon& daemon, const ScriptedLlm& model,
                                 std::vector<Tree> stages);

/// Whether the trees between two acts are those of the other run: each act did all or nothing.
void compare_stages(const Outcome& found, const Outcome& wanted, Findings& findings);

/// What a run that was killed has otherwise than one that was not. `asked` is how often a person
/// was asked about an outcome.
void compare(const Outcome& found, const Outcome& wanted, std::size_t asked, Findings& findings);

}  // namespace tinkerbell::torture

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

/// What was asked of the model in one turn of one job.
struct ModelTurn {
  std::set<std::string> keys;
  std::set<std::string> bodies;
  std::size_t times = 0;
};

/// What is left when all tasks have ended: the world's ledger of effects, and what the daemon says.
/// Times and ids that chance decides are left out.
struct Outcome {
  std::map<std::string, std::string> tasks;    ///< By goal: how each ended, and its steps.
  std::map<std::string, std::string> tree;     ///< Files of the workspace, without .git.
  std::map<std::string, std::size_t> runs;     ///< The lines of runs.txt.
  std::map<std::string, std::size_t> commits;  ///< By subject.
  std::map<std::string, ModelTurn> model;      ///< By goal and turn.
  std::vector<std::string> unknown;            ///< Steps that ended as unknown_outcome.
  std::vector<std::string> left_over;  ///< Directories of runs and drafts that nobody needs.
  std::string evidence;  ///< What the journal says of itself that is not in order; empty: nothing.

  /// Requests to the model that asked the same once more.
  [[nodiscard]] std::size_t asked_again() const;
};

/// The files of a workspace and their contents, without .git and the ledger of runs.
[[nodiscard]] std::map<std::string, std::string> files_below(const std::string& workspace);

/// Whether each file is as it was at first, or as it is in the end: what neither has is a mix, but
/// for what is made ready under a name of its own.
void check_in_one_go(const std::map<std::string, std::string>& found,
                     const std::map<std::string, std::string>& first,
                     const std::map<std::string, std::string>& last, Findings& findings);

/// Of a daemon that still runs.
[[nodiscard]] Outcome outcome_of(const RealDaemon& daemon, const ScriptedLlm& model);

/// What a run that was killed has otherwise than one that was not. `asked` is how often a person
/// was asked about an outcome.
void compare(const Outcome& found, const Outcome& wanted, std::size_t asked, Findings& findings);

}  // namespace tinkerbell::torture

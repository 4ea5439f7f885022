#pragma once

#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include "tinkerbell/base/json.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::torture {

/// What the person does with a task that has ended; a task comes of it.
struct Act {
  std::string verb;  ///< As in /v1/tasks/ID/VERB: "accept", "drop", "undo", "fork".
  Json body = Json::object();
};

/// A task that somebody starts. Its goal is its title and its name, which no other has: "files-1"
/// goes by the script "files".
struct Job {
  std::string goal;
  std::string kind = "agent@1";
  bool approve_all = true;
  std::string files = "live";  ///< As SubmitRequest::files.
  std::vector<Act> then = {};  ///< One after the other, once it has ended.
};

/// Tasks that run until all have ended, and whatever the person does then.
struct Scenario {
  std::string name;
  std::string what;  ///< For --help.
  std::vector<Job> jobs;
  /// At every instant each file of the workspace is as it was at one of the times when nothing was
  /// under way.
  bool in_one_go = false;
  /// A job begins when all of the one before is over. Else they run side by side, and what comes
  /// out does not depend on their order.
  bool one_by_one = false;
};

/// Eight of one kind each, and "eight" with all kinds at once.
[[nodiscard]] const std::vector<Scenario>& scenarios();

/// What the model says to a job.
[[nodiscard]] LlmReply model_answer(const LlmRequest& request);

/// What the person says to a question of a task with that title: the body of a decision.
[[nodiscard]] Json person_answer(const std::string& asker, const Json& question);

/// The title of the task that comes of an act, and the one that it is about.
[[nodiscard]] std::string title_of(const Act& act, std::uint64_t about, const std::string& title);

/// Whether it comes from a fork: that is told what nobody else is.
[[nodiscard]] bool is_told(const LlmRequest& request);

/// Files to work at, and programs, which write down in `runs.txt` that they ran, each time.
void furnish(const RealDaemon& daemon);

}  // namespace tinkerbell::torture

#pragma once

#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include "tinkerbell/base/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell::torture {

/// A task that somebody starts. Its goal is its title and its name, which no other has: "files-1"
/// goes by the script "files".
struct Job {
  std::string goal;
  std::string kind = "agent@1";
  bool approve_all = true;
  std::string files = "live";  ///< As SubmitRequest::files.
  std::string then = {};  ///< "accept", "drop": what the person does with the draft that it leaves.
};

/// Tasks that run side by side until all have ended. What comes out does not depend on their order.
struct Scenario {
  std::string name;
  std::string what;  ///< For --help.
  std::vector<Job> jobs;
  /// Every file of the workspace is what it was or what it is at the end, at every instant.
  bool in_one_go = false;
};

/// Six of one kind each, and "eight" with all kinds at once.
[[nodiscard]] const std::vector<Scenario>& scenarios();

/// What the model says to a job.
[[nodiscard]] LlmReply model_answer(const LlmRequest& request);

/// What the person says to a question of a task with that title: the body of a decision.
[[nodiscard]] Json person_answer(const std::string& asker, const Json& question);

/// The title of the task by which a person does something with a draft.
[[nodiscard]] std::string title_of(const std::string& then);

/// Programs that write down in `runs.txt` that they ran, each time.
void furnish(const RealDaemon& daemon);

}  // namespace tinkerbell::torture

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
};

/// Tasks that run side by side until all have ended. What comes out does not depend on their order.
struct Scenario {
  std::string name;
  std::string what;  ///< For --help.
  std::vector<Job> jobs;
};

/// Five of one kind each, and "eight" with all kinds at once.
[[nodiscard]] const std::vector<Scenario>& scenarios();

/// What the model says to a job.
[[nodiscard]] LlmReply model_answer(const LlmRequest& request);

/// What the person says to a question: the body of a decision.
[[nodiscard]] Json person_answer(const Json& question);

/// Programs that write down in `runs.txt` that they ran, each time.
void furnish(const RealDaemon& daemon);

}  // namespace tinkerbell::torture

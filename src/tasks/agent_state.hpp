#pragma once

#include "tasks/essentials.hpp"
#include "tasks/failures.hpp"
#include "tasks/git_work.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/conversation.hpp"
#include "tinkerbell/tools/catalogue.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

/// What an agent notes: with this it goes on, wherever it was.
struct AgentState {
  std::vector<Message> messages;
  std::uint32_t steps = 0;
  Milliseconds worked{0};
  std::uint32_t bad_answers = 0;
  std::vector<std::string> programs;
  std::vector<Failure> failures;
  Essentials essentials;
  std::uint64_t tokens = 0;           ///< As Agent::tokens_.
  std::uint64_t tokens_of_bytes = 0;  ///< Likewise.
  std::vector<std::string> outputs;   ///< Likewise.
  std::vector<ServerTool> server_tools;
  std::vector<TaskId> subtasks;   ///< That it has started and not seen end.
  bool told_of_subtasks = false;  ///< Its model, when it wanted to finish before them.
  std::optional<GitPlace> git;    ///< Where its commits go; nothing: nowhere.

  static constexpr auto fields() {
    return described(
        field("messages", &AgentState::messages), field("steps", &AgentState::steps),
        field("worked_ms", &AgentState::worked), field("bad_answers", &AgentState::bad_answers),
        field("programs", &AgentState::programs), field("failures", &AgentState::failures),
        field("essentials", &AgentState::essentials), field("tokens", &AgentState::tokens),
        field("tokens_of_bytes", &AgentState::tokens_of_bytes),
        field("outputs", &AgentState::outputs), field("server_tools", &AgentState::server_tools),
        field("subtasks", &AgentState::subtasks),
        field("told_of_subtasks", &AgentState::told_of_subtasks), field("git", &AgentState::git));
  }
};

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/conversation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

/// How the work of an agent becomes commits.
struct GitWork {
  std::string branch;  ///< On which they are left; empty: they go to the one that is checked out.
  bool keep = false;   ///< One for each step; false: one for all of it.

  static constexpr auto fields() {
    return described(field("branch", &GitWork::branch), field("keep", &GitWork::keep));
  }
};

/// What an agent is frozen with, as the journal keeps it. What is absent in the journals of before
/// it was there is off for the agents of those.
struct AgentDefinition {
  std::string system_prompt;
  ToolList tools;
  std::string model;
  std::uint32_t steps_max = 0;
  Milliseconds time_max{0};
  std::optional<std::uint32_t> checkpoint_records;  ///< Absent: its state is never noted.
  bool has_output_schema = false;                   ///< As what `finish` takes.
  std::uint32_t tokens_max = 8'192;  ///< Of one answer; 0: as the model's config has it.
  std::optional<std::uint32_t> bad_answers_max;  ///< Absent: nobody is asked.
  std::optional<std::uint32_t> calls_max;        ///< Of one answer that are performed; absent: all.
  std::optional<std::uint32_t> failures_max;     ///< Of one command in a row, all the same; absent:
                                                 ///< nobody is asked.
  std::optional<std::uint32_t> conversation_tokens_max;  ///< Absent: it is never shortened.
  bool reads_guidance = false;  ///< Absent: only AGENTS.md of the workspace, by itself.
  std::optional<std::uint32_t> told_bytes_max;  ///< Of one outcome; absent: as result_text() says.
  std::optional<std::uint32_t> at_once_max;  ///< Reads in a row of an answer; absent: one by one.
  std::vector<std::string> mcp_servers;      ///< Whose tools it is offered.
  std::optional<GitWork> git;                ///< Its work becomes commits; absent: it does not.

  static constexpr auto fields() {
    return described(
        field("system_prompt", &AgentDefinition::system_prompt),
        field("tools", &AgentDefinition::tools), field("model", &AgentDefinition::model),
        field("steps_max", &AgentDefinition::steps_max),
        field("time_max_ms", &AgentDefinition::time_max),
        field("checkpoint_records", &AgentDefinition::checkpoint_records),
        field("has_output_schema", &AgentDefinition::has_output_schema),
        field("tokens_max", &AgentDefinition::tokens_max),
        field("bad_answers_max", &AgentDefinition::bad_answers_max),
        field("calls_max", &AgentDefinition::calls_max),
        field("failures_max", &AgentDefinition::failures_max),
        field("conversation_tokens_max", &AgentDefinition::conversation_tokens_max),
        field("reads_guidance", &AgentDefinition::reads_guidance),
        field("told_bytes_max", &AgentDefinition::told_bytes_max),
        field("at_once_max", &AgentDefinition::at_once_max),
        field("mcp_servers", &AgentDefinition::mcp_servers), field("git", &AgentDefinition::git));
  }
};

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/task.hpp"
#include "tinkerbell/syscall/await.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

/// What an agent gets where its submission says nothing.
struct AgentDefaults {
  std::string model = "default";
  std::uint32_t steps_max = 60;      ///< Model calls and tool calls together.
  Milliseconds time_max{3'600'000};  ///< That its model calls and programs take together.
  /// How long a conversation with a model may become. Nothing: nobody knows, none is shortened.
  std::function<std::optional<std::uint32_t>(const std::string& model)> conversation_tokens_max =
      [](const std::string& /*model*/) { return std::nullopt; };
  std::vector<std::string> mcp_servers = {};  ///< Whose tools it is offered.
};

inline constexpr std::string_view kAgentKind = "agent@1";

/// The definition that an agent keeps for life: system prompt, tools, model alias, limits.
/// `arguments` has "goal" and may have "model", "steps_max", "time_max_ms", "checkpoint_records"
/// (after how many of its records its state is noted again), "output_schema" (JSON Schema of an
/// object: what it is to return), "tools" (the names of those that it is offered), "directory"
/// (what its Spawn says: it is told) and "git" (GitWork: its work becomes commits, in a draft).
/// Errors: invalid.
[[nodiscard]] Result<Json> freeze_agent(const Json& arguments, const AgentDefaults& defaults);

/// Goal and workspace → the model proposes tool calls → each becomes a command → the outcomes go
/// back → until it finishes. Returns {"summary": …}, or {"output": …} where it was given a schema:
/// what it called `finish` with. Errors: those of the model call; exhausted
/// (step or time limit); denied (the model refused); protocol (it broke off).
[[nodiscard]] Task<Result<Json>> run_agent(TaskStart start);

/// The first line of the goal.
[[nodiscard]] std::string agent_title(const Json& arguments);

}  // namespace tinkerbell

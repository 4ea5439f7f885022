#pragma once

#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/drivers/draft/draft_driver.hpp"
#include "tinkerbell/drivers/file/file_driver.hpp"
#include "tinkerbell/drivers/git/git_driver.hpp"
#include "tinkerbell/drivers/http/http_driver.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"
#include "tinkerbell/drivers/mcp/mcp_driver.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"
#include "tinkerbell/settings/settings.hpp"
#include "tinkerbell/workspace/tree_watch.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

/// The config in the words of the drivers. Loads the keys of the providers and registers each with
/// the masker. Errors: those of load_key.
[[nodiscard]] Result<LlmSettings> llm_settings(const settings::Settings& settings, Masker& masker);

/// The names of those whose key is too short to be masked.
[[nodiscard]] std::vector<std::string> providers_with_open_keys(const LlmSettings& llm,
                                                                const Masker& masker);

/// How long a conversation may become that there is room for an answer. Nothing: no such model.
[[nodiscard]] std::optional<std::uint32_t> conversation_tokens_max(
    const settings::Settings& settings, const std::string& alias);

/// The rules for what a look may show, and the daemon's own files: state, socket, keys, config, log
/// and playbooks.
[[nodiscard]] FileLimits file_limits(const settings::Settings& settings,
                                     const std::string& state_dir, const std::string& socket);

/// Where drafts are, and the contents that are kept for them.
[[nodiscard]] Drafts drafts_in(const std::string& state_dir);

/// What drafts are made of, and what rules and we say about taking them over.
[[nodiscard]] DraftSettings draft_settings(const settings::Settings& settings,
                                           const std::string& state_dir, const std::string& socket);

/// Whom requests may reach, and the rules for where redirects lead.
[[nodiscard]] HttpSettings http_settings(const settings::Settings& settings);

/// What is kept around programs at most.
[[nodiscard]] WatchBounds watch_bounds(const settings::Settings& settings);

[[nodiscard]] ProcessSettings process_settings(const settings::Settings& settings,
                                               const std::string& state_dir,
                                               const std::string& socket);

/// How git is run, and what of a diff is shown.
[[nodiscard]] GitSettings git_settings(const settings::Settings& settings,
                                       const std::string& state_dir, const std::string& socket);

/// The MCP servers, and how they are run. `sandbox_works`: what probe_sandbox said.
[[nodiscard]] McpSettings mcp_settings(const settings::Settings& settings,
                                       const std::string& state_dir, const std::string& socket,
                                       const Result<void>& sandbox_works);

}  // namespace tinkerbell

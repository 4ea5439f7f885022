#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"

#include <map>
#include <string>
#include <string_view>

namespace tinkerbell {

using Environment = std::map<std::string, std::string>;

/// Where programs are looked up, in the sandbox and outside it. Never the daemon's own PATH.
inline constexpr std::string_view kProgramPath = "/usr/local/bin:/usr/bin:/bin";

/// Whether a command may set all of these. Refused are names that no program could read back as
/// they are, and those by which a variable makes another program load code or settings (HAZARDS
/// S17). Errors: denied, invalid.
[[nodiscard]] Result<void> check_environment(const Environment& wanted);

/// Where a program finds its idempotency key.
inline constexpr std::string_view kKeyVariable = "TINKERBELL_IDEMPOTENCY_KEY";

/// What a program gets: a few names of ours, then the command's own. Nothing of the daemon's.
[[nodiscard]] Environment program_environment(const AwaitProcess& command, const std::string& key,
                                              const std::string& workspace, const std::string& home,
                                              const ProcessSettings& settings);

}  // namespace tinkerbell

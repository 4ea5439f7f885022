#pragma once

#include "tinkerbell/base/result.hpp"

#include <string>
#include <string_view>

namespace tinkerbell {

/// What a SKILL.md says of itself. Other keys are for others: `allowed-tools` grants nothing here.
struct SkillText {
  std::string name;
  std::string description;
  std::string_view body;  ///< What stands behind the front matter.
};

/// Reads a text that begins with YAML between two lines "---". Errors: invalid (no such front
/// matter, not YAML, no name or description). Source: agentskills.io/specification.
[[nodiscard]] Result<SkillText> read_skill_text(std::string_view text);

/// Whether it is 1 to 64 lower-case letters, digits and single hyphens inside.
[[nodiscard]] bool is_skill_name(std::string_view name);

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/effect.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What an agent finds written down for it, and its plan.

namespace tinkerbell {

/// A text that was found, as much of it as there was room for.
struct GuidanceFile {
  std::string path;    ///< Below the workspace, or absolute where it is above it.
  std::string sha256;  ///< Of the whole file.
  std::string text;    ///< Valid UTF-8.
  bool complete = true;

  static constexpr auto fields() {
    return described(field("path", &GuidanceFile::path), field("sha256", &GuidanceFile::sha256),
                     field("text", &GuidanceFile::text),
                     field("complete", &GuidanceFile::complete));
  }
};

/// Where a skill was found.
enum class SkillPlace : std::uint8_t { workspace, user, system };

template <>
inline constexpr std::array<std::string_view, 3> kNames<SkillPlace> = {"workspace", "user",
                                                                       "system"};

/// A skill as a model chooses it: what the front matter of its SKILL.md says.
struct SkillHead {
  std::string name;  ///< That of its directory.
  std::string description;
  SkillPlace place = SkillPlace::workspace;

  static constexpr auto fields() {
    return described(field("name", &SkillHead::name), field("description", &SkillHead::description),
                     field("place", &SkillHead::place));
  }
};

/// All that is written down for agents that work here: AGENTS.md from the root of the repository
/// down to the workspace, notes of earlier tasks, and the skills that there are. What rules forbid
/// to read, and what is no such file, is passed over; `left` says of which and why. Errors: those
/// of the workspace; cancelled. Source: agents.md; agentskills.io/specification.
struct AwaitGuidance {
  static constexpr std::string_view kName = "guidance.read";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::vector<GuidanceFile> instructions;  ///< The nearest last.
    std::vector<GuidanceFile> notes;         ///< The newest last.
    std::vector<SkillHead> skills;           ///< By name, each once: the nearest has it.
    std::vector<std::string> left;           ///< "PATH: why".

    static constexpr auto fields() {
      return described(field("instructions", &Reply::instructions), field("notes", &Reply::notes),
                       field("skills", &Reply::skills), field("left", &Reply::left));
    }
  };

  std::uint64_t instructions_bytes_max = 32 << 10;  ///< All together; the farthest are cut first.
  std::uint64_t notes_bytes_max = 8 << 10;          ///< Likewise; the oldest.

  static constexpr auto fields() {
    return described(field("instructions_bytes_max", &AwaitGuidance::instructions_bytes_max),
                     field("notes_bytes_max", &AwaitGuidance::notes_bytes_max));
  }
};

/// Read a file of a skill. Errors: not_found (no such skill or file), outside_workspace (of the
/// skill's directory), too_large, denied, invalid (not a name, not a regular file), cancelled.
struct AwaitSkill {
  static constexpr std::string_view kName = "skill.read";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    std::string text;
    std::string directory;           ///< Of the skill: below the workspace, or absolute.
    std::vector<std::string> files;  ///< All that it has, relative to that; at most 100.

    static constexpr auto fields() {
      return described(field("text", &Reply::text), field("directory", &Reply::directory),
                       field("files", &Reply::files));
    }
  };

  std::string name;
  std::string file = "SKILL.md";  ///< Relative to the skill's directory.
  std::uint64_t bytes_max = 256 << 10;

  static constexpr auto fields() {
    return described(field("name", &AwaitSkill::name), field("file", &AwaitSkill::file),
                     field("bytes_max", &AwaitSkill::bytes_max));
  }
};

enum class PlanState : std::uint8_t { pending, doing, done };

template <>
inline constexpr std::array<std::string_view, 3> kNames<PlanState> = {"pending", "doing", "done"};

struct PlanStep {
  std::string text;
  PlanState state = PlanState::pending;

  static constexpr auto fields() {
    return described(field("text", &PlanStep::text), field("state", &PlanStep::state));
  }

  bool operator==(const PlanStep&) const = default;
};

/// Say what the task is going to do, in place of what it said before: for those who look at it.
struct UpdatePlan {
  static constexpr std::string_view kName = "task.plan";
  static constexpr EffectClass kEffect = EffectClass::pure;

  struct Reply {
    static constexpr auto fields() { return described(); }
  };

  std::vector<PlanStep> steps;

  static constexpr auto fields() { return described(field("steps", &UpdatePlan::steps)); }
};

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/policy/policy.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// Whether a rule is about this command. Of several names of a file or program an allowance must
/// hold for all, anything else for one.
[[nodiscard]] bool matches(const Rule& rule, const TaskCommand& command, const Facts& facts);

/// Whether one of the rule's prefixes is the whole argv, word for word. One with an open end names
/// no words beyond it, also not a file of that name.
[[nodiscard]] bool names_whole_argv(const Rule& rule, const std::vector<std::string>& argv,
                                    const Facts& facts);

/// The same if the command goes by any of these names.
[[nodiscard]] bool matches_as(std::span<const std::string_view> names, const Rule& rule,
                              const TaskCommand& command, const Facts& facts);

/// The paths that a file command, or one of git, names; none of any other.
[[nodiscard]] std::vector<std::string_view> paths_of(const TaskCommand& command);

/// Whether the predicate holds for any of the names under which rules see the files of a command:
/// as the command gives them and as they were resolved, which differ where a link stands in the
/// way; and all that it changes, if that is several.
[[nodiscard]] bool any_file_name(const TaskCommand& command, const Facts& facts,
                                 const std::function<bool(const std::string& name)>& is_meant);

/// `path` without ".", empty and ".." segments. A ".." that leads out stays in front.
[[nodiscard]] std::string without_dots(std::string_view path);

/// Whether the path leaves the workspace, by its text alone.
[[nodiscard]] bool leads_out(std::string_view path);

/// "git" of "/usr/bin/git".
[[nodiscard]] std::string_view last_segment(std::string_view path);

}  // namespace tinkerbell

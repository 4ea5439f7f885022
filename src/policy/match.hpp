#pragma once

#include "tinkerbell/policy/policy.hpp"

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

/// The path of a file command, otherwise null.
[[nodiscard]] const std::string* path_of(const TaskCommand& command);

/// The names under which rules see a file: as the command gives it, and as it was resolved. They
/// differ where a link stands in the way.
[[nodiscard]] std::vector<std::string> file_names(const std::string& path, const Facts& facts);

/// Whether the path leaves the workspace, by its text alone.
[[nodiscard]] bool leads_out(const std::string& path);

/// "git" of "/usr/bin/git".
[[nodiscard]] std::string_view last_segment(std::string_view path);

}  // namespace tinkerbell

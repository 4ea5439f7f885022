#pragma once

#include "tinkerbell/base/result.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace tinkerbell {

/// What a person or a model wrote, as a relative path without ".", empty components or a trailing
/// slash; "." for the workspace. An absolute path must begin with `workspace`. ".." stays where it
/// does not lead out by its letters alone: only the kernel knows what stands before it.
/// Errors: invalid, outside_workspace.
[[nodiscard]] Result<std::string> normalised_path(std::string_view path,
                                                  std::string_view workspace);

/// "a/b/c" as {"a/b", "c"}; "c" as {".", "c"}.
[[nodiscard]] std::pair<std::string, std::string> split_leaf(const std::string& path);

/// Whether `path` names something below a workspace as a tree has it: relative, not empty, each
/// component a name, not too long for the kernel.
[[nodiscard]] bool is_plain_path(std::string_view path);

/// The inverse of split_leaf: "." and "c" give "c".
[[nodiscard]] std::string joined_path(const std::string& directory, std::string_view leaf);

}  // namespace tinkerbell

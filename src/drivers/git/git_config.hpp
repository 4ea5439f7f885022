#pragma once

#include "tinkerbell/base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// One setting of a repository: `[remote "origin"] url = …` is {"remote", "origin", "url", "…"}.
struct GitSetting {
  std::string section;     ///< In lower case, like `key`.
  std::string subsection;  ///< Empty: there is none.
  std::string key;         ///< Empty: a section that says nothing yet.
  std::string value;

  bool operator==(const GitSetting&) const = default;
};

/// All settings in a file of git's own form (git-config(1), "Syntax"), in their order. Includes are
/// not followed. Errors: invalid (the line), so that nothing that git would read is passed over.
[[nodiscard]] Result<std::vector<GitSetting>> git_settings_in(std::string_view text);

}  // namespace tinkerbell

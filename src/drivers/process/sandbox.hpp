#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tinkerbell {

/// What a sandboxed program may see. Paths absolute and free of links.
struct SandboxView {
  std::filesystem::path workspace;
  std::filesystem::path cwd;                  ///< In the workspace.
  std::vector<std::filesystem::path> hidden;  ///< See ProcessSettings::hidden.
};

/// HOME and TMPDIR in the sandbox: in memory, empty, gone with the program.
inline constexpr const char* kSandboxHome = "/tmp";

/// The arguments of bubblewrap (bwrap(1)) up to and with "--"; those of the program follow. Looks
/// at the disk, to see what there is to be hidden or protected.
[[nodiscard]] std::vector<std::string> sandbox_arguments(const SandboxView& view);

/// Whether a file (free of links) can be seen in the sandbox.
[[nodiscard]] bool is_in_view(const std::filesystem::path& file, const SandboxView& view);

/// Whether `path` is `directory` or lies below it; by their names.
[[nodiscard]] bool is_within(const std::filesystem::path& path,
                             const std::filesystem::path& directory);

}  // namespace tinkerbell

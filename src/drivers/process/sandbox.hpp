#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"
#include "tinkerbell/shim/entry.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tinkerbell {

/// What a sandboxed program may see. Paths absolute and free of links.
struct SandboxView {
  std::shared_ptr<const Workspace> workspace;
  std::filesystem::path cwd;                     ///< In the workspace, as tasks know it.
  std::vector<std::filesystem::path> hidden;     ///< See ProcessSettings::hidden.
  std::vector<std::filesystem::path> read_only;  ///< See ProcessSettings::read_only.
  SandboxAccess access = {};
  std::string only;  ///< The directory in the workspace of which alone it sees what is in it, free
                     ///< of links; empty: it sees all.
};

/// A sandbox, ready to be built.
struct Sandbox {
  std::vector<std::string> arguments;  ///< Of bubblewrap (bwrap(1)), up to and with "--".
  std::vector<EntryCheck> checks;      ///< For `tinkerbell-shim --enter`: that it became this one.
};

/// HOME and TMPDIR in the sandbox: in memory, empty, gone with the program.
inline constexpr const char* kSandboxHome = "/tmp";

/// Where the shim, which may lie anywhere, is shown to its own last look.
inline constexpr const char* kShimInSandbox = "/run/tinkerbell-shim";

/// What programs may not see or change, as it was found on the disk; free of links.
struct PrivatePaths {
  std::vector<std::filesystem::path> hidden;     ///< As hidden_paths().
  std::vector<std::filesystem::path> read_only;  ///< See ProcessSettings::read_only.
  /// What the system keeps from some of its users, and every sandbox from its program. None where
  /// there is no sandbox.
  std::vector<std::filesystem::path> kernel;  ///< In /proc.
  std::vector<std::filesystem::path> files;   ///< In /etc, with /etc/tinkerbell.
};

/// Whatever no program may see: as in the settings, and the runs directory; free of links.
[[nodiscard]] std::vector<std::filesystem::path> hidden_paths(const ProcessSettings& settings);

/// Looks at all of /etc where there is a sandbox: some milliseconds.
[[nodiscard]] PrivatePaths private_paths(const ProcessSettings& settings);

/// Remembers private_paths() for a second, which gives nothing away: /etc is shown as it is, and a
/// program that was started a second earlier would see whatever became private since just as well.
/// Any thread; the settings are always the same.
class PrivatePathsLook {
 public:
  static constexpr std::chrono::seconds kAgeMax{1};

  [[nodiscard]] std::shared_ptr<const PrivatePaths> at(const ProcessSettings& settings,
                                                       SteadyTime now);

 private:
  std::mutex mutex_;  ///< Held while somebody looks: others wait for what is found.
  std::shared_ptr<const PrivatePaths> found_;
  SteadyTime looked_at_;
};

/// Looks at the disk, to see what there is to be hidden or protected.
[[nodiscard]] Sandbox sandbox_for(const SandboxView& view, const PrivatePaths& private_paths,
                                  const std::filesystem::path& shim);

/// Whether a file or directory (free of links) can be seen in the sandbox.
[[nodiscard]] bool is_in_view(const std::filesystem::path& file, const SandboxView& view);

}  // namespace tinkerbell

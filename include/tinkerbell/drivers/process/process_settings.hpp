#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/workspace/drafts.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// What stands between a program and the machine. The names appear in Facts and in the config.
enum class ProcessSandbox : std::uint8_t {
  bubblewrap,  ///< Own mounts, processes, network; the system read-only; the workspace writable.
  none,        ///< The program can do whatever the daemon's user can.
};

template <>
inline constexpr std::array<std::string_view, 2> kNames<ProcessSandbox> = {"bubblewrap", "none"};

/// What of a workspace a sandbox shows.
enum class FileAccess : std::uint8_t { none, read, write };

template <>
inline constexpr std::array<std::string_view, 3> kNames<FileAccess> = {"none", "read", "write"};

/// How much a sandbox opens, besides the system.
struct SandboxAccess {
  FileAccess files = FileAccess::write;
  bool network = false;
  std::vector<std::filesystem::path> shows = {};  ///< Directories that can be read, absolute.
  /// Repositories that can be changed, but for what git runs there or is told by: absolute, free of
  /// links.
  std::vector<std::filesystem::path> repositories = {};
};

/// How a driver runs a program of its own choice.
struct RunManner {
  SandboxAccess access = {};
  std::map<std::string, std::string> env = {};  ///< Added to the environment as it is.
  /// What it writes to stderr is no output: its beginning is in AwaitProcess::Reply::note. And its
  /// output is shown to nobody while it runs.
  bool apart = false;
};

/// How to find out whether a program has done its work, where its shim is not there to tell.
///
/// The probe is a program too. It runs where and as the program did: in its directory, with its
/// environment, also its idempotency key, and in such a sandbox. It ends with 0: that happened;
/// with 1: it did not, and may be started again; with anything else, or not in time: nobody knows.
struct ProbeRecipe {
  std::string name;                  ///< For people.
  std::vector<std::string> command;  ///< For programs whose words begin with these.
  /// What is run. A word "{arguments}" stands for the program's words after `command`.
  std::vector<std::string> argv;
  Milliseconds timeout{10'000};
};

/// How programs are run. All paths absolute.
struct ProcessSettings {
  std::filesystem::path shim;  ///< The program tinkerbell-shim.
  std::filesystem::path bubblewrap = "/usr/bin/bwrap";
  std::filesystem::path runs_directory;  ///< One directory per run; made on demand, 0700.
  Drafts drafts{{}};
  /// The journal came here without the runs (a restored backup): that a run has no directory does
  /// not say that it never began.
  bool runs_lost = false;
  ProcessSandbox sandbox = ProcessSandbox::bubblewrap;
  /// The first that fits is asked; after all of them the built-in ones for git commit and git push.
  std::vector<ProbeRecipe> probes;
  std::string author = "Tinkerbell";  ///< Of what programs commit with git; and its address.
  std::string author_email = "agent@tinkerbell.invalid";
  /// What no sandboxed program may see even where it lies in the workspace or the system: the
  /// state directory, the control socket, keys. The runs directory is always among them.
  std::vector<std::filesystem::path> hidden;
  /// What none may change even where it lies in the workspace: the config and what it names.
  std::vector<std::filesystem::path> read_only;
};

}  // namespace tinkerbell

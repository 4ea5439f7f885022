#pragma once

#include "drivers/process/file_hashes.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <filesystem>
#include <string>

namespace tinkerbell {

/// The largest program that is run. It is read and hashed, and that cannot be interrupted.
inline constexpr std::uint64_t kProgramBytesMax = 512 << 20;

/// A program, looked at. Of one in a draft the paths are those by which the sandbox shows it.
struct Program {
  std::filesystem::path path;    ///< As it is called: links in it are kept.
  std::filesystem::path object;  ///< The file itself, free of links.
  FileVersion version;           ///< Of that file.
  std::string sha256;            ///< In hexadecimal.
};

/// The program that `name` means: looked up in kProgramPath, or, if it has a slash, taken from
/// `cwd`, as tasks know it. `path` keeps links, since some programs act by the name that they are
/// called by. Errors: not_found, denied (no execute permission), invalid (a directory; neither ELF
/// nor "#!": execvp(3) would hand it to a shell), too_large, io.
[[nodiscard]] Result<Program> find_program(const std::string& name,
                                           const std::filesystem::path& cwd,
                                           const Workspace& workspace, FileHashes& hashes);

}  // namespace tinkerbell

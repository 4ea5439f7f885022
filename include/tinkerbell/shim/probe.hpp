#pragma once

#include "tinkerbell/base/fields.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tinkerbell {

/// A file as the host has it. A path in the sandbox may lead to another one, or to none.
struct ProbeFile {
  std::string path;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  static constexpr auto fields() {
    return described(field("path", &ProbeFile::path), field("device", &ProbeFile::device),
                     field("inode", &ProbeFile::inode));
  }
};

/// What `tinkerbell-shim --probe FILE` tries inside a sandbox. Each of it must fail (HAZARDS S79).
struct SandboxProbe {
  std::vector<ProbeFile> unseen;        ///< Files, directories, and namespaces (/proc/self/ns/…).
  std::vector<std::string> unwritable;  ///< Files and directories.
  std::uint16_t tcp_port = 0;           ///< Somebody of the host listens there, on 127.0.0.1.
  std::uint16_t udp_port = 0;           ///< Likewise. The sender cannot tell: look at the receiver.
  std::string socket_directory;         ///< Where kProbeSocket would be.

  static constexpr auto fields() {
    return described(
        field("unseen", &SandboxProbe::unseen), field("unwritable", &SandboxProbe::unwritable),
        field("tcp_port", &SandboxProbe::tcp_port), field("udp_port", &SandboxProbe::udp_port),
        field("socket_directory", &SandboxProbe::socket_directory));
  }
};

inline constexpr std::string_view kProbeOption = "--probe";
inline constexpr std::string_view kProbeSocket = "socket";

/// What came of it, on stdout.
struct ProbeReport {
  bool complete = false;               ///< False: the probe did not get to its end.
  std::vector<std::string> succeeded;  ///< What should have failed, in words.

  static constexpr auto fields() {
    return described(field("complete", &ProbeReport::complete),
                     field("succeeded", &ProbeReport::succeeded));
  }
};

/// Tries all of it, in this process.
[[nodiscard]] ProbeReport try_forbidden_things(const SandboxProbe& probe);

}  // namespace tinkerbell

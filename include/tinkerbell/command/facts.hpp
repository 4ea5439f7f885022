#pragma once

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/money.hpp"
#include "tinkerbell/command/commands.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// A file of the workspace that a program is given by name, as it is now.
struct FileFact {
  std::string path;   ///< Relative to the workspace, links followed.
  std::string state;  ///< "sha256 …"; of a large file its size, inode and time of change.

  static constexpr auto fields() {
    return described(field("path", &FileFact::path), field("state", &FileFact::state));
  }

  bool operator==(const FileFact&) const = default;
};

/// What a copy of a workspace takes, to two digits: exact figures would not be the same any more
/// when a person has read them.
struct CopyCost {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;       ///< As much as they take of the disk.
  bool shared = false;           ///< The copy takes nothing: it shares its blocks.
  std::uint64_t bytes_free = 0;  ///< Where the copy is to be.

  static constexpr auto fields() {
    return described(field("files", &CopyCost::files), field("bytes", &CopyCost::bytes),
                     field("shared", &CopyCost::shared),
                     field("bytes_free", &CopyCost::bytes_free));
  }

  bool operator==(const CopyCost&) const = default;
};

/// Facts::sandbox of a program that would run without one.
inline constexpr std::string_view kNoSandbox = "none";

/// What a driver found out about a command before anybody judges it: all that an approval binds
/// besides the command itself. Gathered anew after a restart; if they differ from what was
/// approved, the approval does not hold.
struct Facts {
  std::string object;  ///< The file or program, resolved: "src/a.cpp", "/usr/bin/git".
  std::string
      object_sha256;    ///< Of the program or of the file as it is now; empty: there is none yet.
  std::string sandbox;  ///< "bubblewrap" or kNoSandbox for programs, otherwise empty.
  std::string diff;     ///< For file changes: what would change, as a unified diff.
  std::string result_sha256;  ///< For file changes: of the file as it would be afterwards.
  bool outside = false;       ///< The path leaves the workspace: never allowed.
  std::string directory;      ///< For programs: which directories the workspace and its cwd are, by
                              ///< device and inode: "2049:131 2049:145".
  std::vector<FileFact> files;  ///< For programs: those that the arguments name, each once.
  std::string host;  ///< Who may be talked to over the network: "api.example.com"; several stand
                     ///< with blanks between them. Empty: nobody.
  TaskId draft = kNoTask;            ///< In whose draft it takes place: nothing of it leaves that.
  std::vector<DraftChange> changes;  ///< What would change, where that is more than one file.
  std::vector<LeftInDraft> left;     ///< What would not, although it was asked for, and why. For
                                  ///< programs: what they might change and nobody could bring back.
  std::optional<CopyCost> copy = {};  ///< For drafts that are to be made.

  static constexpr auto fields() {
    return described(field("object", &Facts::object), field("object_sha256", &Facts::object_sha256),
                     field("sandbox", &Facts::sandbox), field("diff", &Facts::diff),
                     field("result_sha256", &Facts::result_sha256),
                     field("outside", &Facts::outside), field("directory", &Facts::directory),
                     field("files", &Facts::files), field("host", &Facts::host),
                     field("draft", &Facts::draft), field("changes", &Facts::changes),
                     field("left", &Facts::left), field("copy", &Facts::copy));
  }

  bool operator==(const Facts&) const = default;
};

/// A file as it was before a command changed it. Durable before the change starts.
struct PreImage {
  std::string path;      ///< Relative to the workspace.
  bool existed = false;  ///< False: the command creates the file.
  std::uint32_t mode = 0;
  std::string content;
  std::vector<std::string> missing;  ///< The directories above it that were not there.

  static constexpr auto fields() {
    return described(field("path", &PreImage::path), field("existed", &PreImage::existed),
                     field("mode", &PreImage::mode), field("content", &PreImage::content),
                     field("missing", &PreImage::missing));
  }
};

/// What a command may use, as reckoned before it runs: held back from its budget until what it
/// did use is known, and charged if that never is.
struct Reservation {
  std::string model;  ///< The alias.
  std::uint64_t tokens_in = 0;
  std::uint64_t tokens_out = 0;
  std::optional<Money> cost;  ///< Nothing: the model has no price.
  std::uint32_t tasks = 0;    ///< Of a command that begins some: it is no model call.

  static constexpr auto fields() {
    return described(field("model", &Reservation::model),
                     field("tokens_in", &Reservation::tokens_in),
                     field("tokens_out", &Reservation::tokens_out),
                     field("cost", &Reservation::cost), field("tasks", &Reservation::tasks));
  }

  bool operator==(const Reservation&) const = default;
};

/// What an approval is bound to: SHA-256 over the canonical command, its facts, the workspace, and
/// the task and step.
[[nodiscard]] Sha256 approval_hash(const TaskCommand& command, const Facts& facts,
                                   const std::string& workspace, CommandId id);

/// The same without task and step, and for file commands without content: what "again in this
/// task" is recognised by.
[[nodiscard]] Sha256 repeat_hash(const TaskCommand& command, const Facts& facts,
                                 const std::string& workspace);

}  // namespace tinkerbell

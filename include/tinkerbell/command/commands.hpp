#pragma once

#include "tinkerbell/command/content_command.hpp"
#include "tinkerbell/command/draft_commands.hpp"
#include "tinkerbell/command/file_commands.hpp"
#include "tinkerbell/command/git_commands.hpp"
#include "tinkerbell/command/guidance_commands.hpp"
#include "tinkerbell/command/http_command.hpp"
#include "tinkerbell/command/model_command.hpp"
#include "tinkerbell/command/people_commands.hpp"
#include "tinkerbell/command/process_command.hpp"
#include "tinkerbell/command/task_commands.hpp"
#include "tinkerbell/command/together_command.hpp"
#include "tinkerbell/command/tool_commands.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The system calls. A task yields one with `co_await` and resumes with its Reply, or with an
/// Error. A command is a plain value. Its kName stands in journals, rules and clients: never rename
/// one.

namespace tinkerbell {

using CommandVariant =
    std::variant<GetTid, Yield, Spawn, Join, Kill, Send, Receive, Sleep, Now, Random, AwaitFileRead,
                 AwaitFileWrite, AwaitFileEdit, AwaitFileList, AwaitFileSearch, AwaitUserApproval,
                 AwaitUserAnswer, AwaitProcess, AwaitLLMResponse, Checkpoint, AwaitDraftOpen,
                 AwaitDraftAccept, AwaitDraftDrop, AwaitFileStat, AwaitFileMove, AwaitFileRemove,
                 AwaitFileRestore, Hear, AwaitGuidance, AwaitSkill, UpdatePlan, AwaitContentRead,
                 AwaitFilePatch, Together, AwaitToolList, AwaitToolTrust, AwaitTool, AwaitHttp,
                 Wait, AwaitGitStatus, AwaitGitDiff, AwaitGitLog, AwaitGitAdd, AwaitGitCommit,
                 AwaitGitBranch, AwaitGitPush, AwaitFileSave>;

namespace detail {

template <class Variant>
struct ReplyOf;

template <class... Commands>
struct ReplyOf<std::variant<Commands...>> {
  using type = std::variant<typename Commands::Reply...>;
};

template <class T, class Variant>
inline constexpr bool kIsOneOf = false;
template <class T, class... Each>
inline constexpr bool kIsOneOf<T, std::variant<Each...>> = (std::same_as<T, Each> || ...);

}  // namespace detail

using ReplyVariant = detail::ReplyOf<CommandVariant>::type;

/// Any command. A class of its own, so that copies and moves of the variant are compiled once.
struct TaskCommand : CommandVariant {
  using CommandVariant::CommandVariant;
  TaskCommand() noexcept;
  TaskCommand(const TaskCommand&);
  TaskCommand(TaskCommand&&) noexcept;
  TaskCommand& operator=(const TaskCommand&);
  TaskCommand& operator=(TaskCommand&&) noexcept;
  ~TaskCommand();
};

/// The reply to a command: the alternative with the same index.
struct Reply : ReplyVariant {
  using ReplyVariant::ReplyVariant;
  Reply() noexcept;
  Reply(const Reply&);
  Reply(Reply&&) noexcept;
  Reply& operator=(const Reply&);
  Reply& operator=(Reply&&) noexcept;
  ~Reply();
};

template <class T>
concept Command = detail::kIsOneOf<T, CommandVariant>;

/// Changes several paths at once, all of them or none; Facts::changes names each.
template <class T>
concept ChangesSeveral = std::same_as<T, AwaitFileMove> || std::same_as<T, AwaitFileRemove> ||
                         std::same_as<T, AwaitFileRestore> || std::same_as<T, AwaitFilePatch> ||
                         std::same_as<T, AwaitFileSave>;

/// Runs git, in the repository of the workspace as a whole.
template <class T>
concept GitCommand =
    detail::kIsOneOf<T, std::variant<AwaitGitStatus, AwaitGitDiff, AwaitGitLog, AwaitGitAdd,
                                     AwaitGitCommit, AwaitGitBranch, AwaitGitPush>>;

/// Lets a `switch`-like visit list what it handles; the compiler finds a missing case.
template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

[[nodiscard]] std::string_view name_of(const TaskCommand& command);
[[nodiscard]] EffectClass effect_of(const TaskCommand& command);

[[nodiscard]] bool changes_several(const TaskCommand& command);
[[nodiscard]] bool runs_git(const TaskCommand& command);

/// Whether the command leaves a record. Those whose answer cannot differ in replay do not.
[[nodiscard]] bool is_recorded(const TaskCommand& command);

/// The command's arguments as an object: {"path": "a.txt", …}.
[[nodiscard]] Json arguments_json(const TaskCommand& command);

/// The names of the arguments of the command of that name, in their order; none if there is no such
/// command.
[[nodiscard]] std::vector<std::string_view> argument_names(std::string_view command);

/// What the command changed in the workspace, or in the task's draft of it; empty for most.
[[nodiscard]] std::span<const FileChange> changes_in(const Reply& reply);

/// Under which hash that is kept of what the command was told which the reply does not hold; empty:
/// nothing is.
[[nodiscard]] std::string_view kept_sha256(const Reply& reply);

/// What it changed, of one that may have failed: also then it may have changed something.
[[nodiscard]] std::span<const FileChange> changes_in(const Result<Reply>& outcome);

/// Puts what was changed before that into an outcome, whatever it is.
void add_earlier_changes(const std::vector<FileChange>& earlier, Result<Reply>& outcome);

/// The reply as an object.
[[nodiscard]] Json reply_json(const Reply& reply);

/// Its arguments in canonical bytes.
[[nodiscard]] std::string canonical_arguments(const TaskCommand& command);

/// [name, arguments] in canonical bytes.
[[nodiscard]] std::string canonical_command(const TaskCommand& command);

/// The canonical_arguments() inside of it.
[[nodiscard]] std::string_view arguments_in(std::string_view canonical_command);

/// The command of that name with these canonical_arguments(), or with none. A conversation has no
/// texts any more: it reads as an empty one. Errors: invalid (no such command, wrong arguments).
[[nodiscard]] Result<TaskCommand> command_from_canonical(std::string_view name,
                                                         std::string_view arguments);

/// The command of that name with these arguments, if its effect is pure. Errors: invalid (no such
/// command, another effect, wrong arguments).
[[nodiscard]] Result<TaskCommand> pure_command(std::string_view name, const Json& arguments);

/// What came of such a command, as a part of several. Errors: the part's; invalid (no reply to it).
[[nodiscard]] Result<Reply> outcome_of_part(const TaskCommand& command, const PartOutcome& part);

/// A reply or an error in canonical bytes, for the journal.
[[nodiscard]] std::string canonical_outcome(const Result<Reply>& outcome);

/// The outcome of `command` (which says the type) from its canonical bytes. Errors: invalid.
[[nodiscard]] Result<Result<Reply>> outcome_from_canonical(const TaskCommand& command,
                                                           std::string_view bytes);

/// The error that is the outcome of some command; nothing if that is a reply. Errors: invalid.
[[nodiscard]] Result<std::optional<Error>> error_in_outcome(std::string_view bytes);

/// Identifies a command for replay: the first 128 bits of SHA-256 over the format version and
/// canonical_command.
struct Fingerprint {
  std::array<std::uint8_t, 16> bytes{};

  /// 32 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex() const;

  bool operator==(const Fingerprint&) const = default;
};

[[nodiscard]] Fingerprint fingerprint_of(std::string_view canonical_command);

}  // namespace tinkerbell

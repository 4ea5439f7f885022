#pragma once

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/command/conversation.hpp"
#include "tinkerbell/debug/core_file.hpp"
#include "tinkerbell/policy/breakpoint.hpp"
#include "tinkerbell/syscall/offline_replay.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

/// Goes through the tasks of a core file step by step, and shows what each did there. All that it
/// prints has passed visible_text or visible_line.
class Debugger {
 public:
  /// `core` and `registry` outlive it.
  Debugger(const Core& core, const Registry& registry, std::ostream& out);

  /// Begins at the first step of a task. Errors: not_found (no such task; no such kind in this
  /// program), invalid (its records make no sense).
  [[nodiscard]] Result<void> choose(TaskId task);

  /// Goes to a step, back too. Errors: not_found (the task has no such step), diverged (it does
  /// something else before).
  [[nodiscard]] Result<void> go_to(Seq step);

  /// Says what the core is of, and where it stands.
  void greet();

  /// All about the step at which it stands: state, messages, diff.
  void show_all();

  /// Does what a line says: "step", "break file.*", … False: "quit".
  [[nodiscard]] bool obey(std::string_view line);

 private:
  struct Verb;
  static const std::vector<Verb>& verbs();

  /// A model call on its way, and what it was told.
  struct Messages {
    Seq asked_at{0};
    Conversation conversation;
    std::optional<Result<AwaitLLMResponse::Reply>> answer;
  };

  [[nodiscard]] Result<void> rewind();
  [[nodiscard]] bool advance();
  [[nodiscard]] bool stops_here() const;
  [[nodiscard]] bool take_number(std::string_view word, std::uint64_t& number);

  void take_steps(std::string_view words);
  void take_steps_back(std::string_view words);
  void go_on(std::string_view words);
  void go_to_step(std::string_view words);
  void add_breakpoint(std::string_view words);
  void clear_breakpoints(std::string_view words);
  void change_task(std::string_view words);
  void print_steps(std::string_view words);
  void print_state(std::string_view words);
  void print_call(std::string_view words);
  void print_messages(std::string_view words);
  void print_diff(std::string_view words);
  void print_help(std::string_view words);

  void print_where();
  void print_change(const FileChange& change, bool shown);
  [[nodiscard]] std::optional<std::string_view> content_of(
      const std::optional<FileState>& state) const;
  void take_contents_of(const ReplayedStep& step);

  const Core& core_;
  const Registry& registry_;
  std::ostream& out_;
  std::map<Sha256, std::string> contents_;
  RecordedTask recorded_;
  Seq newest_{0};  ///< The task's last step.
  std::unique_ptr<OfflineReplay> replay_;
  std::optional<ReplayedStep> here_;  ///< Nothing: before or behind all steps.
  std::optional<Messages> messages_;  ///< The newest model call so far.
  std::vector<Breakpoint> breakpoints_;
};

}  // namespace tinkerbell

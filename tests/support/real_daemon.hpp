#pragma once

#include "support/child.hpp"
#include "support/llm_wire.hpp"
#include "support/temp_dir.hpp"
#include "support/wait_until.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/io/unix_http_client.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tinkerbell {

class ScriptedLlm;

/// The config of a daemon whose only model is the scripted one.
[[nodiscard]] std::string config_for(const ScriptedLlm& model, std::string_view sandbox,
                                     Wire wire = Wire::openai_chat);

/// "bubblewrap" where it works, as it does not inside a plain chroot; else "none".
[[nodiscard]] std::string usual_sandbox();

/// A real `tinkerbelld`, or another daemon of this build, with a directory of its own: config,
/// state, socket, and a workspace that is a git repository with one commit. It may live several
/// lives one after the other; at the end of each its log lines are checked.
class RealDaemon {
 public:
  /// Its agents work in the workspace itself where the config does not say in which `files`.
  explicit RealDaemon(std::string_view config, std::string program = "tinkerbelld");
  RealDaemon(const RealDaemon&) = delete;
  RealDaemon& operator=(const RealDaemon&) = delete;
  ~RealDaemon();

  /// Starts it and waits until it answers.
  void start();

  /// Starts it and does not wait.
  void launch();

  /// Starts it and waits until it answers; false: it ended by itself before that.
  [[nodiscard]] bool comes_up();

  /// Its exit status.
  int wait_until_it_ends();

  /// Whether it answers a request.
  [[nodiscard]] bool answers() const;

  void kill9();

  /// SIGTERM; its exit status.
  int stop();

  [[nodiscard]] pid_t pid() const { return process_->pid(); }

  /// How to start it by hand.
  [[nodiscard]] std::vector<std::string> command_line() const;

  [[nodiscard]] std::string socket() const { return directory_ / "control.sock"; }

  [[nodiscard]] std::string state_dir() const { return directory_ / "state"; }

  [[nodiscard]] std::string workspace() const { return directory_ / "workspace"; }

  /// Writes a file into the workspace; `program` makes it executable.
  void put(std::string_view name, std::string_view content, bool program = false) const;

  /// The content of a file in the workspace; empty if there is none.
  [[nodiscard]] std::string file(std::string_view name) const;

  /// The one-line subjects of the commits in the workspace, the newest first.
  [[nodiscard]] std::vector<std::string> commits() const;

  /// `tinkerbell` with these words.
  [[nodiscard]] Finished cli(std::vector<std::string> words) const;

  /// `tinkerbell --json` with these words, which must succeed.
  [[nodiscard]] Json cli_json(std::vector<std::string> words) const;

  struct Answer {
    int status = 0;
    Json body;
  };

  /// A request by a real `curl --unix-socket`; a body makes it a POST.
  [[nodiscard]] Answer curl(const std::string& target, const std::optional<Json>& body = {}) const;

  /// The same without a program of its own, for who asks often.
  [[nodiscard]] Answer ask(const std::string& target, const std::optional<Json>& body = {}) const;

  /// `tinkerbell run GOAL` in the workspace; the task's id.
  [[nodiscard]] std::uint64_t run(const std::string& goal, bool approve_all = false) const;

  /// Waits until the task has ended and returns it.
  Json wait_for_end(std::uint64_t task) const;

  /// Waits until the task has an open question and returns it.
  [[nodiscard]] Json wait_for_question(std::uint64_t task) const;

  /// Approves whatever a task asks until it has ended; returns the task.
  [[nodiscard]] Json approve_until_end(std::uint64_t task) const;

  /// All lines that it logged, in all lives.
  [[nodiscard]] std::string log() const { return directory_.read("daemon.log"); }

 private:
  [[nodiscard]] std::optional<Json> open_question(std::uint64_t task) const;
  [[nodiscard]] bool has_ended(std::uint64_t task) const;
  [[nodiscard]] bool is_gone() const;
  void check_log();

  TempDir directory_;
  std::string program_;
  std::optional<Child> process_;
  std::size_t log_checked_ = 0;  ///< Bytes.
};

}  // namespace tinkerbell

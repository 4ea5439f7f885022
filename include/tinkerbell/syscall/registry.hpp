#pragma once

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/task.hpp"
#include "tinkerbell/syscall/await.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace tinkerbell {

/// The kinds that a person starts to do something with the draft of another task.
inline constexpr std::string_view kAcceptKind = "accept@1";
inline constexpr std::string_view kDropKind = "drop@1";

/// The kind that takes back what another task changed. Its arguments: tasks/undo.hpp.
inline constexpr std::string_view kUndoKind = "undo@1";

/// A kind of durable task.
struct TaskKind {
  /// Checks the arguments and gives the definition that the task keeps for life: prompts, schemas,
  /// resolved names. An upgrade or a config change after that does not reach it. Errors: invalid.
  std::function<Result<Json>(const Json& arguments)> freeze;

  /// The task itself. Deterministic: time, chance and the world reach it only through commands.
  /// Called on the loop thread, and on others where a past is only looked at (OfflineReplay).
  std::function<Task<Result<Json>>(TaskStart)> start;

  /// One line for lists. Is given only what `freeze` took.
  std::function<std::string(const Json& arguments)> title;

  /// Whether it works in a draft of its own where its submission does not say.
  bool in_draft = false;

  /// Whether another task may begin with its first steps (`tinkerbell fork`). Not where its one
  /// step is meant for this place and time.
  bool may_fork = true;

  /// Whether one that completes without a draft counts as accepted: what it did is in the
  /// workspace.
  bool accepted_at_end = false;
};

/// The durable tasks that this program can run, by "name@version". A task stays with the version
/// that it began with.
class Registry {
 public:
  /// The name must be new.
  void add(std::string name, TaskKind kind) {
    const bool added = kinds_.emplace(std::move(name), std::move(kind)).second;
    TINKERBELL_ASSERT(added);
  }

  /// Null if there is none.
  [[nodiscard]] const TaskKind* find(std::string_view name) const {
    const auto found = kinds_.find(name);
    return found == kinds_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, TaskKind, std::less<>> kinds_;
};

}  // namespace tinkerbell

#include "tasks/failures.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/command/render.hpp"

#include <algorithm>
#include <cstddef>
#include <variant>

namespace tinkerbell {

namespace {

/// A loop of more commands than that is not noticed.
constexpr std::size_t kFailuresKept = 32;

bool has_failed(const Result<Reply>& outcome) {
  if (!outcome) return true;
  const auto* const program = std::get_if<AwaitProcess::Reply>(&*outcome);
  return program != nullptr && (program->exit_code != 0 || program->timed_out);
}

}  // namespace

void Failures::add(const TaskCommand& command, const Result<Reply>& outcome,
                   const std::string& told) {
  const std::string key = fingerprint_of(canonical_command(command)).hex();
  Failure failure{.command = key, .outcome = sha256(told).hex(), .times = 1, .line = {}};
  const auto known = std::ranges::find(failures_, key, &Failure::command);
  if (known != failures_.end()) {
    if (known->outcome == failure.outcome) failure.times += known->times;
    failures_.erase(known);
  }
  if (!has_failed(outcome)) return;
  failure.line = command_line(command) + ": " + outcome_line(outcome);
  if (failures_.size() == kFailuresKept) failures_.erase(failures_.begin());
  failures_.push_back(std::move(failure));
}

const Failure* Failures::reached(std::uint32_t times) const {
  const auto found =
      std::ranges::find_if(failures_, [times](const Failure& each) { return each.times >= times; });
  return found == failures_.end() ? nullptr : &*found;
}

void Failures::forgive(std::uint32_t times) {
  std::erase_if(failures_, [times](const Failure& each) { return each.times >= times; });
}

}  // namespace tinkerbell

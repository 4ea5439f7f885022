#include "tasks/essentials.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/render.hpp"
#include "tinkerbell/syscall/await.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <variant>

namespace tinkerbell {

namespace {

constexpr std::size_t kFilesMax = 50;
constexpr std::size_t kWordsMax = 30;
constexpr std::size_t kWordsBytesMax = 2'000;
constexpr std::size_t kDenialsMax = 200;
constexpr std::size_t kDenialBytesMax = 400;
constexpr std::size_t kPlanStepsShown = 50;
constexpr std::size_t kPlanStepBytesMax = 300;

/// Puts it behind the others, where it stands once.
void add_newest(std::vector<std::string>& to, std::string text, std::size_t count_max) {
  std::erase(to, text);
  if (to.size() == count_max) to.erase(to.begin());
  to.push_back(std::move(text));
}

bool is_denied_by_person(const Result<Reply>& outcome) {
  return !outcome && outcome.error().code == Errc::denied &&
         outcome.error().message.starts_with(kPlainDenial);
}

std::string listed(std::string_view title, const std::vector<std::string>& lines) {
  if (lines.empty()) return {};
  std::string text = std::string(title) + "\n";
  for (const std::string& line : lines)
    text += "- " + line + "\n";
  return text;
}

std::string named(std::string_view title, const std::vector<std::string>& paths) {
  if (paths.empty()) return {};
  std::string text(title);
  for (const std::string& path : paths)
    text += (&path == &paths.front() ? " " : ", ") + visible_line(path);
  return text + "\n";
}

std::string plan_text(const std::vector<PlanStep>& plan) {
  std::vector<std::string> lines;
  for (const PlanStep& step : plan) {
    if (lines.size() == kPlanStepsShown) break;
    lines.push_back("[" + std::string(name_of(step.state)) + "] " +
                    shortened(step.text, kPlanStepBytesMax));
  }
  return listed("Your plan:", lines);
}

}  // namespace

void Essentials::add(const TaskCommand& command, const Result<Reply>& outcome) {
  if (is_denied_by_person(outcome)) {
    add_newest(denied,
               shortened(command_line(command) + ": " + outcome.error().message, kDenialBytesMax),
               kDenialsMax);
  }
  const bool is_program = std::holds_alternative<AwaitProcess>(command) || runs_git(command);
  for (const FileChange& change : changes_in(outcome)) {
    // What a build leaves behind would push out what the agent wrote.
    if (!is_program) add_newest(changed, change.path, kFilesMax);
  }
  if (!outcome) return;
  if (const auto* const file = std::get_if<AwaitFileRead>(&command)) {
    add_newest(read, file->path, kFilesMax);
  } else if (const auto* const update = std::get_if<UpdatePlan>(&command)) {
    plan = update->steps;
  } else if (const auto* const question = std::get_if<AwaitUserAnswer>(&command)) {
    hear("To \"" + question->question +
         "\" your user says: " + std::get<AwaitUserAnswer::Reply>(*outcome).text);
  }
}

void Essentials::hear(const std::string& words) {
  add_newest(said, shortened(words, kWordsBytesMax), kWordsMax);
}

std::string Essentials::text() const {
  return plan_text(plan) +
         listed("What a person said no to; do not try it again in another form:", denied) +
         listed("What was said besides the goal:", said) + named("Files changed:", changed) +
         named("Files read:", read);
}

}  // namespace tinkerbell

#include "tasks/hand_over.hpp"

#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/render.hpp"
#include "tinkerbell/syscall/await.hpp"

#include <cstdint>
#include <ranges>
#include <string_view>
#include <variant>

namespace tinkerbell {

namespace {

constexpr std::size_t kProgramsMax = 3;
constexpr std::size_t kLinesMax = 12;  // of what a program wrote, its last ones
constexpr std::size_t kBytesMax = 1'500;
constexpr std::size_t kLeftShownMax = 5;
constexpr std::uint64_t kListBytesMax = 4 << 20;

/// The workspace may change while the question is open; then there is another one. So often.
constexpr int kOffersMax = 20;

std::string last_lines(const std::string& output) {
  std::size_t begin = output.size();
  for (std::size_t lines = 0; begin > 0 && output.size() - begin < kBytesMax; --begin) {
    if (output[begin - 1] == '\n' && begin != output.size() && ++lines == kLinesMax) break;
  }
  return valid_utf8(std::string_view(output).substr(begin));
}

/// How a program ended. Not how long it took: the same work gives the same report.
std::string end_of(const Result<Reply>& outcome) {
  if (!outcome) return outcome_line(outcome);
  const auto& reply = std::get<AwaitProcess::Reply>(*outcome);
  return (reply.timed_out ? "timed out" : "exit " + std::to_string(reply.exit_code)) +
         (reply.note.empty() ? "" : ", " + reply.note);
}

/// What git ignores in the draft; nothing where there is no git or no repository.
Task<Result<std::vector<std::string>>> ignored_by_git() {
  const Result<AwaitProcess::Reply> listed =
      co_await AwaitProcess{.argv = {"git", "ls-files", "--others", "--ignored",
                                     "--exclude-standard", "--directory", "-z"},
                            .output_bytes_max = kListBytesMax};
  if (!listed && listed.error().code == Errc::cancelled) co_return listed.error();
  std::vector<std::string> ignored;
  if (!listed || listed->exit_code != 0) co_return ignored;
  for (const auto path : std::views::split(listed->output, '\0')) {
    std::string_view name(path);
    if (name.ends_with('/')) name.remove_suffix(1);
    if (!name.empty()) ignored.emplace_back(name);
  }
  co_return ignored;
}

}  // namespace

void WorkReport::add(const TaskCommand& command, const Result<Reply>& outcome) {
  if (!std::holds_alternative<AwaitProcess>(command)) return;
  std::string text = command_line(command) + "\n" + end_of(outcome) + "\n";
  if (outcome) text += last_lines(std::get<AwaitProcess::Reply>(*outcome).output);
  if (programs_.size() == kProgramsMax) programs_.erase(programs_.begin());
  programs_.push_back(std::move(text));
}

std::string WorkReport::text() const {
  std::string text;
  for (const std::string& program : programs_) {
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    text += program;
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string summary_of(const AwaitDraftAccept::Reply& reply) {
  const auto paths = [](std::size_t count) {
    return std::to_string(count) + (count == 1 ? " path" : " paths");
  };
  if (reply.changes.empty() && reply.left.empty()) return "nothing was changed";
  std::string text = paths(reply.changes.size()) + " taken over";
  for (std::size_t i = 0; i < reply.left.size() && i <= kLeftShownMax; ++i) {
    text += i == 0 ? ", " + std::to_string(reply.left.size()) + " left in the draft: " : ", ";
    text += i == kLeftShownMax ? "…" : visible_line(reply.left[i].path);
  }
  return text;
}

Task<Result<AwaitDraftAccept::Reply>> accept_draft(std::vector<std::string> paths,
                                                   std::string report) {
  const Result<std::vector<std::string>> ignored = co_await ignored_by_git();
  if (!ignored) co_return ignored.error();
  for (int offers = 1;; ++offers) {
    const Result<AwaitDraftAccept::Reply> taken =
        co_await AwaitDraftAccept{.paths = paths, .ignored = *ignored, .report = report};
    if (taken || taken.error().code != Errc::conflict || offers == kOffersMax) co_return taken;
  }
}

Task<Result<HandOver>> hand_over(std::string report) {
  const Result<AwaitDraftAccept::Reply> taken = co_await accept_draft({}, std::move(report));
  if (taken) co_return HandOver{.note = summary_of(*taken), .objection = {}};
  const Error& error = taken.error();
  if (error.code == Errc::cancelled) co_return error;
  if (error.code == Errc::denied && error.message != kPlainDenial) {
    co_return HandOver{.note = {}, .objection = error.message};
  }
  co_return HandOver{.note = "its draft is kept as it is: " + error.message, .objection = {}};
}

}  // namespace tinkerbell

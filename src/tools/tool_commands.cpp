#include "tinkerbell/base/text.hpp"
#include "tinkerbell/tools/catalogue.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace tinkerbell {

namespace {

/// A tool, and the name of a command that its calls may come to.
struct ToolCommand {
  std::string_view tool;
  std::string_view command;
};

constexpr auto kToolCommands = std::to_array<ToolCommand>({
    {"read_file", AwaitFileRead::kName},
    {"read_file", Together::kName},
    {"list_files", AwaitFileList::kName},
    {"list_files", Together::kName},
    {"search_files", AwaitFileSearch::kName},
    {"search_files", Together::kName},
    {"write_file", AwaitFileWrite::kName},
    {"edit_file", AwaitFileEdit::kName},
    {"apply_patch", AwaitFilePatch::kName},
    {"move_file", AwaitFileMove::kName},
    {"remove_file", AwaitFileRemove::kName},
    {"run_program", AwaitProcess::kName},
    {"read_output", AwaitContentRead::kName},
    {"save_output", AwaitFileSave::kName},
    {"git_status", AwaitGitStatus::kName},
    {"git_status", Together::kName},
    {"git_diff", AwaitGitDiff::kName},
    {"git_diff", Together::kName},
    {"git_log", AwaitGitLog::kName},
    {"git_log", Together::kName},
    {"git_commit", AwaitGitAdd::kName},
    {"git_commit", AwaitGitCommit::kName},
    {"fetch_url", AwaitHttp::kName},
    {"http_request", AwaitHttp::kName},
    {"ask_user", AwaitUserAnswer::kName},
    {"update_plan", UpdatePlan::kName},
    {"use_skill", AwaitSkill::kName},
    {"note", AwaitFileWrite::kName},
    {"note", Now::kName},
    {"note", Random::kName},
    {"start_task", Spawn::kName},
    {"start_task", Join::kName},
    {"start_task", Kill::kName},
    {"wait", Wait::kName},
    {"wait", Join::kName},
    {"wait", Receive::kName},
    {"wait", Now::kName},
    {"wait", AwaitFileStat::kName},
    {"send_message", Send::kName},
});

}  // namespace

Result<std::vector<std::string>> commands_of(const std::vector<std::string>& tools) {
  std::vector<std::string> commands;
  for (const std::string& tool : tools) {
    const bool ends = tool == "finish";  // that is no command
    if (!ends && std::ranges::count(kToolCommands, tool, &ToolCommand::tool) == 0) {
      return Error{Errc::invalid, "there is no tool \"" + visible_line(tool) + "\""};
    }
    for (const ToolCommand& each : kToolCommands) {
      if (each.tool == tool && std::ranges::count(commands, each.command) == 0) {
        commands.emplace_back(each.command);
      }
    }
  }
  return commands;
}

}  // namespace tinkerbell

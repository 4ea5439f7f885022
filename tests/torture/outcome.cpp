#include "torture/outcome.hpp"

#include "support/child.hpp"
#include "torture/scenario.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

namespace tinkerbell::torture {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLedger = "runs.txt";

Json get(UnixHttpClient& client, const std::string& target) {
  const Result<UnixHttpClient::Answer> answer = client.request("GET", target);
  const Result<Json> json = answer ? parse_json(answer->body) : Result<Json>(answer.error());
  return json ? *json : Json::object();
}

/// Whether every record is as it was sealed.
std::string evidence_of(UnixHttpClient& client) {
  const Result<UnixHttpClient::Answer> answer = client.request("POST", "/v1/verify", "{}");
  if (!answer) return answer.error().message;
  const Result<Json> told = parse_json(answer->body);
  const bool good = answer->status == 200 && told && told->value("good", false);
  return good ? std::string() : answer->body;
}

/// How it ended, and each command with its outcome.
std::string told(const Json& task, const Json& steps) {
  std::string text = task.value("state", "") + " " + task.value("result", "");
  if (const auto error = task.find("error"); error != task.end()) text += dump_json(*error);
  for (const Json& step : steps.value("steps", Json::array()))
    text += "\n" + step.value("command", "") + " " + step.value("state", "");
  return text;
}

std::map<std::string, std::size_t> lines_counted(const std::string& text) {
  std::map<std::string, std::size_t> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    ++lines[line];
  return lines;
}

/// Of the log of a branch: whatever was committed to it, by subject; before that stands what did
/// it, with the key of the step.
std::map<std::string, std::size_t> commits_of(const std::string& log) {
  std::map<std::string, std::size_t> commits;
  std::istringstream stream(log);
  constexpr std::string_view kBeforeSubject = ": ";
  for (std::string line; std::getline(stream, line);)
    ++commits[line.substr(line.find(kBeforeSubject, line.find('\t')) + kBeforeSubject.size())];
  return commits;
}

std::vector<std::string> entries_of(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(directory, missing))
    names.push_back(entry.path().filename());
  return names;
}

/// Each of `wanted` once, and nothing else.
void compare_counts(std::string_view kind, const std::map<std::string, std::size_t>& found,
                    const std::map<std::string, std::size_t>& wanted, Findings& findings) {
  for (const auto& [name, count] : wanted) {
    const auto times = found.find(name);
    findings.expect(times != found.end(), Wrong::lost, std::string(kind) + " " + name);
    findings.expect(times == found.end() || times->second <= count, Wrong::doubled,
                    std::string(kind) + " " + name);
  }
  for (const auto& [name, count] : found)
    findings.expect(wanted.contains(name), Wrong::different, std::string(kind) + " " + name);
}

void compare_texts(std::string_view kind, const std::map<std::string, std::string>& found,
                   const std::map<std::string, std::string>& wanted, Findings& findings) {
  for (const auto& [name, text] : wanted) {
    const auto other = found.find(name);
    findings.expect(other != found.end(), Wrong::lost, std::string(kind) + " " + name);
    if (other == found.end()) continue;
    findings.expect(other->second == text, Wrong::different,
                    std::string(kind) + " " + name + ": " + other->second);
  }
  for (const auto& [name, text] : found)
    findings.expect(wanted.contains(name), Wrong::different, std::string(kind) + " " + name);
}

/// The same question under one key, however often.
void compare_model(const Outcome& found, const Outcome& wanted, Findings& findings) {
  for (const auto& [name, turn] : wanted.model)
    findings.expect(found.model.contains(name), Wrong::lost, "model call " + name);
  for (const auto& [name, turn] : found.model) {
    findings.expect(turn.keys.size() == 1, Wrong::doubled, "model call " + name + ": a second key");
    const auto other = wanted.model.find(name);
    findings.expect(other != wanted.model.end() && turn.bodies == other->second.bodies,
                    Wrong::different, "model call " + name + ": another request");
  }
}

/// Under a name of its own: by the daemon, beside its target or in a directory, or by change.sh.
bool is_made_ready(const std::string& name) {
  return ("/" + name).contains("/.tinkerbell-") || name.ends_with(".part");
}

}  // namespace

Tree tree_of(const std::string& workspace) {
  Tree tree;
  for (fs::recursive_directory_iterator entry(workspace), end; entry != end; ++entry) {
    if (entry->path().filename() == ".git") {
      entry.disable_recursion_pending();
      tree[".git"] = run_to_end({"git", "-C", workspace, "log", "--format=%s"}).out;
    } else if (entry->is_regular_file() && entry->path().filename() != kLedger) {
      std::ifstream file(entry->path(), std::ios::binary);
      tree[entry->path().lexically_relative(workspace)] = {std::istreambuf_iterator<char>(file),
                                                           {}};
    }
  }
  return tree;
}

void check_in_one_go(const Tree& found, const std::vector<Tree>& stages, Findings& findings) {
  for (const auto& [name, content] : found) {
    const bool known = std::ranges::any_of(stages, [&](const Tree& stage) {
      const auto same = stage.find(name);
      return same != stage.end() && same->second == content;
    });
    findings.expect(known || is_made_ready(name), Wrong::different,
                    "at the kill, neither old nor new: " + name + ": " + content);
  }
  for (const auto& [name, content] : stages.front()) {
    const bool everywhere =
        std::ranges::all_of(stages, [&](const Tree& stage) { return stage.contains(name); });
    findings.expect(!everywhere || found.contains(name), Wrong::lost, "at the kill, file " + name);
  }
}

std::size_t Outcome::asked_again() const {
  std::size_t again = 0;
  for (const auto& [name, turn] : model)
    again += turn.times - 1;
  return again;
}

Outcome outcome_of(const RealDaemon& daemon, const ScriptedLlm& model, std::vector<Tree> stages) {
  Outcome outcome;
  outcome.stages = std::move(stages);
  outcome.stages.push_back(tree_of(daemon.workspace()));
  UnixHttpClient client(daemon.socket());
  for (const Json& each : get(client, "/v1/tasks?limit=1000").value("tasks", Json::array())) {
    const std::string path = "/v1/tasks/" + each.at("id").dump();
    const Json task = get(client, path);
    const Json steps = get(client, path + "/steps?limit=1000");
    const auto goal = each.value("title", std::string());
    outcome.tasks[goal] = told(task, steps);
    for (const Json& step : steps.value("steps", Json::array())) {
      if (step.value("outcome", "").contains("unknown_outcome"))
        outcome.unknown.push_back(goal + ": " + step.value("line", ""));
    }
  }
  outcome.evidence = evidence_of(client);
  outcome.runs = lines_counted(daemon.file(kLedger));
  outcome.commits = commits_of(daemon.file(".git/logs/HEAD"));
  for (const LlmRequest& request : model.ledger()) {
    const std::string who = request.goal() + (is_told(request) ? " forked " : " ");
    ModelTurn& turn = outcome.model[who + std::to_string(request.turn())];
    turn.keys.insert(request.key);
    turn.bodies.insert(dump_json(request.body));
    ++turn.times;
  }
  const fs::path state = daemon.state_dir();
  (void)wait_until([&] { return (outcome.left_over = entries_of(state / "runs")).empty(); },
                   std::chrono::seconds{5});
  std::ranges::move(entries_of(state / "drafts"), std::back_inserter(outcome.left_over));
  return outcome;
}

void compare_stages(const Outcome& found, const Outcome& wanted, Findings& findings) {
  findings.expect(found.stages.size() == wanted.stages.size(), Wrong::different,
                  std::to_string(found.stages.size()) + " stages of the workspace");
  for (std::size_t i = 0; i < std::min(found.stages.size(), wanted.stages.size()); ++i) {
    compare_texts("at stage " + std::to_string(i + 1) + ", file", found.stages[i], wanted.stages[i],
                  findings);
  }
}

void compare(const Outcome& found, const Outcome& wanted, std::size_t asked, Findings& findings) {
  compare_counts("run", found.runs, wanted.runs, findings);
  compare_counts("commit", found.commits, wanted.commits, findings);
  compare_texts("the end of task", found.tasks, wanted.tasks, findings);
  if (!found.stages.empty()) {
    compare_texts("file", found.stages.back(), wanted.stages.back(), findings);
  }
  compare_model(found, wanted, findings);
  for (std::size_t i = asked; i < found.unknown.size(); ++i)
    findings.add(Wrong::silent_unknown, found.unknown[i]);
  findings.expect(found.evidence.empty(), Wrong::different, "the journal: " + found.evidence);
  for (const std::string& run : found.left_over)
    findings.add(Wrong::different, "left over: " + run);
}

}  // namespace tinkerbell::torture

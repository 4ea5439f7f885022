#include "support/job.hpp"

#include "support/source_root.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace tinkerbell {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> kChangingTools = {
    "write_file", "edit_file", "apply_patch", "move_file", "remove_file", "note", "start_task"};

fs::path all_jobs() {
  return source_root() / "tests/playbooks";
}

Json in_json(const fs::path& file) {
  std::ostringstream text;
  text << toml::json_formatter(toml::parse_file(file.string()));
  return Json::parse(text.str());
}

/// Takes a key out, so that what is left is what nobody knows.
template <class T>
T taken(Json& table, const char* key, T otherwise) {
  const auto found = table.find(key);
  if (found == table.end()) return otherwise;
  T value = found->get<T>();
  table.erase(found);
  return value;
}

void expect_nothing_left(const Json& table, const std::string& where) {
  if (!table.empty()) throw std::runtime_error(where + ": unknown: " + table.dump());
}

std::vector<JobTurn> turns_in(Json& table, const std::string& where) {
  std::vector<JobTurn> turns;
  for (Json& each : taken(table, "turn", Json::array())) {
    JobTurn turn{.expect = taken(each, "expect", std::vector<std::string>{}),
                 .says = taken(each, "says", std::string("I go on.")),
                 .calls = {},
                 .changes = taken(each, "changes", false)};
    for (Json& call : taken(each, "call", Json::array())) {
      const auto tool = taken(call, "tool", std::string());
      turn.calls.push_back({tool, call.dump()});
    }
    expect_nothing_left(each, where);
    turns.push_back(std::move(turn));
  }
  return turns;
}

JobPart part_in(Json& table, const std::string& where) {
  const auto goal = taken(table, "goal", std::string());
  return {goal, turns_in(table, where)};
}

bool changes_something(const JobTurn& turn) {
  return turn.changes || std::ranges::any_of(turn.calls, [](const LlmCall& call) {
           return std::ranges::find(kChangingTools, call.tool) != kChangingTools.end();
         });
}

/// What came back of the last calls, all of them.
std::string came_back(const LlmRequest& request) {
  std::string text;
  for (const LlmMessage& message : messages_in(request.wire, request.body)) {
    if (message.role == "assistant")
      text.clear();
    else
      text += message.text + "\n";
  }
  return text;
}

void fill(std::string& text, std::string_view host) {
  constexpr std::string_view kHost = "${host}";
  for (std::size_t at = 0; (at = text.find(kHost, at)) != text.npos; at += host.size())
    text.replace(at, kHost.size(), host);
}

}  // namespace

std::vector<std::string> job_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(all_jobs()))
    if (entry.is_directory()) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

Job load_job(const std::string& name) {
  Job job{.name = name, .directory = all_jobs() / name};
  Json table = in_json(job.directory / "playbook.toml");
  job.parts.push_back(part_in(table, name));
  for (Json& each : taken(table, "part", Json::array())) {
    job.parts.push_back(part_in(each, name));
    expect_nothing_left(each, name);
  }
  for (Json& each : taken(table, "answer", Json::array()))
    job.answers.push_back({each.at("asks"), each.at("answer")});
  for (Json& each : taken(table, "page", Json::array()))
    job.pages.push_back({each.at("request"), each.at("body")});
  job.check = taken(table, "check", job.check);
  job.config = taken(table, "config", job.config);
  job.yes = taken(table, "yes", job.yes);
  job.commits = taken(table, "commits", job.commits);
  job.removed = taken(table, "removed", job.removed);
  job.named_anew = taken(table, "named_anew", job.named_anew);
  expect_nothing_left(table, name);
  return job;
}

Job without_last_change(Job job) {
  std::vector<JobTurn>& turns = job.parts.front().turns;
  const auto last = std::find_if(turns.rbegin(), turns.rend(), changes_something);
  if (last == turns.rend()) throw std::runtime_error(job.name + " changes nothing");
  turns.erase(std::next(last).base());
  return job;
}

Job with_host(Job job, std::string_view host) {
  fill(job.config, host);
  for (JobPart& part : job.parts) {
    fill(part.goal, host);
    for (JobTurn& turn : part.turns) {
      for (std::string& text : turn.expect)
        fill(text, host);
      for (LlmCall& call : turn.calls)
        fill(call.arguments, host);
    }
  }
  return job;
}

const JobPart& JobModel::part_for(const LlmRequest& request) const {
  const std::string goal = request.goal();
  const auto part = std::ranges::find_if(
      job_.parts, [&](const JobPart& each) { return goal.ends_with(each.goal); });
  return part == job_.parts.end() ? job_.parts.front() : *part;
}

LlmReply JobModel::operator()(const LlmRequest& request) {
  const std::vector<JobTurn>& turns = part_for(request).turns;
  const std::size_t number = request.turn();
  const std::string where = "turn " + std::to_string(number + 1) + ": ";
  if (number >= turns.size()) {
    if (strict_) findings_.push_back(where + "there is no such turn");
    return says("My turns are over.", request.wire);
  }
  const JobTurn& turn = turns[number];
  const std::string text = came_back(request);
  for (const std::string& each : turn.expect) {
    if (!strict_ || text.contains(each)) continue;
    findings_.push_back(where + '"' + each + "\" is not in what came back: " + text);
    return says("That is not what I expected.", request.wire);
  }
  return answers({.text = turn.says, .calls = turn.calls}, request.wire);
}

}  // namespace tinkerbell

#include "torture/scenario.hpp"

namespace tinkerbell::torture {

namespace {

/// note.sh GOAL STEP: once in the ledger, once in a file of the job's own.
constexpr std::string_view kNote =
    "#!/bin/sh\n"
    "echo \"$1 $2\" >> runs.txt\n"
    "echo \"$2\" >> \"$1.log\"\n"
    "echo \"noted $2\"\n";

/// change.sh GOAL: makes one file and changes another one, each at once.
constexpr std::string_view kChange =
    "#!/bin/sh\n"
    "echo \"$1 changes\" >> runs.txt\n"
    "mkdir \"$1-made\"\n"
    "echo made > \"$1-made/file.part\" && mv \"$1-made/file.part\" \"$1-made/file\"\n"
    "echo changed > \"$1.cfg.part\" && mv \"$1.cfg.part\" \"$1.cfg\"\n";

/// What a task is told when it is forked, and nobody else.
constexpr std::string_view kToldToFork = "leave the rest out";

LlmReply runs(const std::vector<std::string>& argv) {
  return calls("run_program", {{"argv", argv}});
}

LlmReply finishes(const std::string& goal) {
  return calls("finish", {{"summary", goal + " is done"}});
}

/// The same in many pieces, as a slow model streams it.
LlmReply in_pieces(LlmReply reply) {
  std::vector<std::string> pieces;
  for (const std::string& piece : reply.pieces) {
    const std::size_t half = piece.size() / 2;
    pieces.push_back(piece.substr(0, half));
    pieces.push_back(piece.substr(half));
  }
  reply.pieces = std::move(pieces);
  return reply;
}

std::vector<LlmReply> files(const std::string& goal) {
  return {calls("write_file", {{"path", goal + ".txt"}, {"content", "one\n"}}),
          calls("edit_file", {{"path", goal + ".txt"}, {"old_text", "one"}, {"new_text", "two"}}),
          calls("read_file", {{"path", goal + ".txt"}}),
          calls("write_file", {{"path", goal + "/below.txt"}, {"content", "three\n"}}),
          calls("list_files", {{"path", goal}}),
          calls("write_file", {{"path", goal + ".txt"}, {"content", "four\n"}}),
          finishes(goal)};
}

std::vector<LlmReply> programs(const std::string& goal) {
  return {runs({"./note.sh", goal, "a"}), runs({"git", "add", goal + ".log"}),
          runs({"git", "commit", "-q", "-m", goal}), runs({"./note.sh", goal, "b"}),
          finishes(goal)};
}

std::vector<LlmReply> models(const std::string& goal) {
  return {in_pieces(calls("read_file", {{"path", "README"}})),
          calls("search_files", {{"text", "workspace"}}),
          in_pieces(in_pieces(calls("read_file", {{"path", "no such file"}}))),
          in_pieces(says(goal + " is done, in words"))};
}

std::vector<LlmReply> approvals(const std::string& goal) {
  return {
      calls("write_file", {{"path", goal + ".txt"}, {"content", "draft\n"}}),
      calls("write_file", {{"path", goal + "-no.txt"}, {"content", "no\n"}}),
      runs({"./note.sh", goal, "a"}),
      calls("ask_user", {{"question", "Which colour?"}, {"choices", {"red", "blue"}}}),
      calls("ask_user", {{"question", "Anything else?"}}),
      runs({"./note.sh", goal, "no"}),
      calls("edit_file", {{"path", goal + ".txt"}, {"old_text", "draft"}, {"new_text", "blue"}}),
      finishes(goal)};
}

/// Makes two files and changes one that is there.
std::vector<LlmReply> drafts(const std::string& goal) {
  std::vector<LlmReply> replies = {
      calls("write_file", {{"path", goal + ".txt"}, {"content", "one\n"}}),
      calls("write_file", {{"path", goal + "/below.txt"}, {"content", "two\n"}}),
      calls("edit_file", {{"path", goal + ".md"}, {"old_text", "before"}, {"new_text", "after"}}),
      finishes(goal)};
  if (goal.ends_with("-commits")) {
    const std::vector<LlmReply> commits = {runs({"git", "add", goal + ".txt"}),
                                           runs({"git", "commit", "-q", "-m", goal})};
    replies.insert(std::prev(replies.end()), commits.begin(), commits.end());
  }
  return replies;
}

/// Everything that a task can do with a file, by itself and by a program.
std::vector<LlmReply> undo(const std::string& goal) {
  return {
      calls("write_file", {{"path", goal + ".txt"}, {"content", "one\n"}}),
      calls("edit_file", {{"path", goal + ".md"}, {"old_text", "before"}, {"new_text", "after"}}),
      calls("write_file", {{"path", goal + "/deep/below.txt"}, {"content", "two\n"}}),
      calls("remove_file", {{"path", goal + ".old"}}),
      calls("move_file", {{"path", goal + ".tool"}, {"to", goal + "/bin/tool"}}),
      runs({"./change.sh", goal}),
      finishes(goal)};
}

/// The steps in which `fork` has written its first file, and no other.
constexpr int kForkLive = 3;
constexpr int kForkDraft = 4;

std::vector<LlmReply> fork(const std::string& goal) {
  return {
      calls("write_file", {{"path", goal + ".txt"}, {"content", "one\n"}}),
      calls("write_file", {{"path", goal + "-rest.txt"}, {"content", "two\n"}}),
      calls("edit_file", {{"path", goal + ".md"}, {"old_text", "before"}, {"new_text", "after"}}),
      finishes(goal)};
}

/// What it does in the place of that, once it is told to.
std::vector<LlmReply> fork_told(const std::string& goal) {
  std::vector<LlmReply> replies = fork(goal);
  replies[1] = calls("write_file", {{"path", goal + "-told.txt"}, {"content", "three\n"}});
  replies[2] = finishes(goal);
  return replies;
}

/// Without the commit, for who shares the repository with others.
std::vector<LlmReply> notes(const std::string& goal) {
  return {runs({"./note.sh", goal, "a"}), runs({"./note.sh", goal, "b"}), finishes(goal)};
}

std::vector<LlmReply> script_of(const std::string& goal) {
  const std::string script = goal.substr(0, goal.find('-'));
  if (script == "files") return files(goal);
  if (script == "programs") return programs(goal);
  if (script == "notes") return notes(goal);
  if (script == "drafts") return drafts(goal);
  if (script == "undo") return undo(goal);
  if (script == "fork") return fork(goal);
  if (script == "approvals") return approvals(goal);
  return models(goal);
}

Job asking(std::string goal) {
  return {.goal = std::move(goal), .approve_all = false};
}

Job family(std::string goal) {
  return {.goal = std::move(goal), .kind = "family@1"};
}

Job in_draft(std::string goal, std::vector<Act> then = {}) {
  return {.goal = std::move(goal), .approve_all = false, .files = "draft", .then = std::move(then)};
}

Act fork_at(int step) {
  return {.verb = "fork", .body = {{"at", step}, {"say", kToldToFork}}};
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> kScenarios = {
      {"files", "an agent writes, edits and reads files", {{.goal = "files-1"}}},
      {"programs", "an agent runs programs and commits", {{.goal = "programs-1"}}},
      {"models",
       "two agents ask a model that streams",
       {{.goal = "models-1"}, {.goal = "models-2"}}},
      {"approvals", "an agent asks a person: yes, no, words", {asking("approvals-1")}},
      {"family", "tasks with children, timers, messages", {family("family-1")}},
      {"drafts",
       "agents in drafts: accepted, accepted later, dropped",
       {in_draft("drafts-commits"), in_draft("drafts-later", {{.verb = "accept"}}),
        in_draft("drafts-dropped", {{.verb = "drop"}})},
       /*in_one_go=*/true},
      {"undo",
       "what an agent and a program did is taken back, and that again; a draft with a commit, too",
       {{.goal = "undo-live", .then = {{.verb = "undo"}, {.verb = "undo"}}},
        in_draft("drafts-commits", {{.verb = "undo"}})},
       /*in_one_go=*/true,
       /*one_by_one=*/true},
      {"fork",
       "a task is forked in the middle, and the fork accepted; another one, and it is dropped",
       {{.goal = "fork-live", .then = {fork_at(kForkLive)}},
        in_draft("fork-dropped", {fork_at(kForkDraft), {.verb = "drop"}})},
       /*in_one_go=*/true,
       /*one_by_one=*/true},
      {"eight",
       "eight tasks of all kinds at once",
       {{.goal = "files-1"},
        {.goal = "files-2"},
        {.goal = "programs-1"},
        {.goal = "notes-1"},
        {.goal = "models-1"},
        asking("approvals-1"),
        asking("approvals-2"),
        family("family-1")}},
  };
  return kScenarios;
}

LlmReply model_answer(const LlmRequest& request) {
  std::vector<LlmReply> script =
      is_told(request) ? fork_told(request.goal()) : script_of(request.goal());
  const std::size_t turn = request.turn();
  return turn < script.size() ? std::move(script[turn]) : says("the script is over");
}

bool is_told(const LlmRequest& request) {
  return dump_json(request.body.at("messages")).contains(kToldToFork);
}

std::string title_of(const Act& act, std::uint64_t about, const std::string& title) {
  if (act.verb == "undo") return "take back what task " + std::to_string(about) + " changed";
  if (act.verb == "fork") {
    return "fork of " + std::to_string(about) + " at " + act.body.at("at").dump() + ": " + title;
  }
  return act.verb + " its draft";
}

Json person_answer(const std::string& asker, const Json& question) {
  const auto line = question.at("line").get<std::string>();
  const auto has = [&](std::string_view word) { return line.contains(word); };
  if (question.at("kind") == "answer") {
    return has("colour") ? Json{{"answer", "answer"}, {"text", "blue"}}
                         : Json{{"answer", "deny"}, {"text", "nothing else"}};
  }
  if (question.at("kind") == "outcome") return {{"answer", "abort"}};
  const bool later = asker == "drafts-later" || asker == "drafts-dropped" ||
                     asker.ends_with(": fork-dropped");  // the fork, and not what it comes from
  if (later && question.at("command") == "draft.accept") return {{"answer", "deny"}};
  if (has("-no.txt") || line.ends_with(" no")) return {{"answer", "deny"}, {"text", "not this"}};
  return {{"answer", "approve"}};
}

void furnish(const RealDaemon& daemon) {
  daemon.put("note.sh", kNote, true);
  daemon.put("change.sh", kChange, true);
  for (const std::string name : {"drafts-commits", "drafts-later", "drafts-dropped", "undo-live",
                                 "fork-live", "fork-dropped"})
    daemon.put(name + ".md", "before\n");
  for (const std::string name : {"undo-live.cfg", "undo-live.old", "undo-live.tool"})
    daemon.put(name, "as it was\n");
}

}  // namespace tinkerbell::torture

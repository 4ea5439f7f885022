#include "tinkerbell/command/render.hpp"

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <ranges>

namespace tinkerbell {

namespace {

constexpr std::size_t kLineBytesMax = 160;
constexpr std::size_t kHashDigitsShown = 12;

bool plain(const std::string& word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("-_./=:,+@%").contains(c);
  });
}

std::string joined(const std::vector<std::string>& argv) {
  std::string line;
  for (const std::string& word : argv) {
    if (!line.empty()) line += ' ';
    line += quoted_word(word);
  }
  return line;
}

std::string counted(std::uint64_t count, std::string_view what) {
  return std::to_string(count) + ' ' + std::string(what) + (count == 1 ? "" : "s");
}

std::string changed_in_words(std::size_t changed, std::size_t left) {
  return counted(changed, "path") + " changed" +
         (left == 0 ? "" : ", " + std::to_string(left) + " left");
}

/// "2 of 5 done, doing: write the test".
std::string plan_in_words(const std::vector<PlanStep>& steps) {
  const auto done = std::ranges::count(steps, PlanState::done, &PlanStep::state);
  std::string words = std::to_string(done) + " of " + std::to_string(steps.size()) + " done";
  const auto doing = std::ranges::find(steps, PlanState::doing, &PlanStep::state);
  return doing == steps.end() ? words : words + ", doing: " + doing->text;
}

/// Each text by its name and the beginning of its hash: "AGENTS.md (sha256 0123456789ab)".
std::string guidance_in_words(const AwaitGuidance::Reply& reply) {
  constexpr std::size_t kDigits = 12;
  std::string words;
  for (const GuidanceFile& each : reply.instructions)
    words += each.path + " (sha256 " + each.sha256.substr(0, kDigits) + "), ";
  return words + counted(reply.skills.size(), "skill") + ", " + counted(reply.notes.size(), "note");
}

std::string in_words(const TaskCommand& command);

/// Each part as it would be called alone.
std::string in_words(const Together& together) {
  std::string words = "at once";
  for (const PartCommand& part : together.parts) {
    const Result<TaskCommand> command = pure_command(part.name, part.arguments);
    words += (words == "at once" ? ": " : "; ") + (command ? in_words(*command) : part.name);
  }
  return words;
}

std::string in_words(const Together::Reply& reply) {
  const auto failed = std::ranges::count_if(
      reply.parts, [](const PartOutcome& part) { return part.reply.is_null(); });
  return counted(reply.parts.size(), "part") +
         (failed == 0 ? "" : ", " + std::to_string(failed) + " of them not done");
}

/// What a child may not do that its parent may.
std::string narrowing_in_words(const Spawn& command) {
  std::string words;
  const auto add = [&](const std::string& bound) { words += (words.empty() ? "" : ", ") + bound; };
  const Limits& limits = command.limits;
  if (limits.cost) add("cost " + limits.cost->text());
  if (limits.tokens) add(counted(*limits.tokens, "token"));
  if (limits.calls) add(counted(*limits.calls, "call"));
  if (limits.tasks) add(counted(*limits.tasks, "task"));
  if (limits.time) add(in_seconds(*limits.time));
  if (!command.directory.empty()) add("in " + command.directory);
  if (command.only) add("only " + joined(*command.only));
  return words.empty() ? words : " (" + words + ")";
}

std::string wait_in_words(const Wait& command) {
  std::string words = "wait for ";
  for (const TaskId task : command.tasks)
    words += "task " + std::to_string(number(task)) + ", ";
  if (command.message) words += "a message, ";
  words += "words";
  return words + (command.timeout ? ", at most " + in_seconds(*command.timeout) : "");
}

std::string line_of(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string git_in_words(std::string_view verb, const std::vector<std::string>& operands) {
  std::string words = "git " + std::string(verb);
  for (const std::string& each : operands)
    if (!each.empty()) words += ' ' + quoted_word(each);
  return words;
}

std::string in_words(const AwaitGitDiff& command) {
  std::vector<std::string> operands{command.from, command.to};
  operands.insert(operands.end(), command.paths.begin(), command.paths.end());
  return git_in_words(command.staged ? "diff --staged" : "diff", operands);
}

std::string in_words(const AwaitGitBranch& command) {
  const std::string name = command.name.empty() ? "of the task" : quoted_word(command.name);
  const std::string start = command.start.empty() ? "" : " at " + quoted_word(command.start);
  switch (command.action) {
    case GitBranchAction::list:
      return "list the branches";
    case GitBranchAction::create:
      return "make the branch " + name + start;
    case GitBranchAction::change:
      return "change to the branch " + name + (start.empty() ? "" : ", made" + start) +
             (command.force ? ", also if there is one" : "");
    case GitBranchAction::remove:
      return "remove the branch " + name;
    case GitBranchAction::rewind:
      return "take the branch back to " + command.start;
  }
  return {};
}

std::string short_commit(const std::string& commit) {
  return commit.substr(0, kHashDigitsShown);
}

std::string in_words(const AwaitGitStatus::Reply& reply) {
  return (reply.branch.empty() ? "no branch" : "on " + reply.branch) + ", " +
         counted(reply.entries.size(), "path") + " changed" + (reply.complete ? "" : " and more");
}

std::string in_words(const AwaitGitDiff::Reply& reply) {
  std::uint64_t added = 0;
  std::uint64_t removed = 0;
  for (const GitFileDiff& file : reply.files) {
    added += file.added;
    removed += file.removed;
  }
  return counted(reply.files.size(), "file") + ", +" + std::to_string(added) + " -" +
         std::to_string(removed);
}

std::string in_words(const TaskCommand& command) {
  return std::visit(
      Overloaded{
          [](const GetTid&) { return std::string("get task id"); },
          [](const Yield&) { return std::string("yield"); },
          [](const Hear&) { return std::string("hear what people say"); },
          [](const Spawn& c) { return "spawn " + c.kind + narrowing_in_words(c); },
          [](const Join& c) { return "join task " + std::to_string(number(c.task)); },
          [](const Wait& c) { return wait_in_words(c); },
          [](const Kill& c) { return "kill task " + std::to_string(number(c.task)); },
          [](const Send& c) { return "send to task " + std::to_string(number(c.task)); },
          [](const Receive& c) {
            if (c.from == kNoTask) return std::string("receive");
            return "receive from task " + std::to_string(number(c.from));
          },
          [](const Checkpoint&) { return std::string("note its state"); },
          [](const Sleep& c) { return "sleep " + in_seconds(c.duration); },
          [](const Now&) { return std::string("read the clock"); },
          [](const Random&) { return std::string("draw a random number"); },
          [](const AwaitFileRead& c) {
            return "read " + c.path + (c.line ? " from line " + std::to_string(*c.line) : "");
          },
          [](const AwaitContentRead& c) {
            return "read kept content " + c.sha256.substr(0, kHashDigitsShown) + " from byte " +
                   std::to_string(c.offset);
          },
          [](const Together& c) { return in_words(c); },
          [](const AwaitFileWrite& c) {
            return "write " + c.path + " (" + counted(c.content.size(), "byte") + ")";
          },
          [](const AwaitFileEdit& c) {
            return "edit " + c.path + (c.replace_all ? " (all places)" : "");
          },
          [](const AwaitFileList& c) { return "list " + c.path + (c.recursive ? "/**" : ""); },
          [](const AwaitFileSearch& c) {
            return "search " + quoted_word(c.text) + " in " + c.path;
          },
          [](const AwaitFileStat& c) { return "look at " + c.path; },
          [](const AwaitGuidance&) { return std::string("look for instructions"); },
          [](const AwaitSkill& c) {
            return "use skill " + c.name + (c.file == AwaitSkill{}.file ? "" : ": " + c.file);
          },
          [](const UpdatePlan& c) { return "plan: " + plan_in_words(c.steps); },
          [](const AwaitToolList& c) { return "list the tools of " + c.server; },
          [](const AwaitToolTrust& c) {
            return "trust " + counted(c.tools.size(), "tool") + " of " + c.server;
          },
          [](const AwaitTool& c) {
            return (c.input_responses.is_null() ? "call " : "answer ") + c.server + " " + c.tool +
                   " " + dump_json(c.arguments);
          },
          [](const AwaitFileMove& c) { return "move " + c.path + " to " + c.to; },
          [](const AwaitFileRemove& c) {
            return "remove " + c.path + (c.recursive ? " and all in it" : "");
          },
          [](const AwaitFilePatch& c) {
            std::string words = "patch";
            for (const PatchedFile& file : c.files) {
              words += (words == "patch" ? " " : ", ") + (file.path.empty() ? file.to : file.path);
            }
            return words;
          },
          [](const AwaitFileSave& c) { return "save " + c.path; },
          [](const AwaitFileRestore& c) {
            return "take back what task " + std::to_string(number(c.of)) + " changed" +
                   (c.step == 0 ? "" : " after step " + std::to_string(c.step));
          },
          [](const AwaitDraftOpen&) { return std::string("make its draft"); },
          [](const AwaitDraftAccept& c) {
            std::string words = "accept its draft";
            for (const std::string& path : c.paths)
              words += ' ' + quoted_word(path);
            return words;
          },
          [](const AwaitDraftDrop&) { return std::string("drop its draft"); },
          [](const AwaitUserApproval& c) { return "ask approval: " + c.question; },
          [](const AwaitUserAnswer& c) { return "ask: " + c.question; },
          [](const AwaitProcess& c) { return "run " + joined(c.argv); },
          [](const AwaitHttp& c) {
            return c.method + ' ' + c.url +
                   (c.body.empty() ? "" : " (" + counted(c.body.size(), "byte") + ")");
          },
          [](const AwaitGitStatus&) { return std::string("git status"); },
          [](const AwaitGitDiff& c) { return in_words(c); },
          [](const AwaitGitLog& c) {
            std::vector<std::string> operands{c.from};
            operands.insert(operands.end(), c.paths.begin(), c.paths.end());
            return git_in_words("log", operands);
          },
          [](const AwaitGitAdd& c) {
            return c.paths.empty() ? "git add all" : git_in_words("add", c.paths);
          },
          [](const AwaitGitCommit& c) { return "git commit: " + line_of(c.message); },
          [](const AwaitGitBranch& c) { return in_words(c); },
          [](const AwaitGitPush& c) { return git_in_words("push", {c.remote, c.branch}); },
          [](const AwaitLLMResponse& c) {
            return "ask model " + c.model + " (" + counted(c.messages.size(), "message") + ")";
          },
      },
      command);
}

std::string in_words(const Reply& reply) {
  return std::visit(
      Overloaded{
          [](const GetTid::Reply& r) { return "task " + std::to_string(number(r.task)); },
          [](const Yield::Reply&) { return std::string("ok"); },
          [](const Hear::Reply& r) { return counted(r.words.size(), "word of people"); },
          [](const Spawn::Reply& r) { return "task " + std::to_string(number(r.task)); },
          [](const Join::Reply& r) { return r.state; },
          [](const Wait::Reply& r) {
            return r.event + (r.task == kNoTask ? "" : " " + std::to_string(number(r.task)));
          },
          [](const Kill::Reply&) { return std::string("asked to end"); },
          [](const Send::Reply&) { return std::string("sent"); },
          [](const Receive::Reply& r) {
            return "message " + std::to_string(r.number) + " from task " +
                   std::to_string(number(r.from));
          },
          [](const Checkpoint::Reply&) { return std::string("noted"); },
          [](const Sleep::Reply&) { return std::string("awake"); },
          [](const Now::Reply& r) { return rfc3339(wall_from_unix_nanoseconds(r.unix_ns)); },
          [](const Random::Reply& r) { return std::to_string(r.value); },
          [](const AwaitFileRead::Reply& r) { return counted(r.text.size(), "byte"); },
          [](const AwaitContentRead::Reply& r) { return counted(r.text.size(), "byte"); },
          [](const Together::Reply& r) { return in_words(r); },
          [](const AwaitFileWrite::Reply& r) {
            return std::string(r.created ? "created, " : "written, ") + counted(r.bytes, "byte");
          },
          [](const AwaitFileEdit::Reply& r) {
            return "changed at line " + std::to_string(r.line) +
                   (r.places > 1 ? " and " + counted(r.places - 1, "more place") : "");
          },
          [](const AwaitFileList::Reply& r) {
            return std::to_string(r.entries.size()) + " entries" + (r.complete ? "" : " and more");
          },
          [](const AwaitFileSearch::Reply& r) {
            return std::to_string(r.matches.size()) + " matches" + (r.complete ? "" : " and more");
          },
          [](const AwaitFileStat::Reply& r) { return r.type + ", " + counted(r.bytes, "byte"); },
          [](const AwaitGuidance::Reply& r) { return guidance_in_words(r); },
          [](const AwaitSkill::Reply& r) { return counted(r.text.size(), "byte"); },
          [](const UpdatePlan::Reply&) { return std::string("noted"); },
          [](const AwaitToolList::Reply& r) {
            return counted(r.tools.size(), "tool") +
                   (r.left.empty() ? "" : ", " + std::to_string(r.left.size()) + " left");
          },
          [](const AwaitToolTrust::Reply&) { return std::string("trusted"); },
          [](const AwaitTool::Reply& r) {
            if (!r.input_requests.is_null()) return std::string("wants to know something first");
            return (r.is_error ? "failed, " : "") + counted(r.text_bytes, "byte");
          },
          [](const AwaitFileMove::Reply& r) { return changed_in_words(r.changes.size(), 0); },
          [](const AwaitFileRemove::Reply& r) { return changed_in_words(r.changes.size(), 0); },
          [](const AwaitFilePatch::Reply& r) { return changed_in_words(r.changes.size(), 0); },
          [](const AwaitFileSave::Reply& r) { return changed_in_words(r.changes.size(), 0); },
          [](const AwaitFileRestore::Reply& r) {
            return changed_in_words(r.changes.size(), r.left.size());
          },
          [](const AwaitDraftOpen::Reply& r) {
            return counted(r.files, "file") + ", " + counted(r.bytes, "byte") +
                   (r.shared ? ", shared" : "");
          },
          [](const AwaitDraftAccept::Reply& r) {
            return changed_in_words(r.changes.size(), r.left.size());
          },
          [](const AwaitDraftDrop::Reply&) { return std::string("dropped"); },
          [](const AwaitUserApproval::Reply& r) {
            return std::string(r.granted ? "granted" : "declined") +
                   (r.reason.empty() ? "" : ": " + r.reason);
          },
          [](const AwaitUserAnswer::Reply& r) { return r.text; },
          [](const AwaitProcess::Reply& r) {
            std::string words = r.timed_out ? "timed out" : "exit " + std::to_string(r.exit_code);
            if (r.note.empty() || r.duration > Milliseconds{0}) {
              words += ", " + in_seconds(r.duration) + ", " + counted(r.output_bytes, "byte");
            }
            if (!r.changes.empty()) words += ", " + changed_in_words(r.changes.size(), 0);
            return words + (r.note.empty() ? "" : ", " + r.note);
          },
          [](const AwaitHttp::Reply& r) {
            return "status " + std::to_string(r.status) + ", " + counted(r.body.size(), "byte") +
                   (r.complete ? "" : " of more") +
                   (r.body_sha256.empty() ? "" : ", kept " + counted(r.body_bytes, "byte")) + ", " +
                   in_seconds(r.took);
          },
          [](const AwaitGitStatus::Reply& r) { return in_words(r); },
          [](const AwaitGitDiff::Reply& r) { return in_words(r); },
          [](const AwaitGitLog::Reply& r) {
            return counted(r.commits.size(), "commit") + (r.complete ? "" : " and more");
          },
          [](const AwaitGitAdd::Reply&) { return std::string("staged"); },
          [](const AwaitGitCommit::Reply& r) {
            return r.commit.empty() ? "nothing to commit" : "commit " + short_commit(r.commit);
          },
          [](const AwaitGitBranch::Reply& r) {
            return r.name.empty() ? std::to_string(r.branches.size()) + " branches"
                                  : "branch " + r.name;
          },
          [](const AwaitGitPush::Reply& r) {
            return (r.moved ? "pushed to " : "up to date at ") + r.to;
          },
          [](const AwaitLLMResponse::Reply& r) {
            const std::string by = r.fallback.empty() ? "" : "by " + r.fallback + ": ";
            if (r.tool_calls.empty()) return by + r.text;
            std::string names;
            for (const ToolCall& call : r.tool_calls) {
              names += (names.empty() ? "" : ", ") + call.name;
            }
            return by + "calls " + names;
          },
      },
      reply);
}

/// A line for each path that is not what one might take it for, and why; without a path it is words
/// about them all.
std::string left_lines(const std::vector<LeftInDraft>& left) {
  std::string lines;
  for (const LeftInDraft& each : left) {
    lines += "  - ";
    if (!each.path.empty()) lines += visible_line(quoted_word(each.path)) + "  ";
    lines += visible_line(each.why) + "\n";
  }
  return lines;
}

std::string program_card(const AwaitProcess& command, const Facts& facts) {
  std::string card = "run a program";
  card += facts.sandbox == kNoSandbox
              ? "  -- UNSANDBOXED: it can read and change whatever you can\n"
              : "  (sandbox: " + facts.sandbox + ")\n";
  card += "  program  " + visible_line(facts.object) + "\n";
  for (std::size_t i = 0; i < command.argv.size(); ++i) {
    card += (i == 0 ? "  argv     " : "           ") + visible_line(quoted_word(command.argv[i])) +
            "\n";
  }
  for (const FileFact& file : facts.files) {
    card += "  file     " + visible_line(quoted_word(file.path)) + "  " + file.state + "\n";
  }
  card += "  in       " + visible_line(command.cwd) + "\n";
  for (const auto& [name, value] : command.env) {
    card += "  env      " + visible_line(name + "=" + quoted_word(value)) + "\n";
  }
  card += "  limit    " + in_seconds(command.timeout) + "\n";
  if (!facts.left.empty()) {
    card += "what it could change and nobody could bring back\n" + left_lines(facts.left);
  }
  return card;
}

/// What a task says, each line marked as its words: none can pass for one of ours.
std::string quoted_lines(std::string_view words) {
  std::string block;
  for (const auto line : std::views::split(words, '\n')) {
    block += "  | " + visible_text(std::string_view(line)) + "\n";
  }
  return block;
}

/// Each definition as its server has it, or what is new in it.
std::string trust_card(const AwaitToolTrust& command, const Facts& facts) {
  std::string card = "trust " + counted(command.tools.size(), "tool") + " of the MCP server " +
                     visible_line(command.server) + ", for all tasks\n  started as " +
                     visible_line(facts.object) + "\n";
  for (const ToolDefinition& tool : command.tools) {
    card += "tool " + visible_line(tool.name) + "  (sha256 " + tool.sha256.substr(0, 12) + ")\n" +
            quoted_lines(tool.description) + quoted_lines(pretty_json(tool.schema));
  }
  if (!facts.diff.empty()) {
    card += "WHAT IS NEW since it was approved\n" + visible_text(facts.diff);
  }
  return card;
}

std::string tool_card(const AwaitTool& command, const Facts& facts) {
  std::string card = "call a tool of the MCP server " + visible_line(command.server);
  card += facts.sandbox == kNoSandbox
              ? "  -- UNSANDBOXED: it can read and change whatever you can\n"
              : "  (sandbox: " + facts.sandbox + ")\n";
  card += "  tool     " + visible_line(command.tool) + "\n";
  card += "  network  " + std::string(facts.host.empty() ? "none" : "any") + "\n";
  if (command.effect != EffectClass::once) {
    card += "  repeats  without harm, says the config\n";
  }
  card += "with\n" + quoted_lines(pretty_json(command.arguments));
  if (!command.input_responses.is_null()) {
    card += "and what people answered it\n" + quoted_lines(pretty_json(command.input_responses));
  }
  return card;
}

std::string request_card(const AwaitHttp& command, const Facts& facts) {
  std::string card = "send a request over the network\n  to       " + visible_line(facts.object) +
                     "\n  method   " + visible_line(command.method) + "\n  url      " +
                     visible_line(command.url) + "\n";
  for (const HttpField& header : command.headers) {
    card += "  header   " + visible_line(header.name + ": " + header.value) + "\n";
  }
  if (command.keyed) {
    card += "  key      an Idempotency-Key goes with it: after a crash it is sent again\n";
  }
  if (!command.body.empty()) {
    card +=
        "  body     " + counted(command.body.size(), "byte") + "\n" + quoted_lines(command.body);
  }
  return card;
}

/// What it would do, whom it concerns, and the files that the answer is bound to.
std::string git_card(const TaskCommand& command, const Facts& facts) {
  std::string card = visible_line(in_words(command)) + "  (sandbox: " + facts.sandbox + ")\n";
  if (!facts.object.empty()) card += "  to       " + visible_line(facts.object) + "\n";
  if (const auto* const commit = std::get_if<AwaitGitCommit>(&command)) {
    card += quoted_lines(commit->message);
  }
  if (!facts.diff.empty()) card += "what it is about\n" + visible_text(facts.diff);
  if (!facts.left.empty()) {
    card += "what it could change and nobody could bring back\n" + left_lines(facts.left);
  }
  return card;
}

std::string change_card(std::string_view verb, const std::string& path, const Facts& facts) {
  return std::string(verb) + " " + visible_line(path) + "\n" + visible_text(facts.diff);
}

/// Of what is moved one end has all that is to be said.
std::string changes_counted(const Facts& facts) {
  const auto says_more = [](const DraftChange& each) { return !each.diff.empty(); };
  const auto count = std::ranges::count_if(facts.changes, says_more);
  return "  changes  " + counted(static_cast<std::uint64_t>(count), "path") + "\n";
}

/// What stays as it is, and each change.
std::string changes_listed(std::string_view left_where, const Facts& facts) {
  std::string card;
  if (!facts.left.empty()) card += std::string(left_where) + "\n" + left_lines(facts.left);
  for (const DraftChange& each : facts.changes)
    card += visible_text(each.diff);
  return card;
}

/// All that would come over, what speaks for it, and what stays behind.
std::string accept_card(const AwaitDraftAccept& command, const Facts& facts) {
  std::string card = "accept the draft of task " + std::to_string(number(facts.draft)) + " into " +
                     visible_line(facts.object) + "\n" + changes_counted(facts);
  if (!command.report.empty()) card += "it ran\n" + quoted_lines(command.report);
  return card + changes_listed("left in the draft", facts);
}

/// A move, a removal, a patch or what is taken back.
std::string several_card(const TaskCommand& command, const Facts& facts) {
  return visible_line(in_words(command)) + "\n" + changes_counted(facts) +
         changes_listed("left as it is", facts);
}

/// "410 MB", "1.5 GB": about so much.
std::string about_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1'000) return counted(bytes, "byte");
  double amount = static_cast<double>(bytes) / 1'000;
  std::size_t unit = 0;
  for (; amount >= 1'000 && unit + 1 < kUnits.size(); ++unit)
    amount /= 1'000;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), amount < 10 ? "%.1f " : "%.0f ", amount);
  return text.data() + std::string(kUnits.at(unit));
}

/// "310000 files, 14 GB to copy".
std::string in_words(const CopyCost& cost) {
  return counted(cost.files, "file") + ", " + about_bytes(cost.bytes) +
         (cost.shared ? ", shared" : " to copy");
}

std::string draft_card(const Facts& facts) {
  std::string card = "make a draft: a copy of the workspace for the task to work in\n  of       " +
                     visible_line(facts.object) + "\n";
  if (!facts.copy) return card;
  card += "  takes    " + in_words(*facts.copy) + " (" + about_bytes(facts.copy->bytes_free) +
          " are free)\n";
  if (!facts.copy->shared) {
    card += "           and up to as much again, to tell later what was changed\n";
  }
  return card +
         "  instead  deny it, and run the task with --live: on the files themselves, asking before "
         "each change\n";
}

std::string_view cut_to(std::string_view text, std::size_t bytes_max) {
  if (bytes_max == 0 || text.size() <= bytes_max) return text;
  std::size_t end = 0;
  for (std::size_t next = 0; next <= bytes_max; next += first_code_point(text.substr(end)).length)
    end = next;
  return text.substr(0, end);
}

std::string_view escape_of(char c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    default:
      return {};
  }
}

/// A text of a system call: `"#!/bin/sh\nexit"... (142 bytes)`.
std::string quoted_text(std::string_view text, std::size_t text_max) {
  std::string quoted = "\"";
  const std::string_view shown = cut_to(text, text_max);
  for (std::string_view rest = shown; !rest.empty();) {
    const std::size_t length = first_code_point(rest).length;
    const std::string_view escape = escape_of(rest.front());
    quoted += escape.empty() ? visible_line(rest.substr(0, length)) : escape;
    rest.remove_prefix(length);
  }
  quoted += '"';
  if (shown.size() < text.size()) quoted += "... (" + counted(text.size(), "byte") + ")";
  return quoted;
}

std::string value_text(const Json& value, std::size_t text_max) {
  if (value.is_string()) return quoted_text(value.get_ref<const std::string&>(), text_max);
  if (!value.is_structured()) return dump_json(value);
  std::string inside;
  for (const auto& [key, each] : value.items()) {
    if (!inside.empty()) inside += ", ";
    if (value.is_object()) inside += quoted_text(key, text_max) + ": ";
    inside += value_text(each, text_max);
  }
  return value.is_object() ? "{" + inside + "}" : "[" + inside + "]";
}

}  // namespace

namespace {

/// Each part as the call that it is.
std::string calls_inside(const Json& parts, std::size_t text_max) {
  std::string inside;
  for (const Json& part : parts) {
    if (!inside.empty()) inside += ", ";
    inside +=
        call_line(part.value("name", std::string()), part.value("arguments", Json()), text_max);
  }
  return inside;
}

}  // namespace

std::string call_line(std::string_view command, const Json& arguments, std::size_t text_max) {
  if (command == Together::kName && arguments.is_object()) {
    return visible_line(command) + "(" +
           calls_inside(arguments.value("parts", Json::array()), text_max) + ")";
  }
  std::string inside;
  for (const std::string_view name : argument_names(command)) {
    const auto found = arguments.find(name);
    if (found == arguments.end() || found->is_null()) continue;
    if (found->is_structured() && found->empty()) continue;
    if (!inside.empty()) inside += ", ";
    inside += std::string(name) + "=" + value_text(*found, text_max);
  }
  return visible_line(command) + "(" + inside + ")";
}

std::string call_result(const Result<Reply>& outcome, std::size_t text_max) {
  const auto cut = [&](const std::string& words) {
    const std::string line = visible_line(words);
    return text_max == 0 ? line : shortened(line, std::max(text_max, kLineBytesMax));
  };
  if (outcome) return cut(in_words(*outcome));
  return "-1 " + std::string(to_string(outcome.error().code)) + " (" +
         cut(outcome.error().message) + ")";
}

std::string quoted_word(const std::string& word) {
  if (plain(word)) return word;
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string in_seconds(Milliseconds time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f s", static_cast<double>(time.count()) / 1000);
  return text.data();
}

std::string command_line(const TaskCommand& command) {
  return shortened(visible_line(in_words(command)), kLineBytesMax);
}

std::string command_line(const TaskCommand& command, const Facts& facts) {
  if (!std::holds_alternative<AwaitDraftOpen>(command) || !facts.copy) return command_line(command);
  return command_line(command) + ": " + in_words(*facts.copy);
}

std::string approval_card(const TaskCommand& command, const Facts& facts) {
  if (const auto* process = std::get_if<AwaitProcess>(&command)) {
    return program_card(*process, facts);
  }
  if (const auto* request = std::get_if<AwaitHttp>(&command)) return request_card(*request, facts);
  if (const auto* write = std::get_if<AwaitFileWrite>(&command)) {
    return change_card(facts.object_sha256.empty() ? "create" : "replace", write->path, facts);
  }
  if (const auto* edit = std::get_if<AwaitFileEdit>(&command)) {
    return change_card("edit", edit->path, facts);
  }
  if (const auto* trust = std::get_if<AwaitToolTrust>(&command)) return trust_card(*trust, facts);
  if (const auto* tool = std::get_if<AwaitTool>(&command)) return tool_card(*tool, facts);
  if (std::holds_alternative<AwaitDraftOpen>(command)) return draft_card(facts);
  if (const auto* accept = std::get_if<AwaitDraftAccept>(&command)) {
    return accept_card(*accept, facts);
  }
  if (changes_several(command)) return several_card(command, facts);
  if (runs_git(command)) return git_card(command, facts);
  if (const auto* question = std::get_if<AwaitUserApproval>(&command)) {
    std::string card = "the task asks for approval\n" + quoted_lines(question->question);
    if (!question->preview.empty()) card += "it shows\n" + quoted_lines(question->preview);
    return card;
  }
  if (const auto* question = std::get_if<AwaitUserAnswer>(&command)) {
    std::string card = "the task asks\n" + quoted_lines(question->question);
    for (const std::string& choice : question->choices) {
      card += "  - " + visible_line(choice) + "\n";
    }
    return card;
  }
  std::string reader;
  if (std::holds_alternative<AwaitLLMResponse>(command) && !facts.object.empty()) {
    reader = "  read by  " + visible_line(facts.object) + "\n";
  }
  return visible_line(in_words(command)) + "\n" + reader +
         visible_text(pretty_json(arguments_json(command))) + "\n";
}

std::string doubt_line(const TaskCommand& command) {
  return "did this happen? " + command_line(command);
}

/// Our words come first: none of what follows them can pass for one of ours.
std::string doubt_card(const TaskCommand& command, const Facts& facts, const Doubt& doubt) {
  const bool can_be_stated = std::holds_alternative<AwaitProcess>(command);
  return "nobody can tell whether this happened\n"
         "  started    " +
         rfc3339(doubt.started) +
         "\n"
         "  happened   it did: the task is told so, " +
         (can_be_stated ? "and what it wrote if you say that (resolve --result)"
                        : "its result is not known") +
         "\n"
         "  run again  it is started once more\n"
         "  abort      it stays as it is: the task is told that nobody knows\n"
         "what was found\n" +
         quoted_lines(doubt.evidence) + "what was started\n" + approval_card(command, facts);
}

std::string outcome_line(const Result<Reply>& outcome) {
  if (outcome) return shortened(visible_line(in_words(*outcome)), kLineBytesMax);
  const std::size_t changed = changes_in(outcome).size();
  return shortened(visible_line(std::string(to_string(outcome.error().code)) +
                                (changed == 0 ? "" : ", " + changed_in_words(changed, 0)) + ": " +
                                outcome.error().message),
                   kLineBytesMax);
}

}  // namespace tinkerbell

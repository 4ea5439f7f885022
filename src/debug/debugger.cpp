#include "tinkerbell/debug/debugger.hpp"

#include "tinkerbell/base/source_path.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/render.hpp"
#include "tinkerbell/workspace/diff.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace tinkerbell {

namespace {

/// Of texts in `show`; `call` cuts nothing.
constexpr std::size_t kShownTextMax = 160;
constexpr std::size_t kShownCallMax = 2'000;

std::string name_of_task(TaskId task) {
  return "task " + std::to_string(number(task));
}

std::string step_name(Seq seq) {
  return "step " + std::to_string(number(seq));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// Each line of a text from others, behind a mark, so that none passes for one of ours.
std::string quoted_lines(std::string_view text) {
  std::string lines;
  std::string shown = visible_text(text);
  if (shown.ends_with('\n')) shown.pop_back();
  for (std::size_t begin = 0; begin <= shown.size();) {
    const std::size_t end = std::min(shown.find('\n', begin), shown.size());
    lines += "  | " + shown.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return lines;
}

/// Of a model call without what `messages` tells, and without the tools, which are long.
Json shown_arguments(const TaskCommand& command) {
  Json arguments = arguments_json(command);
  if (std::holds_alternative<AwaitLLMResponse>(command)) {
    arguments.erase("messages");
    arguments.erase("tools");
  }
  return arguments;
}

std::string call_text(const ToolCall& call) {
  return "  calls " + visible_line(call.name) + " with\n" + quoted_lines(call.arguments);
}

std::string message_text(const Message& message) {
  std::string text = std::string(name_of(message.role));
  if (!message.tool_call_id.empty()) text += " (" + visible_line(message.tool_call_id) + ")";
  text += "\n";
  if (!message.text.empty()) text += quoted_lines(message.text);
  for (const ToolCall& call : message.tool_calls)
    text += call_text(call);
  return text;
}

std::string state_text(const std::optional<FileState>& state) {
  if (!state) return "nothing";
  return std::string(name_of(state->type)) + " of " + std::to_string(state->bytes) + " bytes";
}

/// What a file command made, where the journal has only what it was made from.
std::optional<std::string> made_by(const ReplayedStep& step) {
  if (const auto* const write = std::get_if<AwaitFileWrite>(&step.command)) return write->content;
  const auto* const edit = std::get_if<AwaitFileEdit>(&step.command);
  if (edit == nullptr || !step.pre_image) return std::nullopt;
  std::string content = step.pre_image->content;
  const std::size_t at = content.find(edit->old_text);
  if (at == std::string::npos) return std::nullopt;
  return content.replace(at, edit->old_text.size(), edit->new_text);
}

}  // namespace

Debugger::Debugger(const Core& core, const Registry& registry, std::ostream& out)
    : core_(core), registry_(registry), out_(out) {
  for (const CoreContent& content : core_.contents)
    contents_.insert_or_assign(Sha256::from_hex(content.sha256), content.content);
}

// ---- going through it ----

Result<void> Debugger::choose(TaskId task) {
  const auto found = std::ranges::find(core_.tasks, task, &CoreTask::task);
  if (found == core_.tasks.end()) {
    return Error{Errc::not_found, name_of_task(task) + " is not in this core"};
  }
  Result<RecordedTask> recorded = recorded_task(*found);
  if (!recorded) return recorded.error();
  recorded_ = *std::move(recorded);
  newest_ = Seq{0};
  for (const Record& record : recorded_.records)
    newest_ = std::max(newest_, record.seq);
  if (Result<void> begun = rewind(); !begun) return begun;
  (void)advance();
  return {};
}

/// To before its first step.
Result<void> Debugger::rewind() {
  Result<std::unique_ptr<OfflineReplay>> replay =
      OfflineReplay::begin(registry_, recorded_, ReplayFrom::beginning);
  if (!replay) return replay.error();
  replay_ = *std::move(replay);
  here_.reset();
  messages_.reset();
  return {};
}

/// To the next step; false: there is none.
bool Debugger::advance() {
  if (here_ && here_->outcome && messages_ && messages_->asked_at == here_->seq) {
    const Result<Reply>& outcome = *here_->outcome;
    messages_->answer =
        outcome ? Result<AwaitLLMResponse::Reply>(std::get<AwaitLLMResponse::Reply>(*outcome))
                : Result<AwaitLLMResponse::Reply>(outcome.error());
  }
  here_.reset();
  const bool there = replay_->next();
  if (Result<ReplayedStep> step = replay_->step()) {
    here_ = *std::move(step);
    take_contents_of(*here_);
    if (const auto* const call = std::get_if<AwaitLLMResponse>(&here_->command)) {
      messages_ = Messages{.asked_at = here_->seq, .conversation = call->messages, .answer = {}};
    }
  } else if (there) {
    out_ << step_name(Seq{static_cast<std::uint32_t>(replay_->steps())}) << ": "
         << visible_line(step.error().message) << "\n";
  }
  return there;
}

Result<void> Debugger::go_to(Seq step) {
  const bool is_ahead = here_ && here_->seq <= step;
  if (!is_ahead) {
    if (Result<void> begun = rewind(); !begun) return begun;
  }
  while (!replay_->end() && (!here_ || here_->seq < step))
    (void)advance();
  const std::optional<ReplayEnd>& end = replay_->end();
  const bool diverged = end && end->kind == ReplayEnd::Kind::diverged;
  if (!diverged && here_ && here_->seq == step) return {};
  return Error{diverged ? Errc::diverged : Errc::not_found,
               name_of_task(recorded_.task) + " does not come to " + step_name(step) +
                   (diverged ? " as it did then" : "")};
}

bool Debugger::stops_here() const {
  return here_ && std::ranges::any_of(breakpoints_, [this](const Breakpoint& breakpoint) {
           return stops_before(breakpoint, here_->command, here_->facts);
         });
}

// ---- what people type ----

struct Debugger::Verb {
  std::string_view name;
  std::string_view words;
  std::string_view purpose;
  void (Debugger::*act)(std::string_view words);
};

const std::vector<Debugger::Verb>& Debugger::verbs() {
  static const std::vector<Verb> kVerbs = {
      {"step", "[N]", "go on to the next step, or by N", &Debugger::take_steps},
      {"back", "[N]", "go back to the step before, or by N", &Debugger::take_steps_back},
      {"continue", "", "go on to the next breakpoint, or to the end", &Debugger::go_on},
      {"goto", "N", "go to step N", &Debugger::go_to_step},
      {"break", "[PATTERN]", "stop before commands like this; list what is set",
       &Debugger::add_breakpoint},
      {"clear", "[N]", "take a breakpoint away, or all", &Debugger::clear_breakpoints},
      {"steps", "", "list all steps, by their records", &Debugger::print_steps},
      {"show", "", "what it asks for here, what it is told, and where it waits",
       &Debugger::print_state},
      {"call", "", "the same with whole arguments and the whole answer", &Debugger::print_call},
      {"messages", "", "the conversation with the model up to here", &Debugger::print_messages},
      {"diff", "", "what this step changed in files", &Debugger::print_diff},
      {"task", "[ID]", "go to another task of the family; list them", &Debugger::change_task},
      {"help", "", "this", &Debugger::print_help},
      {"quit", "", "leave", nullptr},
  };
  return kVerbs;
}

bool Debugger::obey(std::string_view line) {
  line = trimmed(line);
  if (line.empty()) return true;
  const std::string_view name = line.substr(0, line.find_first_of(" \t"));
  const std::string_view words = trimmed(line.substr(name.size()));
  const Verb* meant = nullptr;
  for (const Verb& verb : verbs()) {
    if (verb.name == name) {
      meant = &verb;
      break;
    }
    // "s" is the first that begins so: step.
    if (meant == nullptr && verb.name.starts_with(name)) meant = &verb;
  }
  if (meant == nullptr) {
    out_ << "there is no \"" << visible_line(name) << "\": try help\n";
    return true;
  }
  if (meant->act == nullptr) return false;
  (this->*meant->act)(words);
  return true;
}

/// An absent number stays as it is. False: it is none, which was said.
bool Debugger::take_number(std::string_view word, std::uint64_t& number) {
  if (word.empty()) return true;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), number);
  const bool good = failed == std::errc() && end == word.data() + word.size() && number > 0;
  if (!good) out_ << "\"" << visible_line(word) << "\" is no number from 1 on\n";
  return good;
}

void Debugger::take_steps(std::string_view words) {
  std::uint64_t count = 1;
  if (!take_number(words, count)) return;
  while (count-- > 0 && advance()) {
  }
  print_where();
}

void Debugger::take_steps_back(std::string_view words) {
  std::uint64_t count = 1;
  if (!take_number(words, count)) return;
  const std::uint64_t now = here_ ? number(here_->seq) : replay_->steps() + 1;
  if (count >= now) count = now > 1 ? now - 1 : 0;
  const Result<void> gone = go_to(Seq{static_cast<std::uint32_t>(now - count)});
  if (!gone) out_ << visible_line(gone.error().message) << "\n";
  print_where();
}

void Debugger::go_on(std::string_view /*words*/) {
  while (advance() && !stops_here()) {
  }
  print_where();
}

void Debugger::go_to_step(std::string_view words) {
  std::uint64_t step = 0;
  if (!take_number(words, step)) return;
  if (step == 0) {
    out_ << "goto N: which step?\n";
    return;
  }
  const auto wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(step, UINT32_MAX));
  if (const Result<void> gone = go_to(Seq{wanted}); !gone) {
    out_ << visible_line(gone.error().message) << "\n";
  }
  print_where();
}

void Debugger::add_breakpoint(std::string_view words) {
  if (!words.empty()) {
    Result<Breakpoint> breakpoint = breakpoint_from(words);
    if (!breakpoint) {
      out_ << visible_line(breakpoint.error().message) << "\n";
      return;
    }
    breakpoints_.push_back(*std::move(breakpoint));
  }
  if (breakpoints_.empty()) out_ << "there are no breakpoints\n";
  for (std::size_t i = 0; i < breakpoints_.size(); ++i)
    out_ << i + 1 << "  " << visible_line(breakpoints_[i].pattern) << "\n";
}

void Debugger::clear_breakpoints(std::string_view words) {
  std::uint64_t which = 0;
  if (!take_number(words, which)) return;
  if (which > breakpoints_.size()) {
    out_ << "there is no breakpoint " << which << "\n";
  } else if (which == 0) {
    breakpoints_.clear();
  } else {
    breakpoints_.erase(breakpoints_.begin() + static_cast<std::ptrdiff_t>(which - 1));
  }
}

void Debugger::change_task(std::string_view words) {
  std::uint64_t id = 0;
  if (!take_number(words, id)) return;
  if (id == 0) {
    for (const CoreTask& task : core_.tasks)
      out_ << (task.task == recorded_.task ? "* " : "  ") << number(task.task) << "\n";
    return;
  }
  const TaskId before = recorded_.task;
  if (const Result<void> chosen = choose(TaskId{id}); !chosen) {
    out_ << visible_line(chosen.error().message) << "\n";
    (void)choose(before);
  }
  print_where();
}

// ---- what is shown ----

void Debugger::greet() {
  const TaskPayload& task = replay_->task();
  out_ << name_of_task(recorded_.task) << " (" << visible_line(task.kind)
       << "): " << visible_line(task.title) << "\n"
       << "taken " << rfc3339(wall_from_unix_nanoseconds(core_.taken_unix_ns)) << " by tinkerbelld "
       << visible_line(core_.version) << "; tasks in it: " << core_.tasks.size() << "\n";
  for (const std::string& each : core_.left_out)
    out_ << "not in it: " << visible_line(each) << "\n";
  if (core_.masked > 0) {
    out_ << "secrets are masked in " << core_.masked << " records and contents";
    if (recorded_.masked_from) {
      out_ << "; from record " << number(*recorded_.masked_from)
           << " on this task is told other texts than then, and commands are compared by name";
    }
    out_ << "\n";
  }
  print_where();
}

void Debugger::show_all() {
  print_state({});
  print_messages({});
  print_diff({});
}

void Debugger::print_where() {
  const std::optional<ReplayEnd>& end = replay_->end();
  if (here_ && !end) {
    out_ << step_name(here_->seq) << " of " << number(newest_) << ": "
         << command_line(here_->command) << "\n";
  } else if (!end) {
    out_ << "before its first step\n";
  } else if (end->kind == ReplayEnd::Kind::diverged) {
    const std::string where = end->at == Seq{0} ? "at its end" : "at " + step_name(end->at);
    out_ << "DIFFERS " << where << "\n  recorded  " << visible_line(end->recorded)
         << "\n  now       " << visible_line(end->found) << "\n";
  } else if (end->kind == ReplayEnd::Kind::open) {
    out_ << "the records end here";
    if (!end->found.empty()) out_ << ", at: " << visible_line(end->found);
    out_ << "\n";
  } else {
    out_ << "as it was: " << visible_line(end->found) << "\n";
  }
}

void Debugger::print_steps(std::string_view /*words*/) {
  std::optional<TaskCommand> asked;
  Seq seq{0};
  for (const Record& record : recorded_.records) {
    if (record.kind == RecordKind::intent && record.seq != seq) {
      const Result<IntentPayload> intent = from_canonical<IntentPayload>(record.payload);
      if (!intent) continue;
      seq = record.seq;
      asked.reset();
      if (Result<TaskCommand> command =
              command_from_canonical(intent->command, intent->arguments.bytes)) {
        asked = *std::move(command);
      }
      const bool here = here_ && here_->seq == seq;
      out_ << (here ? "* " : "  ") << number(seq) << "  " << visible_line(intent->line) << "\n";
    } else if (record.kind == RecordKind::result && asked) {
      const Result<Result<Reply>> outcome = outcome_from_canonical(*asked, record.payload);
      if (outcome) out_ << "       " << outcome_line(*outcome) << "\n";
    }
  }
}

void Debugger::print_state(std::string_view /*words*/) {
  print_where();
  if (!here_) return;
  const ReplayedStep& step = *here_;
  out_ << "call     "
       << shortened(call_line(name_of(step.command), shown_arguments(step.command), kShownTextMax),
                    kShownCallMax)
       << "\n";
  if (!step.verdict.rule.empty()) {
    out_ << "verdict  " << name_of(step.verdict.decision) << " (" << visible_line(step.verdict.rule)
         << ")\n";
  }
  out_ << "answer   "
       << (step.outcome ? outcome_line(*step.outcome) : std::string("none: it was under way"))
       << "\n";
  for (const std::source_location& call : replay_->calls()) {
    out_ << "waits at " << source_path(call.file_name()) << ":" << call.line() << "  "
         << short_function(call.function_name()) << "\n";
  }
}

void Debugger::print_call(std::string_view /*words*/) {
  if (!here_) return print_where();
  out_ << call_line(name_of(here_->command), arguments_json(here_->command), 0) << "\n";
  if (!here_->outcome) return;
  const Result<Reply>& outcome = *here_->outcome;
  out_ << "answer\n"
       << quoted_lines(outcome ? pretty_json(reply_json(*outcome))
                               : std::string(to_string(outcome.error().code)) + ": " +
                                     outcome.error().message);
}

void Debugger::print_messages(std::string_view /*words*/) {
  if (!messages_) {
    out_ << "no model was asked up to here\n";
    return;
  }
  for (std::size_t i = 0; i < messages_->conversation.size(); ++i)
    out_ << message_text(messages_->conversation.at(i));
  if (!messages_->answer) return;
  if (!*messages_->answer) {
    out_ << "no answer: " << visible_line(messages_->answer->error().message) << "\n";
    return;
  }
  const AwaitLLMResponse::Reply& reply = **messages_->answer;
  out_ << message_text(
      {.role = Role::assistant, .text = reply.text, .tool_calls = reply.tool_calls});
}

void Debugger::print_diff(std::string_view /*words*/) {
  if (!here_) return print_where();
  const std::string& before = here_->facts.diff;
  const bool done = here_->outcome && *here_->outcome;
  if (!done && !before.empty()) out_ << "not made; what it asked for:\n";
  if (!before.empty()) out_ << visible_text(before);
  const std::span<const FileChange> changes =
      done ? changes_in(**here_->outcome) : std::span<const FileChange>();
  // The diff that a person was asked about shows a change of one file as it is.
  for (const FileChange& change : changes)
    print_change(change, !before.empty() && change.path == here_->facts.object);
  if (before.empty() && changes.empty()) out_ << "it changed no file, as far as is known\n";
}

void Debugger::print_change(const FileChange& change, bool shown) {
  out_ << visible_line(change.path) << ": " << state_text(change.before) << " -> "
       << state_text(change.after) << "\n";
  if (shown) return;
  const std::optional<std::string_view> before = content_of(change.before);
  const std::optional<std::string_view> after = content_of(change.after);
  const bool known = before.has_value() == change.before.has_value() &&
                     after.has_value() == change.after.has_value();
  if (known) {
    out_ << visible_text(unified_diff(visible_line(change.path), before, after));
  } else {
    out_ << "  its contents are not in the core\n";
  }
}

/// Nothing: there is none, or it is not known.
std::optional<std::string_view> Debugger::content_of(const std::optional<FileState>& state) const {
  if (!state) return std::nullopt;
  if (state->type == FileType::directory) return std::string_view();
  const auto found = contents_.find(state->content);
  return found == contents_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

/// What stands in records is not among the contents of the core.
void Debugger::take_contents_of(const ReplayedStep& step) {
  if (step.pre_image) {
    contents_.try_emplace(sha256(step.pre_image->content), step.pre_image->content);
  }
  if (std::optional<std::string> made = made_by(step)) {
    contents_.try_emplace(Sha256::from_hex(step.facts.result_sha256), *std::move(made));
  }
}

void Debugger::print_help(std::string_view /*words*/) {
  for (const Verb& verb : verbs()) {
    std::string line =
        std::string(verb.name) + (verb.words.empty() ? "" : " ") + std::string(verb.words);
    line.resize(std::max<std::size_t>(line.size(), 16), ' ');
    out_ << line << "  " << verb.purpose << "\n";
  }
  out_ << "the beginning of a name will do\n";
}

}  // namespace tinkerbell

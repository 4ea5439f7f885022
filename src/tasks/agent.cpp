#include "tinkerbell/tasks/agent.hpp"

#include "tasks/agent_definition.hpp"
#include "tasks/agent_state.hpp"
#include "tasks/compaction.hpp"
#include "tasks/essentials.hpp"
#include "tasks/failures.hpp"
#include "tasks/git_work.hpp"
#include "tasks/guidance.hpp"
#include "tasks/hand_over.hpp"
#include "tasks/server_tools.hpp"
#include "tasks/subtasks.hpp"

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/command/render.hpp"
#include "tinkerbell/tools/catalogue.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <variant>
#include <vector>

namespace tinkerbell {

namespace {

constexpr std::size_t kRefusalBytesMax = 400;
constexpr std::size_t kOutputNameShown = 64;

/// An agent notes its state also when it has said so much since it did so last.
constexpr std::size_t kCheckpointBytes = std::size_t{4} << 20;

/// Of what stands in place of the older part of a conversation.
constexpr std::size_t kSummaryBytesMin = 1 << 10;
constexpr std::size_t kSummaryBytesMax = 8 << 10;

/// Of a command: it was asked, released, and is over.
constexpr std::uint32_t kRecordsPerCommand = 3;

/// A model that did not come to its end has neither answered nor called anything.
Error no_answer(const AwaitLLMResponse::Reply& reply) {
  const std::string said =
      reply.text.empty() ? "" : ": " + shortened(visible_line(reply.text), kRefusalBytesMax);
  if (reply.finish == FinishReason::refusal) return {Errc::denied, "the model refused" + said};
  return {Errc::protocol, "the model broke off" + said};
}

/// Of a call that is one too many in its answer.
Error too_many_calls(std::uint32_t calls_max) {
  return {Errc::exhausted, "not performed: an answer may have " + std::to_string(calls_max) +
                               " calls. Make it again if it is still needed."};
}

/// What a program took. All else that a tool does is either quick or a wait.
Milliseconds time_of(const Result<Reply>& outcome) {
  const auto* const program = outcome ? std::get_if<AwaitProcess::Reply>(&*outcome) : nullptr;
  return program == nullptr ? Milliseconds{0} : program->duration;
}

/// As a part of Together: all of its kind only read, and not in what is the task's own.
bool may_go_together(const TaskCommand& command) {
  return std::visit(
      []<class C>(const C&) { return PureCommand<C> && !std::same_as<C, UpdatePlan>; }, command);
}

/// One agent at work. Lives in the frame of run_agent; everything that it learns comes from
/// replies.
class Agent {
 public:
  Agent(AgentDefinition definition, const TaskStart& start)
      : definition_(std::move(definition)),
        goal_(start.arguments.value("goal", std::string())),
        has_draft_(start.draft != kNoTask && start.draft == start.task),
        makes_draft_(has_draft_ && !start.draft_is_made) {}

  Task<Result<Json>> run();

  /// Takes up what an earlier run noted.
  void resume(AgentState state);

 private:
  /// What was written since the state was noted.
  struct Written {
    std::uint32_t records = 0;
    std::size_t bytes = 0;
  };

  Task<Result<void>> begin();
  Task<Result<void>> begin_git();
  Task<void> checkpoint();
  Task<Result<bool>> compact();
  Task<Result<std::string>> summary_of(Span turns);
  Task<std::string> hear();
  Task<Result<AwaitLLMResponse::Reply>> ask_model();
  Task<Result<void>> answer_all(std::vector<ToolCall> calls);
  Task<Result<void>> ask_where_it_gets_nowhere(std::optional<Error> malformed);
  Task<std::string> perform(TaskCommand command);
  Task<std::string> answer_to(ToolRequest request);
  Task<std::string> commit_files(CommitFiles wanted);
  Task<std::vector<std::string>> perform_at_once(std::vector<TaskCommand> commands);
  [[nodiscard]] std::vector<TaskCommand> reads_from(std::span<const ToolCall> calls,
                                                    std::size_t first) const;
  [[nodiscard]] Result<std::string> output_named(const std::string& name) const;
  [[nodiscard]] Result<TaskCommand> command_for(const ToolRequest& request) const;
  std::string told_of(const TaskCommand& command, const Result<Reply>& outcome);
  Task<std::string> begin_subtask(StartTask wanted);
  Task<std::string> wait(WaitFor wanted);
  Task<Result<void>> ask_whether_to_go_on(std::string trouble);
  Task<Result<void>> end_with(std::string words);
  Task<Result<void>> finish(Json result);
  Task<Result<void>> offer_draft(Json& result);
  Task<Result<void>> gather_its_commits(Json& result);

  void add(Message message);
  void state_is_noted();
  void count(const AwaitLLMResponse::Reply& reply);
  [[nodiscard]] bool is_full() const;
  [[nodiscard]] bool is_checkpoint_due() const;
  [[nodiscard]] AgentState state() const;
  [[nodiscard]] ToolList all_tools() const;

  /// Whether it may not end yet: what its tasks do is part of its work.
  [[nodiscard]] bool has_to_hear_of_subtasks() const {
    return !subtasks_.empty() && !told_of_subtasks_ && steps_left();
  }

  [[nodiscard]] bool steps_left() const { return steps_ < definition_.steps_max; }

  AgentDefinition definition_;
  std::string goal_;
  bool has_draft_;    ///< Of its own.
  bool makes_draft_;  ///< First of all.
  Conversation conversation_;
  std::size_t conversation_bytes_ = 0;
  std::uint32_t steps_ = 0;
  Milliseconds worked_{0};  ///< That model calls and programs took. What it waited for, a person, a
                            ///< budget, a service that is down, its turn, is not in it.
  std::uint32_t bad_answers_ = 0;  ///< In a row, up to the newest.
  Written written_;
  std::size_t noted_bytes_ = 0;  ///< Of the conversation in the state that was noted last.
  WorkReport report_;
  Failures failures_;
  Essentials essentials_;
  std::uint64_t tokens_ = 0;           ///< That the model counted when it was last asked,
  std::uint64_t tokens_of_bytes_ = 0;  ///< of so many bytes of the conversation.
  std::vector<ServerTool> server_tools_;
  ToolList offered_;                  ///< To the model: its own, and those of servers.
  std::vector<std::string> outputs_;  ///< The hashes of those that it was told the ends of.
  std::vector<TaskId> subtasks_;      ///< That it has started and not seen end.
  bool told_of_subtasks_ = false;     ///< Its model, when it wanted to finish before them.
  std::optional<GitPlace> git_;       ///< Where its commits go; nothing: nowhere.
  std::optional<Json> result_;        ///< What it ends with.
  std::string objection_;             ///< Why it does not: what a person says about its draft.
};

Task<Result<Json>> Agent::run() {
  if (conversation_.empty()) {
    if (const Result<void> begun = co_await begin(); !begun) co_return begun.error();
  }
  offered_ = all_tools();
  while (steps_left()) {
    if (std::string words = co_await hear(); !words.empty()) {
      add({.role = Role::user, .text = std::move(words)});
    }
    if (is_full()) {
      const Result<bool> shorter = co_await compact();
      if (!shorter) co_return shorter.error();
      if (*shorter) continue;  // the summary was a step
    }
    if (is_checkpoint_due()) co_await checkpoint();
    const Result<AwaitLLMResponse::Reply> reply = co_await ask_model();
    if (!reply && reply.error().code == Errc::too_large) {
      const Result<bool> shorter = co_await compact();
      if (!shorter) co_return shorter.error();
      if (*shorter) continue;  // and ask again
    }
    if (!reply) co_return reply.error().with("ask the model");
    // One that does not say what it took is of a time when calendar time counted: it ended nothing
    // then by what is counted now, and must not in replay.
    if (reply->took && worked_ >= definition_.time_max) {
      co_return Error{Errc::exhausted, "the time limit is used up"};
    }
    if (reply->finish == FinishReason::length) {
      add({.role = Role::user,
           .text = "Your answer was cut off at its length limit. Go on in smaller steps."});
      continue;
    }
    if (reply->finish == FinishReason::pause) continue;
    if (reply->finish == FinishReason::refusal || reply->finish == FinishReason::other) {
      co_return no_answer(*reply);
    }
    if (reply->tool_calls.empty()) {
      const Result<void> heard = co_await end_with(reply->text);
      if (!heard) co_return heard.error();
      if (result_) co_return *result_;
      continue;
    }
    const Result<void> answered = co_await answer_all(reply->tool_calls);
    if (!answered) co_return answered.error();
    if (result_) co_return *result_;
  }
  co_return Error{Errc::exhausted,
                  "the limit of " + std::to_string(definition_.steps_max) + " steps is used up"};
}

void Agent::add(Message message) {
  conversation_bytes_ += bytes_of(message);
  written_.bytes += bytes_of(message);
  conversation_.add(std::move(message));
}

/// A state repeats the conversation. So that all states together are no longer than a multiple of
/// it, the next one is noted only when as much was said as the last one holds.
bool Agent::is_checkpoint_due() const {
  if (!definition_.checkpoint_records) return false;
  const bool enough =
      written_.records >= *definition_.checkpoint_records || written_.bytes >= kCheckpointBytes;
  return enough && written_.bytes >= noted_bytes_;
}

AgentState Agent::state() const {
  AgentState state{.messages = {},
                   .steps = steps_,
                   .worked = worked_,
                   .bad_answers = bad_answers_,
                   .programs = report_.programs(),
                   .failures = failures_.all(),
                   .essentials = essentials_,
                   .tokens = tokens_,
                   .tokens_of_bytes = tokens_of_bytes_,
                   .outputs = outputs_,
                   .server_tools = server_tools_,
                   .subtasks = subtasks_,
                   .told_of_subtasks = told_of_subtasks_,
                   .git = git_};
  for (std::size_t i = 0; i < conversation_.size(); ++i)
    state.messages.push_back(conversation_.at(i));
  return state;
}

/// What the model counted holds for what it was asked; of its answer it says so as well.
void Agent::count(const AwaitLLMResponse::Reply& reply) {
  if (!reply.usage.known) return;
  tokens_ = reply.usage.input;
  tokens_of_bytes_ = conversation_bytes_;
}

/// What came since the model last counted is estimated.
bool Agent::is_full() const {
  if (!definition_.conversation_tokens_max) return false;
  const std::uint64_t more = conversation_bytes_ - tokens_of_bytes_;
  return tokens_ + more / kBytesPerToken >= *definition_.conversation_tokens_max;
}

/// Leaves out the older part of the conversation, and notes that. False: it is as short as it gets.
/// Errors: cancelled.
Task<Result<bool>> Agent::compact() {
  if (!definition_.conversation_tokens_max) co_return false;
  const std::size_t room = std::size_t{*definition_.conversation_tokens_max} * kBytesPerToken;
  const std::size_t bytes_kept = std::min(room, conversation_bytes_) / 4;
  const Span turns = turns_to_leave_out(conversation_, !essentials_.summary.empty(), bytes_kept);
  if (turns.empty()) co_return false;
  const std::size_t summary_bytes_max =
      std::clamp(conversation_bytes_ / 8, kSummaryBytesMin, kSummaryBytesMax);
  Essentials essentials = essentials_;
  essentials.summary.clear();
  const std::size_t bytes_without =
      bytes_of(compacted(conversation_, turns, essentials, bytes_kept));
  // Else it would soon be done again, and each time a model is asked.
  if (bytes_without + summary_bytes_max > conversation_bytes_ / 4 * 3) co_return false;
  const Result<std::string> summary = co_await summary_of(turns);
  if (!summary) co_return summary.error();
  essentials_.summary = shortened(*summary, summary_bytes_max);
  conversation_ = compacted(conversation_, turns, essentials_, bytes_kept);
  conversation_bytes_ = bytes_of(conversation_);
  tokens_ = 0;
  tokens_of_bytes_ = 0;
  co_await checkpoint();
  co_return true;
}

/// By the model, and where that fails without it.
Task<Result<std::string>> Agent::summary_of(Span turns) {
  const std::string& earlier = essentials_.summary;
  if (steps_left()) {
    ++steps_;
    written_.records += kRecordsPerCommand;
    const std::size_t bytes_max = *definition_.conversation_tokens_max;  // a third of the room
    const Result<AwaitLLMResponse::Reply> reply = co_await AwaitLLMResponse{
        .model = definition_.model,
        .messages = summary_question(conversation_, turns, goal_, earlier, bytes_max),
        .tools = {},
        .tokens_max = definition_.tokens_max};
    if (!reply && reply.error().code == Errc::cancelled) co_return reply.error();
    if (reply) worked_ += reply->took.value_or(Milliseconds{0});
    if (reply && reply->finish == FinishReason::stop && !reply->text.empty()) {
      co_return reply->text;
    }
  }
  co_return summary_without_model(conversation_, turns, earlier);
}

/// Where a state cannot be noted the agent goes on without, and tries again later.
Task<void> Agent::checkpoint() {
  (void)co_await Checkpoint{.state = to_json_value(state())};
  state_is_noted();
}

void Agent::state_is_noted() {
  written_ = {};
  noted_bytes_ = conversation_bytes_;
}

void Agent::resume(AgentState state) {
  steps_ = state.steps;
  worked_ = state.worked;
  bad_answers_ = state.bad_answers;
  report_ = WorkReport(std::move(state.programs));
  failures_ = Failures(std::move(state.failures));
  essentials_ = std::move(state.essentials);
  tokens_ = state.tokens;
  tokens_of_bytes_ = state.tokens_of_bytes;
  outputs_ = std::move(state.outputs);
  server_tools_ = std::move(state.server_tools);
  subtasks_ = std::move(state.subtasks);
  told_of_subtasks_ = state.told_of_subtasks;
  git_ = std::move(state.git);
  for (Message& message : state.messages)
    add(std::move(message));
  state_is_noted();
}

Task<Result<void>> Agent::begin() {
  if (makes_draft_) {
    const Result<AwaitDraftOpen::Reply> draft = co_await AwaitDraftOpen{};
    if (!draft) co_return draft.error().with("make a draft of the workspace");
  }
  if (definition_.git) {
    const Result<void> begun = co_await begin_git();
    if (!begun) co_return begun.error().with("make commits");
  }
  add({.role = Role::system, .text = definition_.system_prompt});
  Result<std::string> advice = std::string();
  if (definition_.reads_guidance) {
    advice = co_await guidance_for_model();
  } else {
    advice = co_await instructions_of_workspace();
  }
  if (!advice) co_return advice.error();
  Result<ServerTools> of_servers = co_await tools_of_servers(definition_.mcp_servers);
  if (!of_servers) co_return of_servers.error();
  server_tools_ = std::move(of_servers->tools);
  if (!of_servers->remarks.empty() && advice->empty()) of_servers->remarks += "Your goal:\n";
  add({.role = Role::user, .text = of_servers->remarks + *advice + goal_});
  co_return Result<void>{};
}

/// Only in a draft are its commits nobody's business before they are offered.
Task<Result<void>> Agent::begin_git() {
  if (!has_draft_) co_return Error{Errc::invalid, "it has no draft of its own"};
  Result<GitPlace> place = co_await begin_git_work(*definition_.git);
  if (!place) co_return place.error();
  git_ = *std::move(place);
  co_return Result<void>{};
}

ToolList Agent::all_tools() const {
  if (server_tools_.empty()) return definition_.tools;
  std::vector<ToolSchema> tools = definition_.tools.all();
  for (const ServerTool& tool : server_tools_)
    tools.push_back(tool.schema);
  return tools;
}

/// What its user has said meanwhile; empty: nothing.
Task<std::string> Agent::hear() {
  const Result<Hear::Reply> heard = co_await Hear{};
  std::string text;
  if (!heard) co_return text;  // it is to end
  for (const std::string& words : heard->words)
    text += (text.empty() ? "Your user says: " : "\nand: ") + words;
  if (!text.empty()) essentials_.hear(text);
  co_return text;
}

Task<Result<AwaitLLMResponse::Reply>> Agent::ask_model() {
  ++steps_;
  written_.records += kRecordsPerCommand;
  Result<AwaitLLMResponse::Reply> reply =
      co_await AwaitLLMResponse{.model = definition_.model,
                                .messages = conversation_,
                                .tools = offered_,
                                .tokens_max = definition_.tokens_max};
  if (reply) {
    worked_ += reply->took.value_or(Milliseconds{0});
    count(*reply);
    add({.role = Role::assistant,
         .text = reply->text,
         .tool_calls = reply->tool_calls,
         .kept = reply->kept});
  }
  co_return reply;
}

/// An answer without calls is the end, unless there is to be a result of another form.
Task<Result<void>> Agent::end_with(std::string words) {
  if (definition_.has_output_schema) {
    add({.role = Role::user, .text = "Go on, or end with a call of finish."});
    co_return Result<void>{};
  }
  const Result<void> offered = co_await finish(Json{{"summary", std::move(words)}});
  if (offered && !result_) add({.role = Role::user, .text = std::exchange(objection_, {})});
  co_return offered;
}

/// Ends the work, unless a person wants more of it than is in the draft, or has said something.
Task<Result<void>> Agent::finish(Json result) {
  objection_ = co_await hear();
  if (!objection_.empty()) co_return Result<void>{};
  if (has_to_hear_of_subtasks()) {
    told_of_subtasks_ = true;
    objection_ = in_words(subtasks_) +
                 " that you started: still at work. Wait for them, or end all the same: then they "
                 "are ended as well.";
    co_return Result<void>{};
  }
  co_await end_all(std::exchange(subtasks_, {}));  // before anybody looks at what is in the draft
  if (has_draft_) {
    const Result<void> offered = co_await offer_draft(result);
    if (!offered || !objection_.empty()) co_return offered;
  }
  result_ = std::move(result);
  co_return Result<void>{};
}

/// With its commits in order, if it makes some.
Task<Result<void>> Agent::offer_draft(Json& result) {
  if (git_) {
    const Result<void> gathered = co_await gather_its_commits(result);
    if (!gathered || !objection_.empty()) co_return gathered;
  }
  Result<HandOver> offered = co_await hand_over(report_.text());
  if (!offered) co_return offered.error();
  objection_ = std::move(offered->objection);
  if (!objection_.empty()) essentials_.hear(objection_);
  if (objection_.empty()) objection_ = co_await hear();
  result["draft"] = offered->note;
  if (objection_.empty() || !git_) co_return Result<void>{};
  co_return co_await go_on_after_gathering(*definition_.git, *git_);
}

/// What does not succeed is the model's to put in order.
Task<Result<void>> Agent::gather_its_commits(Json& result) {
  const Result<void> gathered = co_await gather_commits(
      *definition_.git, *git_, commit_message(goal_, result.value("summary", std::string())));
  if (!gathered && gathered.error().code == Errc::cancelled) co_return gathered.error();
  const std::string told =
      gathered ? "" : "its commits cannot be gathered: " + gathered.error().message;
  failures_.add(
      AwaitGitAdd{},
      gathered ? Result<Reply>(Reply(AwaitGitAdd::Reply{})) : Result<Reply>(gathered.error()),
      told);
  if (!gathered) objection_ = told;
  result["branch"] = branch_after_gathering(*definition_.git, *git_);
  co_return Result<void>{};
}

/// Performs the calls of an answer, up to one of finish, and tells the model of each: reads that
/// follow one another at once, all else in its order.
Task<Result<void>> Agent::answer_all(std::vector<ToolCall> calls) {
  std::optional<Error> malformed;
  bool any_is_one = false;
  const std::size_t performed = std::min<std::size_t>(
      calls.size(), definition_.calls_max.value_or(std::numeric_limits<std::uint32_t>::max()));
  for (std::size_t next = 0; next < calls.size();) {
    std::vector<TaskCommand> reads = reads_from(std::span(calls).first(performed), next);
    if (reads.size() > 1) {
      any_is_one = true;
      std::vector<std::string> texts = co_await perform_at_once(std::move(reads));
      for (std::string& text : texts)
        add({.role = Role::tool, .text = std::move(text), .tool_call_id = calls[next++].id});
      continue;
    }
    Result<ToolRequest> request =
        next < performed ? parse_tool_call(calls[next], definition_.tools, server_tools_)
                         : too_many_calls(*definition_.calls_max);
    const ToolCall& call = calls[next++];
    std::string text;
    if (!request) {
      text = "error: " + request.error().message;
      if (!malformed) malformed = request.error();
    } else if (const auto* end = std::get_if<Finish>(&*request)) {
      const Result<void> offered = co_await finish(
          definition_.has_output_schema ? Json{{"output", end->result}} : end->result);
      if (!offered || result_) co_return offered;
      any_is_one = true;
      text = "error: " + std::exchange(objection_, {});
    } else {
      any_is_one = true;
      text = co_await answer_to(*std::move(request));
    }
    add({.role = Role::tool, .text = std::move(text), .tool_call_id = call.id});
  }
  bad_answers_ = any_is_one ? 0 : bad_answers_ + 1;
  co_return co_await ask_where_it_gets_nowhere(std::move(malformed));
}

/// A person decides where answer after answer has no call that is one, and where a command fails
/// again and again in the same way. The model has been told what is wrong, and goes on with it.
Task<Result<void>> Agent::ask_where_it_gets_nowhere(std::optional<Error> malformed) {
  if (definition_.bad_answers_max && bad_answers_ >= *definition_.bad_answers_max) {
    const Result<void> goes_on = co_await ask_whether_to_go_on(
        "the model keeps making calls that are none: " + malformed->message);
    bad_answers_ = 0;
    co_return goes_on;
  }
  if (!definition_.failures_max) co_return Result<void>{};
  const Failure* const failure = failures_.reached(*definition_.failures_max);
  if (failure == nullptr) co_return Result<void>{};
  const Result<void> goes_on =
      co_await ask_whether_to_go_on("the same command has failed in the same way " +
                                    std::to_string(failure->times) + " times: " + failure->line);
  failures_.forgive(*definition_.failures_max);
  co_return goes_on;
}

/// Performs what a call asks for, and returns what the model is told of that. A note is a file of
/// the workspace, which is asked about and taken over as any other.
Task<std::string> Agent::answer_to(ToolRequest request) {
  if (!steps_left()) co_return "error: the step limit is used up";
  if (auto* const start = std::get_if<StartTask>(&request)) {
    co_return co_await begin_subtask(std::move(*start));
  }
  if (auto* const wanted = std::get_if<WaitFor>(&request)) {
    co_return co_await wait(std::move(*wanted));
  }
  if (auto* const commit = std::get_if<CommitFiles>(&request)) {
    co_return co_await commit_files(std::move(*commit));
  }
  Result<TaskCommand> command = command_for(request);
  if (const auto* const note = std::get_if<Note>(&request)) {
    written_.records += 2 * kRecordsPerCommand;
    command = co_await note_file(goal_, note->text);
  }
  if (!command) co_return "error: " + command.error().message;
  ++steps_;
  co_return co_await perform(*std::move(command));
}

/// One step for the model, two for people.
Task<std::string> Agent::commit_files(CommitFiles wanted) {
  ++steps_;
  written_.records += kRecordsPerCommand;
  const TaskCommand add = AwaitGitAdd{.paths = std::move(wanted.paths)};
  const Result<Reply> staged = co_await AnyCommand{add};
  if (!staged) co_return told_of(add, staged);
  co_return co_await perform(
      AwaitGitCommit{.message = std::move(wanted.message),
                     .trailers = git_ ? GitTrailers::task : GitTrailers::none});
}

/// The commands of the calls from that one on that only read, as many as may be done at once.
std::vector<TaskCommand> Agent::reads_from(std::span<const ToolCall> calls,
                                           std::size_t first) const {
  std::vector<TaskCommand> reads;
  const std::uint32_t steps_left = definition_.steps_max - steps_;
  const std::uint32_t most = std::min(definition_.at_once_max.value_or(1), steps_left);
  for (std::size_t i = first; i < calls.size() && reads.size() < most; ++i) {
    const Result<ToolRequest> request = parse_tool_call(calls[i], definition_.tools, server_tools_);
    if (!request) break;
    Result<TaskCommand> command = command_for(*request);
    if (!command || !may_go_together(*command)) break;
    reads.push_back(*std::move(command));
  }
  return reads;
}

/// Returns what the model is told of each outcome. What cannot be done with the others is done
/// alone, and all of it where a rule will not have them done at once.
Task<std::vector<std::string>> Agent::perform_at_once(std::vector<TaskCommand> commands) {
  steps_ += static_cast<std::uint32_t>(commands.size());
  written_.records += kRecordsPerCommand;
  Together together;
  for (const TaskCommand& command : commands)
    together.parts.push_back({std::string(name_of(command)), arguments_json(command)});
  const Result<Together::Reply> done = co_await Together(together);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const bool cancelled = !done && done.error().code == Errc::cancelled;
    const bool alone = done ? done->parts[i].alone : !cancelled;
    if (alone) {
      texts.push_back(co_await perform(commands[i]));
    } else if (!done) {
      texts.push_back(told_of(commands[i], done.error()));
    } else {
      texts.push_back(told_of(commands[i], outcome_of_part(commands[i], done->parts[i])));
    }
  }
  co_return texts;
}

/// What the task may do in steps comes out of what is left of the agent's own, and does not come
/// back: so all that come from it together take no more than it was given.
Task<std::string> Agent::begin_subtask(StartTask wanted) {
  ++steps_;
  const std::uint32_t left = definition_.steps_max - steps_;
  const std::uint32_t given = wanted.steps_max.value_or(std::max(left / 4, 1U));
  if (given > left) {
    co_return "error: exhausted: you have " + std::to_string(left) + " steps left";
  }
  Result<Spawn> spawn = spawn_for(std::move(wanted), definition_, given);
  if (!spawn) co_return "error: " + spawn.error().message;
  written_.records += kRecordsPerCommand;
  const TaskCommand command = *std::move(spawn);
  const Result<Reply> outcome = co_await AnyCommand{command};
  if (!outcome) {
    std::string told = result_text(command, outcome);
    failures_.add(command, outcome, told);
    co_return told;
  }
  steps_ += given;
  told_of_subtasks_ = false;
  subtasks_.push_back(std::get<Spawn::Reply>(*outcome).task);
  co_return "started task " + std::to_string(number(subtasks_.back())) + " with " +
      std::to_string(given) + " of your steps";
}

Task<std::string> Agent::wait(WaitFor wanted) {
  ++steps_;
  if (wanted.tasks.empty()) wanted.tasks = subtasks_;
  if (wanted.tasks.empty() && wanted.file.empty() && !wanted.timeout) {
    co_return "error: there is nothing to wait for: you have started no task";
  }
  written_.records += 2 * kRecordsPerCommand;
  const Waited waited = co_await wait_for(std::move(wanted));
  for (const TaskId task : waited.ended)
    std::erase(subtasks_, task);
  co_return waited.told;
}

/// Returns what the model is told of the outcome.
Task<std::string> Agent::perform(TaskCommand command) {
  written_.records += kRecordsPerCommand;
  Result<Reply> outcome = Error{};
  if (const auto* const tool = std::get_if<AwaitTool>(&command)) {
    outcome = co_await call_server_tool(*tool);
  } else {
    outcome = co_await AnyCommand{command};
  }
  worked_ += time_of(outcome);
  if (has_draft_) report_.add(command, outcome);
  std::string told = told_of(command, outcome);
  if (git_ && has_work_to_commit(command, outcome)) {
    written_.records += 2 * kRecordsPerCommand;
    // What cannot be committed now is so with what comes, or at the end.
    (void)co_await commit_step(command_line(command));
  }
  co_return told;
}

/// What the model is told, once the agent has learnt from it what it will need.
std::string Agent::told_of(const TaskCommand& command, const Result<Reply>& outcome) {
  std::string told = result_text(command, outcome, definition_.told_bytes_max);
  failures_.add(command, outcome, told);
  essentials_.add(command, outcome);
  const std::string_view kept = outcome ? kept_sha256(*outcome) : std::string_view();
  if (!kept.empty()) outputs_.emplace_back(kept);
  return told;
}

/// The hash of one that it was told of itself: no other is read or saved. Errors: not_found.
Result<std::string> Agent::output_named(const std::string& name) const {
  const auto known = std::ranges::find(outputs_, name, output_name);
  if (known != outputs_.end()) return *known;
  return Error{Errc::not_found,
               "there is no output \"" + visible_line(shortened(name, kOutputNameShown)) + "\""};
}

/// Errors: not_found, invalid (the end and a note are no commands).
Result<TaskCommand> Agent::command_for(const ToolRequest& request) const {
  if (const auto* const command = std::get_if<TaskCommand>(&request)) return *command;
  if (const auto* const read = std::get_if<ReadOutput>(&request)) {
    Result<std::string> sha256 = output_named(read->output);
    if (!sha256) return sha256.error();
    return TaskCommand(AwaitContentRead{.sha256 = *std::move(sha256), .offset = read->offset});
  }
  if (const auto* const save = std::get_if<SaveOutput>(&request)) {
    Result<std::string> sha256 = output_named(save->output);
    if (!sha256) return sha256.error();
    return TaskCommand(AwaitFileSave{.path = save->path, .sha256 = *std::move(sha256)});
  }
  return Error{Errc::invalid, "no command"};
}

/// An error ends the task.
Task<Result<void>> Agent::ask_whether_to_go_on(std::string trouble) {
  written_.records += kRecordsPerCommand;
  const Result<AwaitUserApproval::Reply> decision =
      co_await AwaitUserApproval{.question = trouble + ". Let it try again?", .preview = {}};
  if (!decision) co_return decision.error();
  if (!decision->granted) {
    co_return Error{Errc::denied,
                    trouble + (decision->reason.empty() ? "" : " (" + decision->reason + ")")};
  }
  if (!decision->reason.empty()) {
    essentials_.hear("Your user says: " + decision->reason);
    add({.role = Role::user, .text = "Your user says: " + decision->reason});
  }
  co_return Result<void>{};
}

/// Agents that were started with the tools of now have one list of them together.
ToolList shared_if_usual(ToolList tools) {
  static const ToolList kUsual = agent_tools();
  return tools == kUsual ? kUsual : tools;
}

}  // namespace

Task<Result<Json>> run_agent(TaskStart start) {
  Result<AgentDefinition> definition = from_json_value<AgentDefinition>(start.definition);
  if (!definition) co_return definition.error();
  definition->tools = shared_if_usual(std::move(definition->tools));
  Agent agent(*std::move(definition), start);
  if (start.state) {
    Result<AgentState> state = from_json_value<AgentState>(*start.state);
    if (!state) co_return state.error().with("what was noted");
    agent.resume(*std::move(state));
  }
  start = {};  // all that it says is taken in, and the task may live for weeks
  co_return co_await agent.run();
}

}  // namespace tinkerbell

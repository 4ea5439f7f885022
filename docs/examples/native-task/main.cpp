// fixerd: a Tinkerbell daemon that knows one more kind of task, "fix-tests@1", and the three that
// it is made of. A tester runs the tests, an asker asks a model what to change, an editor changes
// it. They tell each other by messages, and all that they do goes the one way of a command: judged,
// approved, written down. So they are there again, where they were, after the daemon has died.

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/daemon/run.hpp"
#include "tinkerbell/kernel/calls.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace tinkerbell;

namespace {

// ---- what the tasks are started with ----

/// The arguments of fix-tests@1.
struct Job {
  std::vector<std::string> test;  ///< The program that says whether all is well, and its arguments.
  std::string file;               ///< The one that may be changed.
  std::string model = "default";
  std::uint32_t edits_max = 3;

  static constexpr auto fields() {
    return described(field("test", &Job::test), field("file", &Job::file),
                     field("model", &Job::model), field("edits_max", &Job::edits_max));
  }
};

/// The arguments of the other three.
struct Part {
  Job job;
  TaskId next = kNoTask;  ///< Whom the tester tells of a failure, and the asker of a change.

  static constexpr auto fields() {
    return described(field("job", &Part::job), field("next", &Part::next));
  }
};

// ---- what they tell each other ----

/// tester → asker → editor → tester.
struct Letter {
  TaskId tester = kNoTask;
  std::string output;  ///< Of the tests.
  std::string old_text;
  std::string new_text;
  std::string trouble;  ///< Why it went no further.

  static constexpr auto fields() {
    return described(field("tester", &Letter::tester), field("output", &Letter::output),
                     field("old_text", &Letter::old_text), field("new_text", &Letter::new_text),
                     field("trouble", &Letter::trouble));
  }
};

Task<Result<Letter>> next_letter() {
  const Result<Receive::Reply> received = co_await Receive{};
  if (!received) co_return received.error();
  co_return from_json_value<Letter>(received->message);
}

Task<Result<void>> post(TaskId to, Letter letter) {
  const Result<Send::Reply> sent = co_await Send{.task = to, .message = to_json_value(letter)};
  if (!sent) co_return sent.error();
  co_return Result<void>{};
}

// ---- the tester ----

Task<Result<Json>> test(TaskStart start) {
  const Result<Part> part = from_json_value<Part>(start.definition);
  if (!part) co_return part.error();
  for (std::uint32_t edits = 0;; ++edits) {
    const Result<AwaitProcess::Reply> run = co_await AwaitProcess{
        .argv = part->job.test, .output_bytes_max = 16 << 10};  // it has to fit into a letter
    if (!run) co_return run.error().with("test");
    if (run->exit_code == 0) co_return Json{{"edits", edits}};
    if (edits == part->job.edits_max) break;

    const Result<void> told =
        co_await post(part->next, {.tester = start.task, .output = run->output});
    if (!told) co_return told.error();
    const Result<Letter> news = co_await next_letter();
    if (!news) co_return news.error();
    if (!news->trouble.empty()) co_return Error{Errc::unavailable, news->trouble};
  }
  co_return Error{Errc::exhausted, "the tests still fail"};
}

// ---- the asker ----

ToolSchema replace_tool() {
  return {.name = "replace",
          .description = "Replaces the one place where old_text stands by new_text.",
          .parameters = {{"type", "object"},
                         {"properties",
                          {{"old_text", {{"type", "string"}}}, {"new_text", {{"type", "string"}}}}},
                         {"required", {"old_text", "new_text"}}}};
}

/// What a model would change, given the file and what the tests say of it.
Task<Result<Letter>> ask_for_change(Job job, Letter letter) {
  const Result<AwaitFileRead::Reply> file = co_await AwaitFileRead{.path = job.file};
  if (!file) co_return file.error().with("read " + job.file);
  Conversation conversation;
  conversation.add(
      {.role = Role::system, .text = "Make the tests pass by one small change. Call the tool."});
  conversation.add(
      {.role = Role::user,
       .text = "The tests say:\n" + letter.output + "\n" + job.file + " is:\n" + file->text});
  const Result<AwaitLLMResponse::Reply> reply = co_await AwaitLLMResponse{
      .model = job.model, .messages = conversation, .tools = {replace_tool()}};
  if (!reply) co_return reply.error().with("ask the model");
  if (reply->tool_calls.empty()) co_return Error{Errc::unavailable, "no change: " + reply->text};
  const Result<Json> change = parse_json(reply->tool_calls.front().arguments);
  if (!change) co_return change.error().with("read the model's change");
  Result<Letter> read = from_json_value<Letter>(*change);
  if (read) read->tester = letter.tester;
  co_return read;
}

Task<Result<Json>> ask(TaskStart start) {
  const Result<Part> part = from_json_value<Part>(start.definition);
  if (!part) co_return part.error();
  while (true) {
    const Result<Letter> letter = co_await next_letter();
    if (!letter) co_return letter.error();
    Result<Letter> change = co_await ask_for_change(part->job, *letter);
    Result<void> told = change ? co_await post(part->next, *change) : change.error();
    if (told) continue;
    told = co_await post(letter->tester, {.trouble = told.error().message});
    if (!told) co_return told.error();
  }
}

// ---- the editor ----

Task<Result<Json>> edit(TaskStart start) {
  const Result<Part> part = from_json_value<Part>(start.definition);
  if (!part) co_return part.error();
  while (true) {
    const Result<Letter> letter = co_await next_letter();
    if (!letter) co_return letter.error();
    const Result<AwaitFileEdit::Reply> edited = co_await AwaitFileEdit{
        .path = part->job.file, .old_text = letter->old_text, .new_text = letter->new_text};
    const Letter news{.trouble = edited ? "" : edited.error().with("edit").message};
    const Result<void> told = co_await post(letter->tester, news);
    if (!told) co_return told.error();
  }
}

// ---- the one that starts them ----

Task<Result<TaskId>> spawn(std::string kind, Part part) {
  const Result<Spawn::Reply> child =
      co_await Spawn{.kind = std::move(kind), .arguments = to_json_value(part)};
  if (!child) co_return child.error();
  co_return child->task;
}

/// Ends a task, if it has not ended, and waits until it has.
Task<Result<void>> dismiss(TaskId task) {
  const Result<Kill::Reply> asked = co_await Kill{.task = task, .reason = "the work is done"};
  if (!asked && asked.error().code != Errc::not_found) co_return asked.error();
  const Result<Join::Reply> end = co_await Join{.task = task};
  if (!end) co_return end.error();
  co_return Result<void>{};
}

/// Starts the three, each with the one whom it tells, and waits for the tester. Whom it started is
/// in `helpers`.
Task<Result<Json>> work_together(Job job, std::vector<TaskId>* helpers) {
  TaskId next = kNoTask;
  for (const char* const kind : {"fix-tests.edit@1", "fix-tests.ask@1", "fix-tests.test@1"}) {
    const Result<TaskId> helper = co_await spawn(kind, {.job = job, .next = next});
    if (!helper) co_return helper.error();
    helpers->push_back(*helper);
    next = *helper;
  }
  const Result<Join::Reply> tested = co_await Join{.task = helpers->back()};
  if (!tested) co_return tested.error();
  if (tested->state != "completed") co_return Error{Errc::unavailable, tested->error};
  co_return Json{{"summary", "the tests pass after " + tested->value.at("edits").dump() +
                                 " edits of " + job.file}};
}

Task<Result<Json>> fix_tests(TaskStart start) {
  const Result<Job> job = from_json_value<Job>(start.definition);
  if (!job) co_return job.error();
  std::vector<TaskId> helpers;
  const Result<Json> outcome = co_await work_together(*job, &helpers);
  const auto shield = co_await kernel::shield();  // nobody is left behind, even if it is cancelled
  for (const TaskId helper : helpers) {
    if (const Result<void> gone = co_await dismiss(helper); !gone) co_return gone.error();
  }
  co_return outcome;
}

// ---- their kinds ----

/// A kind whose definition is its arguments, checked and with what they leave out.
template <class Arguments>
TaskKind kind(Task<Result<Json>> (*start)(TaskStart), std::string title) {
  return {.freeze = [](const Json& arguments) -> Result<Json> {
            const Result<Arguments> read =
                from_json_value<Arguments>(arguments, UnknownKeys::reject);
            if (!read) return read.error();
            return to_json_value(*read);
          },
          .start = start,
          .title = [title = std::move(title)](const Json&) { return title; }};
}

void add_kinds(Registry& registry) {
  registry.add("fix-tests@1", kind<Job>(fix_tests, "fix the tests"));
  registry.add("fix-tests.test@1", kind<Part>(test, "run the tests"));
  registry.add("fix-tests.ask@1", kind<Part>(ask, "ask a model what to change"));
  registry.add("fix-tests.edit@1", kind<Part>(edit, "change the file"));
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, add_kinds);
}

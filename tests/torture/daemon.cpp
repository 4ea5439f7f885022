// The daemon that the kill sweep runs: tinkerbelld with one more kind of task, "family@1", whose
// members spawn, wait, sleep, write files, end each other and tell each other by messages.

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/daemon/run.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace tinkerbell;

namespace {

using std::chrono::milliseconds;

/// What every member is started with.
struct Part {
  std::string goal;         ///< Its name, which nobody else has.
  TaskId parent = kNoTask;  ///< Whom it tells.
  TaskId other = kNoTask;   ///< Whose end it waits for.

  static constexpr auto fields() {
    return described(field("goal", &Part::goal), field("parent", &Part::parent),
                     field("other", &Part::other));
  }
};

Task<Result<std::string>> next_word(TaskId from = kNoTask) {
  const Result<Receive::Reply> received = co_await Receive{.from = from};
  if (!received) co_return received.error();
  co_return received->message.value("word", std::string());
}

Task<Result<void>> tell(TaskId task, std::string word) {
  const Result<Send::Reply> sent =
      co_await Send{.task = task, .message = Json{{"word", std::move(word)}}};
  if (!sent) co_return sent.error();
  co_return Result<void>{};
}

Task<Result<void>> sleep_for(milliseconds duration) {
  const Result<Sleep::Reply> slept = co_await Sleep{.duration = duration};
  if (!slept) co_return slept.error();
  co_return Result<void>{};
}

Task<Result<void>> write(std::string path, std::string content) {
  const Result<AwaitFileWrite::Reply> written =
      co_await AwaitFileWrite{.path = std::move(path), .content = std::move(content)};
  if (!written) co_return written.error();
  co_return Result<void>{};
}

// ---- the children ----

/// Sleeps, and leaves a file.
Task<Result<Json>> writer(Part part) {
  if (const auto slept = co_await sleep_for(milliseconds{15}); !slept) co_return slept.error();
  const auto written = co_await write(part.goal + ".txt", "slept\n");
  if (!written) co_return written.error();
  co_return Json{{"summary", "written"}};
}

/// Sleeps until somebody ends it.
Task<Result<Json>> sleeper(Part /*part*/) {
  if (const auto slept = co_await sleep_for(std::chrono::hours{1}); !slept) co_return slept.error();
  co_return Json{{"summary", "slept"}};
}

/// Ends when it is told a word, with that.
Task<Result<Json>> listener(Part /*part*/) {
  const Result<std::string> word = co_await next_word();
  if (!word) co_return word.error();
  co_return Json{{"summary", "heard"}, {"word", *word}};
}

/// Waits for the end of another task, and tells that it saw it.
Task<Result<Json>> see_end(Part part, std::string name) {
  const Result<Join::Reply> end = co_await Join{.task = part.other};
  if (!end) co_return end.error();
  const auto told = co_await tell(part.parent, std::move(name));
  if (!told) co_return told.error();
  co_return Json{{"summary", end->state}};
}

/// Begins to wait when it is told to. Has the lower id of the two.
Task<Result<Json>> late_watcher(Part part) {
  const Result<std::string> word = co_await next_word();
  if (!word) co_return word.error();
  co_return co_await see_end(std::move(part), "late");
}

/// Says that it is there, and begins to wait at once.
Task<Result<Json>> early_watcher(Part part) {
  const auto told = co_await tell(part.parent, "here");
  if (!told) co_return told.error();
  co_return co_await see_end(std::move(part), "early");
}

// ---- the parent ----

Task<Result<TaskId>> spawn(std::string member, Part part) {
  part.goal += "-" + member;
  const Result<Spawn::Reply> child =
      co_await Spawn{.kind = "family." + member + "@1", .arguments = to_json_value(part)};
  if (!child) co_return child.error();
  co_return child->task;
}

/// Has both watchers see the end of the listener, who keeps a word meanwhile; what came of it.
Task<Result<std::string>> have_end_seen(Part part, std::string word) {
  const Result<TaskId> heard = co_await spawn("listener", part);
  if (!heard) co_return heard.error();
  part.other = *heard;
  const Result<TaskId> late = co_await spawn("late_watcher", part);
  if (!late) co_return late.error();
  const Result<TaskId> early = co_await spawn("early_watcher", part);
  if (!early) co_return early.error();

  const Result<std::string> here = co_await next_word(*early);
  if (!here) co_return here.error();
  if (const auto slept = co_await sleep_for(milliseconds{5}); !slept) co_return slept.error();
  if (const auto told = co_await tell(*late, "go"); !told) co_return told.error();
  if (const auto slept = co_await sleep_for(milliseconds{10}); !slept) co_return slept.error();
  if (const auto told = co_await tell(*heard, word); !told) co_return told.error();
  const Result<std::string> first = co_await next_word();
  if (!first) co_return first.error();
  const Result<std::string> second = co_await next_word();
  if (!second) co_return second.error();
  const Result<Join::Reply> end = co_await Join{.task = *heard};
  if (!end) co_return end.error();
  // Who goes on first after a restart is not promised.
  co_return std::min(*first, *second) + ", " + std::max(*first, *second) +
      (end->value.value("word", "") == word ? "" : ", forgot");
}

Task<Result<Json>> family(Part part) {
  part.parent = (co_await GetTid{})->task;
  const Result<Random::Reply> word = co_await Random{};
  if (!word) co_return word.error();
  const Result<TaskId> writes = co_await spawn("writer", part);
  if (!writes) co_return writes.error();
  const Result<TaskId> sleeps = co_await spawn("sleeper", part);
  if (!sleeps) co_return sleeps.error();
  const Result<std::string> seen = co_await have_end_seen(part, std::to_string(word->value));
  if (!seen) co_return seen.error();

  const Result<Kill::Reply> asked = co_await Kill{.task = *sleeps, .reason = "it is late"};
  if (!asked) co_return asked.error();
  const Result<Join::Reply> ended = co_await Join{.task = *sleeps};
  if (!ended) co_return ended.error();
  const Result<Join::Reply> written = co_await Join{.task = *writes};
  if (!written) co_return written.error();
  const std::string summary = *seen + "; " + ended->state + ", " + written->state;
  if (const auto kept = co_await write(part.goal + ".txt", summary + "\n"); !kept)
    co_return kept.error();
  co_return Json{{"summary", summary}};
}

// ---- their kinds ----

template <Task<Result<Json>> (*Member)(Part)>
Task<Result<Json>> start_as(TaskStart start) {
  const Result<Part> part = from_json_value<Part>(start.definition);
  if (!part) co_return part.error();
  co_return co_await Member(*part);
}

template <Task<Result<Json>> (*Member)(Part)>
TaskKind kind() {
  return {.freeze = [](const Json& arguments) -> Result<Json> {
            const Result<Part> part = from_json_value<Part>(arguments, UnknownKeys::reject);
            if (!part) return part.error();
            return to_json_value(*part);
          },
          .start = start_as<Member>,
          .title = [](const Json& arguments) { return arguments.value("goal", std::string()); }};
}

void add_kinds(Registry& registry) {
  registry.add("family@1", kind<family>());
  registry.add("family.writer@1", kind<writer>());
  registry.add("family.sleeper@1", kind<sleeper>());
  registry.add("family.listener@1", kind<listener>());
  registry.add("family.late_watcher@1", kind<late_watcher>());
  registry.add("family.early_watcher@1", kind<early_watcher>());
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, add_kinds);
}

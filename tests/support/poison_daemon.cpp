// poisond: a daemon with kinds of tasks that do it harm. "poison@1" asks a person two questions;
// after the first answer it aborts, while the file exists that its arguments name. "question@1"
// asks one. "breed@1" begins others of its kind until that fails, and then stays.

#include "tinkerbell/daemon/run.hpp"

#include <cstdlib>
#include <filesystem>

using namespace tinkerbell;

namespace {

Task<Result<Json>> question(TaskStart /*start*/) {
  const Result<AwaitUserApproval::Reply> answer =
      co_await AwaitUserApproval{.question = "Shall I end?"};
  if (!answer) co_return answer.error();
  co_return Json("ended");
}

Task<Result<Json>> poison(TaskStart start) {
  const Result<AwaitUserApproval::Reply> first =
      co_await AwaitUserApproval{.question = "Shall I begin?"};
  if (!first) co_return first.error();
  // Against the rules of durable tasks: a bug that a file switches off.
  if (std::filesystem::exists(start.arguments.at("file").get<std::string>())) std::abort();
  const Result<AwaitUserApproval::Reply> second =
      co_await AwaitUserApproval{.question = "Shall I end?"};
  if (!second) co_return second.error();
  co_return Json("lived");
}

Task<Result<Json>> breed(TaskStart /*start*/) {
  while (co_await Spawn{.kind = "breed@1"}) {
  }
  (void)co_await Receive{};
  co_return Json();
}

TaskKind kind(Task<Result<Json>> (*start)(TaskStart), const std::string& title) {
  return {.freeze = [](const Json& arguments) -> Result<Json> { return arguments; },
          .start = start,
          .title = [title](const Json&) { return title; }};
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, [](Registry& registry) {
    registry.add("poison@1", kind(poison, "poison"));
    registry.add("question@1", kind(question, "question"));
    registry.add("breed@1", kind(breed, "breed"));
  });
}

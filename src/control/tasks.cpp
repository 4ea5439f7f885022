#include "control/views.hpp"

#include "tinkerbell/command/cassette.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/within.hpp"

#include <filesystem>
#include <memory>
#include <utility>

namespace tinkerbell::control {

namespace {

Json arguments_of(const protocol::SubmitRequest& wanted) {
  if (wanted.arguments) return *wanted.arguments;
  Json arguments{{"goal", wanted.goal}};
  if (!wanted.model.empty()) arguments["model"] = wanted.model;
  if (wanted.steps_max) arguments["steps_max"] = *wanted.steps_max;
  if (wanted.time_max_ms) arguments["time_max_ms"] = *wanted.time_max_ms;
  if (wanted.output_schema) arguments["output_schema"] = *wanted.output_schema;
  if (wanted.git) arguments["git"] = to_json_value(*wanted.git);
  return arguments;
}

/// The directory with its links followed: what a task is bound to for life.
Result<std::string> checked_workspace(const std::string& path, const std::string& state_dir) {
  std::error_code failure;
  const std::filesystem::path real = std::filesystem::canonical(path, failure);
  if (failure || !std::filesystem::is_directory(real, failure)) {
    return Error{Errc::invalid, "workspace " + path + ": there is no such directory"};
  }
  if (real == "/") return Error{Errc::invalid, "workspace /: the whole system is no workspace"};
  if (is_within(real, without_links(state_dir))) {
    return Error{Errc::invalid, "workspace " + path + ": the daemon itself lives there"};
  }
  return real.string();
}

}  // namespace

void overlay(protocol::TaskView& view, const LiveView& live) {
  view.state = std::string(name_of(live.state));
  view.waiting_for = live.waiting_for;
  view.wants_budget = live.wants_budget;
  if (!live.waiting_for.empty()) view.waiting_since = rfc3339(live.waiting_since);
}

namespace {

void find_awake(Context& context, TaskId id, Completion<protocol::TaskView> done) {
  const protocol::TaskView* const known = context.hub.task(id);
  const std::optional<LiveView> live = context.parts.calls.view(id);
  if (known != nullptr && live) {
    protocol::TaskView view = *known;
    overlay(view, *live);
    view.scheduling = scheduling_view(context, id);
    done(std::move(view));
    return;
  }
  context.parts.journal.read_records(
      id, Completion<std::vector<Record>>(
              [&context, id, done = std::move(done)](Result<std::vector<Record>> records) mutable {
                if (!records) {
                  done(Error{Errc::not_found, "no task " + std::to_string(number(id))});
                  return;
                }
                context.parts.pool.run<protocol::TaskView>(
                    [records = *std::move(records)] -> Result<protocol::TaskView> {
                      return task_of(records);
                    },
                    std::move(done));
              }));
}

}  // namespace

void find_task(Context& context, TaskId id, Completion<protocol::TaskView> done) {
  context.parts.calls.awaken(
      id,
      Completion<void>([&context, id, done = std::move(done)](const Result<void>& awake) mutable {
        awake ? find_awake(context, id, std::move(done)) : done(awake.error());
      }));
}

namespace {

/// Errors: invalid.
Result<Budget> budget_of(const protocol::BudgetRequest& wanted, Budget budget) {
  if (!wanted.cost.empty()) {
    const Result<Money> cost = Money::parse(wanted.cost);
    if (!cost) return cost.error().with("budget");
    budget.cost = *cost;
  }
  if (wanted.tokens) budget.tokens = *wanted.tokens;
  if (wanted.calls) budget.calls = *wanted.calls;
  if (wanted.tasks) budget.tasks = *wanted.tasks;
  if (wanted.time_ms) budget.time = milliseconds(*wanted.time_ms);
  if (wanted.on_limit.empty()) return budget;
  if (wanted.on_limit != "ask" && wanted.on_limit != "stop") {
    return Error{Errc::invalid, "on_limit: must be ask or stop"};
  }
  budget.asks = wanted.on_limit == "ask";
  return budget;
}

/// A new task as somebody wants it, checked as far as can be told without the daemon's tasks.
struct Wanted {
  protocol::SubmitRequest request;
  std::string workspace;
  std::optional<Cassette> cassette;
};

/// Takes long for a large cassette; looks at the file system. Errors: invalid, too_large,
/// unsupported.
Result<Wanted> wanted_in(const std::string& body, const std::string& state_dir) {
  Result<protocol::SubmitRequest> request = Request::read<protocol::SubmitRequest>(body);
  if (!request) return request.error();
  if (const Result<void> fits = check(*request); !fits) return fits.error();
  Result<std::string> workspace = checked_workspace(request->workspace, state_dir);
  if (!workspace) return workspace.error();
  Wanted wanted{.request = *std::move(request), .workspace = *std::move(workspace), .cassette = {}};
  if (const std::optional<Json> document = std::exchange(wanted.request.cassette, std::nullopt)) {
    Result<Cassette> cassette = cassette_from(document->value("task", Json()));
    if (!cassette) return cassette.error().with("the cassette");
    wanted.cassette = *std::move(cassette);
  }
  return wanted;
}

Files files_of(const protocol::SubmitRequest& wanted) {
  if (wanted.files.empty()) return Files::usual;
  return wanted.files == "draft" ? Files::draft : Files::live;
}

void submit(Context& context, const Request& request, Wanted wanted) {
  Result<Budget> budget = budget_of(wanted.request.budget, context.parts.facts.budget);
  if (!budget) return request.fail(budget.error());
  context.parts.calls.submit({.kind = wanted.request.kind,
                              .workspace = std::move(wanted.workspace),
                              .arguments = arguments_of(wanted.request),
                              .approve_all = wanted.request.approve_all,
                              .stepping = wanted.request.stepping,
                              .budget = *std::move(budget),
                              .by = request.person(),
                              .cassette = std::move(wanted.cassette),
                              .files = files_of(wanted.request)},
                             answer_with_new_task(context, request));
}

}  // namespace

Completion<TaskId> answer_with_new_task(Context& context, const Request& request) {
  return Completion<TaskId>([&context, request](Result<TaskId> task) {
    if (!task) return request.fail(task.error());
    find_task(context, *task,
              Completion<protocol::TaskView>([request](const Result<protocol::TaskView>& view) {
                view ? request.answer(*view, 201) : request.fail(view.error());
              }));
  });
}

void post_task(Context& context, Request request) {
  context.parts.pool.run<Wanted>(
      [body = request.body_text(), state_dir = context.parts.facts.state_dir] {
        return wanted_in(body, state_dir);
      },
      Completion<Wanted>([&context, request](Result<Wanted> wanted) {
        if (!wanted) return request.fail(wanted.error());
        submit(context, request, *std::move(wanted));
      }));
}

void get_task(Context& context, Request request) {
  find_task(context, TaskId{request.id()},
            Completion<protocol::TaskView>([request](const Result<protocol::TaskView>& view) {
              view ? request.answer(*view) : request.fail(view.error());
            }));
}

namespace {

/// A list of tasks on its way to a client.
struct Listing {
  Context& context;
  Request request;
  Store::Which which = Store::Which::all;
  std::string state;  ///< Only tasks in this one; empty: all.
  std::size_t limit = 0;
  protocol::TaskList list;

  [[nodiscard]] bool full() const { return list.tasks.size() == limit; }

  void offer(protocol::TaskView view) {
    if (const auto live = context.parts.calls.view(view.id)) overlay(view, *live);
    if (!full() && (state.empty() || state == view.state)) list.tasks.push_back(std::move(view));
  }
};

/// Page by page until the list is full.
void list(std::shared_ptr<Listing> listing, TaskId before) {
  const std::uint64_t page =
      listing->state.empty() ? listing->limit : protocol::TaskList::kLimitMax;
  Journal& journal = listing->context.parts.journal;
  journal.read_tasks(
      listing->which, before, static_cast<std::uint32_t>(page),
      Completion<std::vector<TaskHead>>(
          [listing = std::move(listing), page](const Result<std::vector<TaskHead>>& heads) {
            if (!heads) return listing->request.fail(heads.error());
            for (const TaskHead& head : *heads) {
              const protocol::TaskView* const known = listing->context.hub.task(head.task);
              listing->offer(known != nullptr ? *known : task_view(head));
            }
            const bool last = heads->size() < page;
            if (last || listing->full()) return listing->request.answer(listing->list);
            list(listing, heads->back().task);
          }));
}

}  // namespace

void get_tasks(Context& context, Request request) {
  const auto limit = request.query_number("limit", protocol::TaskList::kLimitDefault,
                                          protocol::TaskList::kLimitMax);
  if (!limit) return request.fail(limit.error());
  const auto before = request.query_number("before", 0, kVolatileBit - 1);
  if (!before) return request.fail(before.error());
  const std::string state = request.query_text("state");
  const bool live_state = !state.empty() && !protocol::has_ended(state);
  const bool live_only = live_state || request.query_text("live") == "1";
  list(
      std::make_shared<Listing>(Listing{.context = context,
                                        .request = request,
                                        .which = live_only ? Store::Which::live : Store::Which::all,
                                        .state = state,
                                        .limit = *limit,
                                        .list = {}}),
      TaskId{*before});
}

namespace {

/// Answers a request that changed a task with the task as it is then.
Completion<void> answer_with_task(Context& context, const Request& request) {
  return Completion<void>([&context, request](const Result<void>& done) {
    if (!done) return request.fail(done.error());
    get_task(context, request);
  });
}

}  // namespace

/// Also on a full disk: it makes less of what needs room.
void cancel_task(Context& context, Request request) {
  if (context.parts.journal.storage_full()) context.parts.journal.use_reserve();
  context.parts.calls.cancel_task(TaskId{request.id()}, "cancelled by a person", request.person(),
                                  answer_with_task(context, request));
}

void pause_task(Context& context, Request request) {
  context.parts.calls.pause(TaskId{request.id()}, request.person(),
                            answer_with_task(context, request));
}

void resume_task(Context& context, Request request) {
  context.parts.calls.resume(TaskId{request.id()}, request.person(),
                             answer_with_task(context, request));
}

void step_task(Context& context, Request request) {
  context.parts.calls.step(TaskId{request.id()}, request.person(),
                           answer_with_task(context, request));
}

void say_to_task(Context& context, Request request) {
  Result<protocol::SayRequest> wanted = request.body<protocol::SayRequest>();
  if (!wanted) return request.fail(wanted.error());
  if (const Result<void> fits = check(*wanted); !fits) return request.fail(fits.error());
  const TaskId task{request.id()};
  context.parts.calls.say(task, std::move(wanted->text), request.person(),
                          Completion<Said>([request, task](const Result<Said>& said) {
                            if (!said) return request.fail(said.error());
                            request.answer(protocol::SayView{.task = task,
                                                             .step = number(said->step),
                                                             .wakes = said->wakes,
                                                             .answered = said->answered});
                          }));
}

}  // namespace tinkerbell::control

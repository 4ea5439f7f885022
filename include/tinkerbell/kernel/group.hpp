#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/calls.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/kernel/task.hpp"

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// Tasks that end before the one that began them goes on: see in_group(). Lives in a frame of that
/// task.
class TaskGroup {
 public:
  /// A task of the group that did not complete.
  struct Failure {
    TaskId task = kNoTask;
    std::string name;
    Error error;
  };

  enum class OnFailure : std::uint8_t {
    cancel_rest,  ///< The first failure asks all others to end.
    go_on,
  };

  TaskGroup(kernel::Self owner, OnFailure on_failure)
      : members_(std::make_shared<Members>(owner, on_failure)) {
    owner.scheduler.add_dependants(owner.id, *members_);
  }

  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// If the owner's frames are destroyed: members that are left end by force, before them.
  ~TaskGroup();

  /// Starts a member. One that is started after the group was asked to end is asked at once.
  template <class T>
  TaskId spawn(std::string name, Task<T> body) {
    const std::uint64_t place = members_->begun++;
    const TaskId task = members_->owner.scheduler.spawn(
        {.name = name, .parent = members_->owner.id}, std::move(body),
        [members = members_, place, name](TaskId ended, const Exit& exit) {
          members->live.erase(place);
          members->ended(ended, name, exit);
        });
    members_->began(place, task);
    return task;
  }

  /// Asks all members to end.
  void cancel(const std::string& reason) { members_->cancel(reason); }

  [[nodiscard]] std::size_t size() const { return members_->live.size(); }

  /// Why members did not complete, in the order in which they ended; those who were only asked to
  /// end with the rest are not among them.
  [[nodiscard]] const std::vector<Failure>& failures() const { return members_->failures; }

  /// Waits until all members have ended. Errors: cancelled (not all have).
  [[nodiscard]] auto all_ended() { return TrapAwaiter<AllEndedTrap>(*members_); }

 private:
  struct Members : Dependants {
    Members(kernel::Self who, OnFailure what) : owner(who), on_failure(what) {}

    void began(std::uint64_t place, TaskId task);
    void ended(TaskId task, const std::string& name, const Exit& exit);
    void cancel(const std::string& reason);

    kernel::Self owner;
    OnFailure on_failure;
    std::vector<Failure> failures;
    std::optional<std::string> cancel_reason;
    WaitList waiting;  ///< The owner, in all_ended().
  };

  struct AllEndedTrap : Waiter {
    explicit AllEndedTrap(Members& whose) : Waiter(&run), members(&whose) {}

    static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap);

    [[nodiscard]] Result<void> await_resume() const {
      if (cancelled) return asked_to_end();
      return {};
    }

    Members* members;
  };

  std::shared_ptr<Members> members_;
};

/// Waits for the members; if the owner is asked to end meanwhile, so are they, and it waits on.
Task<void> end_group(TaskGroup* group);

/// Runs `body(&group, arguments...)`, a coroutine that returns a Task<Result<void>>, and returns
/// only when all tasks that it started in the group have ended, however it ends itself: if it
/// returns an error, throws or is asked to end, they are asked to end too. Errors: the body's, else
/// the first member's that failed, named.
template <class Body, class... Arguments>
Task<Result<void>> in_group(TaskGroup::OnFailure on_failure, Body body, Arguments... arguments) {
  TaskGroup group(co_await kernel::self(), on_failure);
  Result<void> outcome;
  std::exception_ptr thrown;
  try {
    outcome = co_await std::invoke(body, &group, std::move(arguments)...);
    if (!outcome) group.cancel(outcome.error().message);
  } catch (...) {
    thrown = std::current_exception();
    group.cancel("the group's body threw");
  }
  co_await end_group(&group);
  if (thrown) std::rethrow_exception(thrown);
  if (outcome && !group.failures().empty()) {
    const TaskGroup::Failure& first = group.failures().front();
    co_return first.error.with(first.name);
  }
  co_return outcome;
}

/// Runs all bodies at once, each as a task of its own, and returns their outcomes in order when all
/// have ended. The failure of one does not disturb the others.
template <class T>
Task<std::vector<Result<T>>> join_all(std::vector<Task<Result<T>>> bodies);

/// The outcome that came first, and whose it was.
template <class T>
struct Raced {
  std::size_t index = 0;
  Result<T> outcome;
};

/// Runs all bodies at once, each as a task of its own. When the first has ended, well or not, the
/// others are asked to end, and it returns when they have. At least one body.
template <class T>
Task<Raced<T>> race(std::vector<Task<Result<T>>> bodies);

namespace detail {

/// A body whose outcome goes to its place in a list; an exception is an error there.
template <class T>
Task<void> keep_outcome(Task<Result<T>> body, std::optional<Result<T>>* place) {
  try {
    *place = co_await std::move(body);
  } catch (const std::exception& thrown) {
    *place = Error{Errc::internal, thrown.what()};
  } catch (...) {
    *place = Error{Errc::internal, "the body threw something that is no std::exception"};
  }
}

}  // namespace detail

template <class T>
Task<std::vector<Result<T>>> join_all(std::vector<Task<Result<T>>> bodies) {
  std::vector<std::optional<Result<T>>> places(bodies.size());
  TaskGroup group(co_await kernel::self(), TaskGroup::OnFailure::go_on);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    group.spawn("join_all[" + std::to_string(i) + "]",
                detail::keep_outcome<T>(std::move(bodies[i]), &places[i]));
  }
  co_await end_group(&group);
  std::vector<Result<T>> outcomes;
  for (std::optional<Result<T>>& place : places) {
    outcomes.push_back(place ? *std::move(place)
                             : Result<T>(Error{Errc::cancelled, "join_all: ended by force"}));
  }
  co_return outcomes;
}

namespace detail {

template <class T>
Task<void> run_race(Task<Result<T>> body, std::size_t index, std::optional<Raced<T>>* winner,
                    TaskGroup* group) {
  std::optional<Result<T>> outcome;
  co_await keep_outcome<T>(std::move(body), &outcome);
  if (!*winner) {
    *winner = Raced<T>{index, *std::move(outcome)};
    group->cancel("another has won the race");
  }
}

}  // namespace detail

template <class T>
Task<Raced<T>> race(std::vector<Task<Result<T>>> bodies) {
  TINKERBELL_ASSERT(!bodies.empty());
  std::optional<Raced<T>> winner;
  TaskGroup group(co_await kernel::self(), TaskGroup::OnFailure::go_on);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    group.spawn("race[" + std::to_string(i) + "]",
                detail::run_race<T>(std::move(bodies[i]), i, &winner, &group));
  }
  co_await end_group(&group);
  if (winner) co_return *std::move(winner);
  co_return Raced<T>{0, Error{Errc::cancelled, "race: ended by force"}};
}

}  // namespace tinkerbell

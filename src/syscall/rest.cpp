#include "syscall/stations.hpp"

#include "tinkerbell/kernel/calls.hpp"

// A task that waits for a person, a timer or a message need not be there until that comes: what its
// head says is enough to know when. It is brought back as after a restart.

namespace tinkerbell {

/// The wait that is about to be recorded is one to rest in, if all that the task is can be had from
/// the journal again. Of a family each one is wanted by the others.
void SystemCalls::may_rest(LiveTask& live, Rest rest) {
  if (live.head.parent != kNoTask || !scheduler_.can_forget(live.head.task)) return;
  rest.waiting_for = parts_.masker.masked(std::move(rest.waiting_for));
  live.next_rest = std::move(rest);
}

void SystemCalls::rest(const TaskHead& head) {
  resting_->add(head.task, *head.rest);
}

std::set<std::string> SystemCalls::keys_under_way(const TaskHead& resting) const {
  if (!resting.rest->unsure) return {};
  return {key_of({resting.task, Seq{resting.steps}})};
}

bool SystemCalls::is_resting(TaskId task) const {
  return resting_->find(task) != nullptr;
}

std::size_t SystemCalls::resting_tasks() const {
  return resting_->size();
}

// ---- going to rest ----

/// Those that have waited longest, if there are too many. A command that is over stands in the line
/// until its place comes.
void SystemCalls::put_idle_to_rest() {
  while (idle_.size() > parts_.idle_max) {
    LiveTask* const live = find(idle_.front().task);
    const bool waits = live != nullptr && live->flight && live->flight->id == idle_.front();
    if (waits && can_rest(*live)) {
      if (!parts_.journal.release(live->head.task)) return;  // its wait is not durable yet
      put_to_rest(*live);
    }
    idle_.pop_front();
  }
}

bool SystemCalls::can_rest(const LiveTask& live) const {
  const Station station = live.flight->station;
  const bool waits = station == Station::asking || station == Station::unsure ||
                     station == Station::inside || station == Station::deferred;
  return waits && live.head.rest && !live.cancel && live.joiners.empty() && live.waiters.empty() &&
         scheduler_.can_forget(live.head.task);
}

void SystemCalls::put_to_rest(LiveTask& live) {
  const TaskId task = live.head.task;
  book_.withdraw(live.flight->approval);
  scheduler_.forget(task);
  resting_->add(task, *live.head.rest);
  live_.erase(task);
  parts_.observer.rests(task);
  awaken_due();
}

// ---- and back ----

void SystemCalls::awaken(TaskId task, Completion<void> done) {
  if (!is_resting(task)) {
    done({});
    return;
  }
  std::vector<Completion<void>>& waiting = awakening_[task];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;  // it is being read
  parts_.journal.read_task(
      task, Completion<Journal::StoredTask>([this, open = std::weak_ptr<bool>(open_),
                                             task](Result<Journal::StoredTask> stored) {
        if (!open.expired()) read_awake(task, std::move(stored));
      }));
}

/// After an error of the store it still rests; if the program cannot run it, it is there all the
/// same, as diverged.
void SystemCalls::read_awake(TaskId task, Result<Journal::StoredTask> stored) {
  std::vector<Completion<void>> waiting = std::move(awakening_.extract(task).mapped());
  Result<void> awake;
  if (stored) {
    resting_->remove(task);
    parts_.observer.awoke(stored->head, stored->records);
    if (stored->unreadable) {
      recover_unreadable(stored->head, *stored->unreadable);
    } else {
      parts_.journal.adopt(stored->head);
      (void)bring_back(stored->head, std::move(stored->records));
      run_until_replayed(task);
    }
  } else {
    awake = stored.error();
  }
  for (Completion<void>& done : waiting)
    done(awake);
}

void SystemCalls::run_until_replayed(TaskId task) {
  const auto replays = [&] {
    const LiveTask* const live = find(task);
    return live != nullptr && !live->past.empty() && !live->at_frontier;
  };
  // While others may still be missing, no time passes.
  const SteadyTime now = recovering_since_ ? *recovering_since_ : parts_.clock.steady();
  while (replays() && scheduler_.has_ready())
    scheduler_.run(1, now);
}

namespace {

Task<void> sleeps(Nanoseconds time) {
  (void)co_await kernel::sleep_for(time);
}

}  // namespace

/// Brings back those whose time has come, and sees to it that this is looked at again when the next
/// one's does.
void SystemCalls::awaken_due() {
  const WallTime now = parts_.clock.wall();
  for (const TaskId task : resting_->due(now)) {
    if (!awakening_.contains(task)) awaken(task, Completion<void>([](const Result<void>&) {}));
  }
  const std::optional<WallTime> next = resting_->next_due(now);
  if (!next || (alarm_ && *alarm_ <= *next)) return;
  alarm_ = next;
  scheduler_.spawn({.name = "alarm"}, sleeps(*next - now), [this, next](TaskId, const Exit&) {
    if (alarm_ == next) alarm_.reset();
    awaken_due();
  });
}

/// True: the other task rests, and the command begins again once it is awake.
bool SystemCalls::goes_on_when_awake(LiveTask& live, TaskId other) {
  if (!is_resting(other)) return false;
  awaken(other, then(live.flight->id, Station::inside, &SystemCalls::other_awoke));
  return true;
}

void SystemCalls::other_awoke(LiveTask& live, Result<void> awake) {
  awake ? run_inside(live) : conclude(live, awake.error());
}

// ---- questions ----

std::vector<ApprovalId> SystemCalls::open_questions(TaskId of) const {
  std::vector<ApprovalId> ids;
  for (const Question* const question : book_.shown()) {
    if (of == kNoTask || question->command.task == of) ids.push_back(question->id);
  }
  for (const auto& [id, task] : resting_->questions()) {
    if (of == kNoTask || task == of) ids.push_back(id);
  }
  std::ranges::sort(ids);
  return ids;
}

void SystemCalls::look_at(ApprovalId question, Completion<const Question*> done) {
  when_awake(resting_->asker_of(question), std::move(done),
             [this, question](Completion<const Question*> asked) {
               if (const Question* const open = book_.find_open(question)) return asked(open);
               asked(Error{Errc::not_found, "no question a" + std::to_string(number(question))});
             });
}

}  // namespace tinkerbell

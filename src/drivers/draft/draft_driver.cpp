#include "tinkerbell/drivers/draft/draft_driver.hpp"

#include "drivers/draft/draft_stations.hpp"

#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <stop_token>
#include <unordered_map>
#include <utility>

namespace tinkerbell {

namespace {

/// Whatever keeps us from finding out leaves the outcome unknown: it may have taken place before
/// the restart.
Result<Reply> as_recovered(Result<Reply> found) {
  if (found || found.error().code == Errc::not_started) return found;
  return Error{Errc::unknown_outcome, found.error().message}.with(
      "the daemon ended while this was under way");
}

}  // namespace

struct DraftDriver::State : std::enable_shared_from_this<DraftDriver::State> {
  State(ContentStore& contents_of_all, const DraftSettings& settings)
      : contents(contents_of_all), drafts(settings.drafts), stations(contents_of_all, settings) {}

  ContentStore& contents;
  const Drafts drafts;
  DraftStations stations;                                     ///< Pool threads.
  std::unordered_map<CommandId, std::stop_source> under_way;  ///< Loop thread.

  /// Runs one station on the pool; its answer comes back on the loop thread.
  template <class T>
  void run(BlockingPool& pool, Call call,
           std::function<Result<T>(DraftStations& stations, const Call& call,
                                   const std::stop_token& stop)>
               station,
           Completion<T> answer) {
    const CommandId id = call.id;
    const std::stop_token stop = (under_way[id] = std::stop_source()).get_token();
    pool.run<T>([self = shared_from_this(), call = std::move(call), station = std::move(station),
                 stop] { return station(self->stations, call, stop); },
                Completion<T>([self = shared_from_this(), id, stop,
                               answer = std::move(answer)](Result<T> result) mutable {
                  self->forget(id, stop);
                  answer(std::move(result));
                }));
  }

 private:
  /// A command may be prepared and performed in turn: an old answer leaves the newer one alone.
  void forget(CommandId id, const std::stop_token& stop) {
    const auto found = under_way.find(id);
    if (found != under_way.end() && found->second.get_token() == stop) under_way.erase(found);
  }
};

DraftDriver::DraftDriver(BlockingPool& pool, ContentStore& contents, const DraftSettings& settings)
    : pool_(pool), state_(std::make_shared<State>(contents, settings)) {}

DraftDriver::~DraftDriver() = default;

void DraftDriver::prepare(Call call, Completion<Prepared> prepared) {
  state_->run<Prepared>(
      pool_, std::move(call),
      [](DraftStations& stations, const Call& each, const std::stop_token& stop) {
        return stations.prepare(each, stop);
      },
      std::move(prepared));
}

void DraftDriver::perform(Call call, Completion<Reply> done) {
  state_->run<Reply>(
      pool_, std::move(call),
      [](DraftStations& stations, const Call& each, const std::stop_token& stop) {
        return stations.perform(each, stop);
      },
      std::move(done));
}

void DraftDriver::recover(Call call, Completion<Reply> done) {
  state_->run<Reply>(
      pool_, std::move(call),
      [](DraftStations& stations, const Call& each, const std::stop_token& /*stop*/) {
        return as_recovered(stations.recover(each));
      },
      std::move(done));
}

Result<void> DraftDriver::add_contents(std::set<Sha256>& contents) const {
  return state_->stations.add_contents(contents);
}

void DraftDriver::cancel(CommandId id) {
  const auto found = state_->under_way.find(id);
  if (found != state_->under_way.end()) found->second.request_stop();
}

void DraftDriver::make(ForkDraft draft, Completion<void> done) {
  const TaskId task = draft.task;
  auto work = std::make_shared<const ContentStore::Work>(state_->contents);
  auto then = [this, self = state_, task, work, files = std::move(draft.files),
               done = std::move(done)](Result<DraftBase> base) mutable {
    if (!base) return done(base.error());
    files(Completion<ForkFiles>([this, self, task, work,
                                 base = std::make_shared<const DraftBase>(*std::move(base)),
                                 done = std::move(done)](Result<ForkFiles> told) mutable {
      pool_.run<void>(
          [self, task, work, base, told = std::move(told)] {
            return self->stations.end_fork(task, *base, told);
          },
          std::move(done));
    }));
  };
  pool_.run<DraftBase>(
      [self = state_, task, workspace = std::move(draft.workspace)] {
        return self->stations.begin_fork(task, workspace, {});
      },
      Completion<DraftBase>(std::move(then)));
}

/// Where that fails, the next start does it.
void DraftDriver::claim(TaskId task) {
  pool_.run<void>([self = state_, task] { return claim_draft(self->drafts, task); },
                  Completion<void>([](const Result<void>&) {}));
}

}  // namespace tinkerbell

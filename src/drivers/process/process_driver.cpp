#include "tinkerbell/drivers/process/process_driver.hpp"

#include "drivers/process/effect_probe.hpp"
#include "drivers/process/kept_output.hpp"
#include "drivers/process/plan.hpp"
#include "drivers/process/progress.hpp"
#include "drivers/process/run.hpp"
#include "drivers/process/stragglers.hpp"
#include "drivers/process/tracking.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/shim/run_directory.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace tinkerbell {

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

/// How often people see what a program has written.
constexpr Milliseconds kProgressEvery{100};
/// What left-over programs get to end by themselves before their shims are killed. Longer than the
/// shim's own grace.
constexpr Milliseconds kLeftOverGrace{5'000};

/// What the pool's threads need; it may outlive the driver.
struct Shared {
  ProcessSettings settings;
  Result<void> sandbox_works;
  FileHashes hashes;
  PrivatePathsLook private_paths;
  std::optional<ProgramTracking> tracking;
  std::optional<OutputKeeping> outputs;
  std::stop_source closed;  ///< The driver is gone: nobody waits for a look any more.

  /// What sees what a program changes, if it can change anything.
  [[nodiscard]] ProgramTracking* tracking_of(const RunManner& manner) {
    return tracking && manner.access.files == FileAccess::write ? &*tracking : nullptr;
  }

  [[nodiscard]] Result<Plan> plan(const Call& call, const RunManner& manner) {
    if (!std::holds_alternative<AwaitProcess>(call.command)) {
      return Error{Errc::internal, "not a program"};
    }
    if (!is_run_key(call.key)) return Error{Errc::invalid, "not an idempotency key"};
    if (settings.sandbox == ProcessSandbox::bubblewrap && !sandbox_works) {
      return sandbox_works.error();
    }
    return plan_run(call, settings, hashes, private_paths, manner.access);
  }

  [[nodiscard]] fs::path directory_of(const Call& call) const {
    return run_directory(settings.runs_directory, call.key, call.attempt);
  }
};

/// The question after the effect of a program that nobody watched to its end.
struct Probing {
  ProbeRecipe recipe;
  std::string evidence;  ///< Why nobody knows without it.
};

/// How a run went, and what nobody has seen of its output yet.
struct Ending {
  Result<AwaitProcess::Reply> outcome;
  std::vector<ProgressPiece> rest;
};

Result<Plan> plan_as_approved(Shared& shared, const Call& call, const RunManner& manner) {
  Result<Plan> plan = shared.plan(call, manner);
  if (!plan) return plan;
  plan->facts.left = call.facts.left;  // what tracking finds is tracking's to compare
  if (plan->facts != call.facts) {
    return Error{Errc::conflict,
                 "the program is not the one that was approved: " + plan->facts.object};
  }
  return plan;
}

Result<UniqueFd> start(Shared& shared, const Call& call, const RunManner& manner,
                       const std::stop_token& stop) {
  std::string tree;
  if (ProgramTracking* const tracking = shared.tracking_of(manner)) {
    Result<std::string> found = tracking->keep(call, stop);
    if (!found) return found.error();
    tree = *std::move(found);
  }
  const Result<Plan> plan =
      plan_as_approved(shared, call, manner);  // last: a look may take a while
  if (!plan) return plan.error();
  if (auto made = make_runs_directory(shared.settings.runs_directory); !made) return made.error();
  const fs::path directory = shared.directory_of(call);
  return start_run(shared.settings.shim, directory,
                   spec_of(call, *plan, shared.settings, shared.private_paths, manner, directory),
                   tree);
}

/// A probe that an earlier daemon had begun is begun anew: what it says must be about now.
Result<UniqueFd> start_probe(Shared& shared, const Call& call, const RunManner& manner,
                             const fs::path& directory) {
  if (Result<void> discarded = discard_run(directory); !discarded) return discarded.error();
  Result<Plan> plan = shared.plan(call, manner);
  if (!plan) return plan.error();
  if (auto made = make_runs_directory(shared.settings.runs_directory); !made) return made.error();
  return start_run(shared.settings.shim, directory,
                   spec_of(call, *plan, shared.settings, shared.private_paths, manner, directory));
}

/// Nothing of a program that lost its shim goes on while somebody asks what it has done.
Ending ending_of(const ProgressRequest& request) {
  Result<AwaitProcess::Reply> outcome = outcome_of(request.directory);
  if (!outcome && outcome.error().code == Errc::unknown_outcome &&
      !end_stragglers({key_of_run(request.directory)})) {
    outcome = outcome.error().with("something of it still runs and does not end");
  }
  return {.outcome = std::move(outcome), .rest = new_output({request})};
}

/// The runs on disk that `chosen` picks. A directory that cannot be read is an error, one that does
/// not exist is empty.
template <class Predicate>
Result<std::vector<fs::path>> runs_on_disk(const fs::path& runs_directory, Predicate chosen) {
  std::vector<fs::path> runs;
  std::error_code error;
  if (!fs::exists(runs_directory, error)) return runs;
  for (fs::directory_iterator entry(runs_directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code vanished;
    if (entry->is_directory(vanished) && chosen(key_of_run(entry->path())))
      runs.push_back(entry->path());
  }
  if (error) return os_error("list " + runs_directory.string(), error.value());
  return runs;
}

std::set<std::string> keys_of(const std::vector<fs::path>& runs) {
  std::set<std::string> keys;
  for (const fs::path& run : runs)
    keys.insert(key_of_run(run));
  return keys;
}

/// Removes all that it can; the first failure.
Result<void> remove_runs(const std::vector<fs::path>& runs) {
  Result<void> outcome;
  for (const fs::path& run : runs) {
    const Result<void> removed = remove_run(run);
    if (!removed && outcome) outcome = removed.error();
  }
  return outcome;
}

Result<std::vector<UniqueFd>> shims_of(const std::vector<fs::path>& runs) {
  std::vector<UniqueFd> shims;
  for (const fs::path& run : runs) {
    Result<UniqueFd> shim = find_shim(run);
    if (!shim) return shim.error();
    if (*shim) shims.push_back(*std::move(shim));
  }
  return shims;
}

/// Says whether all of them have ended.
bool end_shims(const std::vector<UniqueFd>& shims) {
  for (const int signal_number : {SIGTERM, SIGKILL}) {
    for (const UniqueFd& shim : shims)
      send_signal(shim.get(), signal_number);
    if (wait_for_end(shims, kLeftOverGrace)) return true;
  }
  return false;
}

}  // namespace

class ProcessDriver::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor loop, BlockingPool& pool, ProgressSink& sink, ProcessSettings settings,
       Result<void> sandbox_works, const std::optional<Tracking>& tracking,
       const std::optional<OutputKeeping>& outputs)
      : loop_(std::move(loop)),
        pool_(pool),
        looks_(tracking ? tracking->pool : pool),
        sink_(sink),
        shared_(std::make_shared<Shared>(std::move(settings), std::move(sandbox_works))),
        progress_timer_(loop_) {
    if (tracking) shared_->tracking.emplace(tracking->trees, shared_->settings);
    if (outputs) shared_->outputs.emplace(*outputs);
  }

  void prepare(Call call, RunManner manner, Completion<Prepared> prepared) {
    looks_.run<Prepared>(
        [shared = shared_, call = std::move(call),
         manner = std::move(manner)]() -> Result<Prepared> {
          Result<Plan> plan = shared->plan(call, manner);
          if (!plan) return plan.error();
          if (ProgramTracking* const tracking = shared->tracking_of(manner)) {
            auto left = tracking->look_ahead(call, shared->closed.get_token());
            if (!left) return left.error();
            plan->facts.left = *std::move(left);
          }
          return Prepared{.facts = std::move(plan->facts), .pre_image = std::nullopt};
        },
        std::move(prepared));
  }

  void perform(Call call, RunManner manner, Completion<Reply> done) {
    const CommandId id = add_run(call, manner, std::move(done), /*recovering=*/false);
    looks_.run<UniqueFd>(
        [shared = shared_, call = std::move(call), manner = std::move(manner),
         stop = runs_.at(id).stop.get_token()] { return start(*shared, call, manner, stop); },
        then(id, &Impl::watch));
  }

  void recover(const Call& call, RunManner manner, Completion<Reply> done) {
    if (!is_run_key(call.key)) return done(Error{Errc::invalid, "not an idempotency key"});
    attach(add_run(call, std::move(manner), std::move(done), /*recovering=*/true));
  }

  void cancel(CommandId id) {
    const auto run = runs_.find(id);
    if (run == runs_.end()) return;
    run->second.cancelled = true;
    run->second.stop.request_stop();
    if (run->second.shim) send_signal(run->second.shim->native_handle(), SIGTERM);
  }

  Result<void> end_leftovers(const std::set<std::string>& known_keys) {
    Result<std::vector<fs::path>> runs =
        runs_on_disk(shared_->settings.runs_directory,
                     [&](const std::string& key) { return !known_keys.contains(key); });
    if (!runs) return runs.error();
    Result<std::vector<UniqueFd>> shims = shims_of(*runs);
    if (!shims) return shims.error();
    const bool ended = end_shims(*shims) && end_stragglers(keys_of(*runs));
    const Result<void> removed = remove_runs(*runs);
    if (!ended) return Error{Errc::timed_out, "left-over programs do not end"};
    return removed;
  }

  void forget(const std::string& key) {
    pool_.run<void>(
        [shared = shared_, key]() -> Result<void> {
          Result<std::vector<fs::path>> runs =
              runs_on_disk(shared->settings.runs_directory,
                           [&](const std::string& each) { return each == key; });
          if (!runs) return runs.error();
          return remove_runs(*runs);
        },
        // What stays behind is found by the next end_leftovers, which tells of it.
        Completion<void>([](const Result<void>& /*removed*/) {}));
  }

  [[nodiscard]] Result<void> add_contents(std::set<Sha256>& contents) const {
    const Result<std::vector<fs::path>> runs =
        runs_on_disk(shared_->settings.runs_directory, [](const std::string&) { return true; });
    if (!runs) return runs.error();
    for (const fs::path& run : *runs) {
      const Result<Tree> tree = tree_found_by(run);
      if (!tree && tree.error().code == Errc::not_found) continue;
      if (!tree) return tree.error();
      tinkerbell::add_contents(*tree, contents);
    }
    return {};
  }

  /// Drops everything under way; the programs stay with their shims.
  void close() {
    progress_timer_.cancel();
    shared_->closed.request_stop();
    for (auto& [id, run] : runs_)
      run.stop.request_stop();
    std::exchange(runs_, {}).clear();  // an abandoned completion may come back to us
  }

 private:
  struct Run {
    Completion<Reply> done;
    Call call;
    RunManner manner;
    fs::path directory;
    bool recovering = false;
    bool cancelled = false;
    std::stop_source stop;                               ///< Of the look before it begins.
    std::optional<asio::posix::stream_descriptor> shim;  ///< Its pidfd, while it lives.
    std::uint64_t shown = 0;         ///< How much of the output the sink has seen.
    std::optional<Probing> probing;  ///< The program is no more; `directory` is the probe's.
  };

  CommandId add_run(const Call& call, RunManner manner, Completion<Reply> done, bool recovering) {
    Run run;
    run.done = std::move(done);
    run.call = call;
    run.manner = std::move(manner);
    run.directory = shared_->directory_of(call);
    run.recovering = recovering;
    const bool added = runs_.try_emplace(call.id, std::move(run)).second;
    TINKERBELL_ASSERT(added);
    return call.id;
  }

  /// A completion that does nothing once the driver is gone.
  template <class T>
  Completion<T> then(CommandId id, void (Impl::*next)(CommandId, Result<T>)) {
    return Completion<T>([self = weak_from_this(), id, next](Result<T> result) {
      if (const auto impl = self.lock()) ((*impl).*next)(id, std::move(result));
    });
  }

  void watch_when_found(CommandId id, std::move_only_function<Result<UniqueFd>()> find) {
    pool_.run<UniqueFd>(std::move(find), then(id, &Impl::watch));
  }

  void attach(CommandId id) {
    watch_when_found(id, [directory = runs_.at(id).directory] { return find_shim(directory); });
  }

  void watch(CommandId id, Result<UniqueFd> shim) {
    const auto found = runs_.find(id);
    if (found == runs_.end()) return;
    Run& run = found->second;
    if (!shim) return give_up(id, shim.error());
    if (!*shim) return collect(id);
    run.shim.emplace(loop_, shim->release());
    await_end(id);
    if (run.cancelled) send_signal(run.shim->native_handle(), SIGTERM);
    show_progress_later();
  }

  void await_end(CommandId id) {
    runs_.at(id).shim->async_wait(asio::posix::stream_descriptor::wait_read,
                                  [self = weak_from_this(), id](boost::system::error_code error) {
                                    const auto impl = self.lock();
                                    if (impl && !error) impl->shim_ended(id);
                                  });
  }

  void shim_ended(CommandId id) {
    Run& run = runs_.at(id);
    // A socket that is closed stays with epoll while a child between fork and exec has it, and what
    // happens to it then is told of the descriptor that has its place in the loop since (epoll(7),
    // questions and answers 6).
    if (!has_ended(run.shim->native_handle())) return await_end(id);
    reap(run.shim->native_handle());
    run.shim.reset();
    collect(id);
  }

  void collect(CommandId id) {
    const Run& run = runs_.at(id);
    pool_.run<Ending>(
        [shared = shared_, call = run.call, probing = run.probing.has_value(),
         request = ProgressRequest{id, run.directory, run.shown, true}]() -> Result<Ending> {
          Ending ending = ending_of(request);
          if (ending.outcome && !probing && shared->outputs) {
            keep_output(std::get<AwaitProcess>(call.command), *shared->outputs, *ending.outcome);
          }
          return ending;
        },
        then(id, &Impl::conclude));
  }

  void conclude(CommandId id, Result<Ending> ending) {
    const auto run = runs_.find(id);
    if (run == runs_.end()) return;
    if (!ending) return give_up(id, ending.error());
    Result<AwaitProcess::Reply>& outcome = ending->outcome;
    // A shim that another daemon had just started took the lock after we had looked.
    if (!outcome && outcome.error().code == Errc::conflict) return attach(id);
    if (run->second.probing) return finish(id, known_by_probe(run->second, outcome));
    for (const ProgressPiece& piece : ending->rest) {
      if (!run->second.manner.apart) sink_.progress(id, ProgressKind::program_output, piece.text);
    }
    if (outcome) return finish(id, Reply(*std::move(outcome)));
    judge(id, meaning_of(outcome.error(), run->second));
  }

  /// We could not even look.
  void give_up(CommandId id, const Error& error) {
    const Run& run = runs_.at(id);
    if (run.probing) return finish(id, known_by_probe(run, error));
    finish(id, run.recovering ? Error{Errc::unknown_outcome, error.message} : error);
  }

  /// What nobody saw a probe may know.
  void judge(CommandId id, const Error& error) {
    Run& run = runs_.at(id);
    if (error.code != Errc::unknown_outcome || run.cancelled) return finish(id, error);
    const auto& command = std::get<AwaitProcess>(run.call.command);
    const ProbeRecipe* const recipe = recipe_for(command, shared_->settings.probes);
    if (recipe == nullptr) return finish(id, error);
    run.directory = probe_directory(run.directory);
    Call probe = run.call;
    probe.command = probe_of(*recipe, command);
    run.probing.emplace(*recipe, error.message);
    // What is said of it for people has its errors in it.
    RunManner manner{.access = run.manner.access, .env = run.manner.env};
    watch_when_found(
        id, [shared = shared_, probe = std::move(probe), manner = std::move(manner),
             directory = run.directory] { return start_probe(*shared, probe, manner, directory); });
  }

  static Result<Reply> known_by_probe(const Run& run, const Result<AwaitProcess::Reply>& outcome) {
    const Finding finding = finding_of(run.probing->recipe, outcome);
    std::string evidence = run.probing->evidence + "; " + finding.evidence;
    switch (finding.happened) {
      case Happened::yes:
        return Reply(AwaitProcess::Reply{.note = "its output is lost: " + std::move(evidence)});
      case Happened::no:
        // Without a crash of ours a new attempt is the task's to make: a program that ends its own
        // shim would be started for ever.
        return Error{run.recovering ? Errc::not_started : Errc::unavailable, std::move(evidence)};
      case Happened::unknown:
        return Error{Errc::unknown_outcome, std::move(evidence)};
    }
    std::abort();
  }

  /// `not_started` is an answer to recover; of a run of our own it says that the shim failed.
  [[nodiscard]] Error meaning_of(const Error& error, const Run& run) const {
    if (error.code != Errc::not_started) return error;
    if (run.recovering && shared_->settings.runs_lost && !fs::exists(run.directory)) {
      return {Errc::unknown_outcome,
              "the program was released before this state was copied, and ran elsewhere if it ran"};
    }
    if (run.cancelled) return {Errc::cancelled, error.message};
    if (!run.recovering) return {Errc::unavailable, error.message};
    return error;
  }

  /// However it ended: what it has changed until then is told with it.
  void finish(CommandId id, Result<Reply> outcome) {
    const Run& run = runs_.at(id);
    ProgramTracking* const tracking = shared_->tracking_of(run.manner);
    if (tracking == nullptr) return answer(id, std::move(outcome));
    looks_.run<Reply>(
        [shared = shared_, tracking, call = run.call, directory = shared_->directory_of(run.call),
         outcome = std::move(outcome)]() mutable {
          return tracking->with_changes(call, directory, std::move(outcome),
                                        shared->closed.get_token());
        },
        then(id, &Impl::answer));
  }

  void answer(CommandId id, Result<Reply> outcome) {
    auto run = runs_.extract(id);  // first, since the answer may bring the next command
    run.mapped().done(std::move(outcome));
  }

  void show_progress_later() {
    if (progress_is_due_) return;
    progress_is_due_ = true;
    progress_timer_.expires_after(kProgressEvery);
    progress_timer_.async_wait([self = weak_from_this()](boost::system::error_code error) {
      const auto impl = self.lock();
      if (impl && !error) impl->read_progress();
    });
  }

  void read_progress() {
    std::vector<ProgressRequest> requests;
    for (const auto& [id, run] : runs_) {
      if (run.shim && !run.probing && !run.manner.apart)
        requests.push_back({id, run.directory, run.shown, false});
    }
    pool_.run<std::vector<ProgressPiece>>(
        [requests = std::move(requests)]() -> Result<std::vector<ProgressPiece>> {
          return new_output(requests);
        },
        Completion<std::vector<ProgressPiece>>(
            [self = weak_from_this()](Result<std::vector<ProgressPiece>> pieces) {
              const auto impl = self.lock();
              if (impl) impl->show(pieces ? *pieces : std::vector<ProgressPiece>());
            }));
  }

  void show(const std::vector<ProgressPiece>& pieces) {
    progress_is_due_ = false;
    for (const ProgressPiece& piece : pieces) {
      const auto run = runs_.find(piece.id);
      // Of one whose shim has ended meanwhile the rest comes with the outcome.
      if (run == runs_.end() || !run->second.shim || run->second.probing) continue;
      run->second.shown = piece.end;
      sink_.progress(piece.id, ProgressKind::program_output, piece.text);
    }
    if (!runs_.empty()) show_progress_later();
  }

  asio::any_io_executor loop_;
  BlockingPool& pool_;
  BlockingPool& looks_;  ///< What may take as long as a look at a whole workspace.
  ProgressSink& sink_;
  std::shared_ptr<Shared> shared_;
  asio::steady_timer progress_timer_;
  bool progress_is_due_ = false;
  std::map<CommandId, Run> runs_;
};

ProcessDriver::ProcessDriver(asio::any_io_executor loop, BlockingPool& pool, ProgressSink& sink,
                             ProcessSettings settings, Result<void> sandbox_works,
                             const std::optional<Tracking>& tracking,
                             const std::optional<OutputKeeping>& outputs)
    : impl_(std::make_shared<Impl>(std::move(loop), pool, sink, std::move(settings),
                                   std::move(sandbox_works), tracking, outputs)) {}

ProcessDriver::~ProcessDriver() {
  impl_->close();
}

void ProcessDriver::prepare(Call call, Completion<Prepared> prepared) {
  prepare(std::move(call), RunManner{}, std::move(prepared));
}

void ProcessDriver::prepare(Call call, const RunManner& manner, Completion<Prepared> prepared) {
  impl_->prepare(std::move(call), manner, std::move(prepared));
}

void ProcessDriver::perform(Call call, Completion<Reply> done) {
  perform(std::move(call), RunManner{}, std::move(done));
}

void ProcessDriver::perform(Call call, const RunManner& manner, Completion<Reply> done) {
  impl_->perform(std::move(call), manner, std::move(done));
}

void ProcessDriver::recover(Call call, Completion<Reply> done) {
  recover(std::move(call), RunManner{}, std::move(done));
}

void ProcessDriver::recover(Call call, const RunManner& manner, Completion<Reply> done) {
  impl_->recover(call, manner, std::move(done));
}

void ProcessDriver::cancel(CommandId id) {
  impl_->cancel(id);
}

Result<void> ProcessDriver::end_leftovers(const std::set<std::string>& known_keys) {
  return impl_->end_leftovers(known_keys);
}

Result<void> ProcessDriver::add_contents(std::set<Sha256>& contents) const {
  return impl_->add_contents(contents);
}

void ProcessDriver::settled(const std::string& key) {
  impl_->forget(key);
}

}  // namespace tinkerbell

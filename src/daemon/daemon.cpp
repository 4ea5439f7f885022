#include "daemon/daemon.hpp"

#include "daemon/driver_settings.hpp"
#include "daemon/tool_servers.hpp"

#include "tinkerbell/base/version.hpp"
#include "tinkerbell/tasks/agent.hpp"
#include "tinkerbell/tasks/drafts.hpp"
#include "tinkerbell/tasks/undo.hpp"

#include <malloc.h>
#include <signal.h>
#include <sysexits.h>

#include <filesystem>
#include <iostream>
#include <optional>
#include <set>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::size_t kPoolThreads = 4;
constexpr std::size_t kResolverThreads = 2;
constexpr std::size_t kLookThreads = 2;

/// A turn that takes longer keeps everybody waiting, and is logged.
constexpr auto kTurnLimit = std::chrono::milliseconds{100};

std::string sandbox_in_words(const settings::Settings& settings, const Result<void>& works) {
  if (settings.sandbox == settings::SandboxKind::none) return "none";
  return works ? "bubblewrap" : "unavailable: " + works.error().message;
}

Budget default_budget(const settings::BudgetSettings& settings) {
  return {.cost = settings.cost,
          .tokens = settings.tokens,
          .asks = settings.on_limit == settings::OnLimit::ask,
          .calls = settings.calls,
          .tasks = settings.tasks,
          .time = settings.time};
}

OutreachSettings outreach_settings(const settings::Settings& settings) {
  OutreachSettings outreach{.notify = settings.notify.command,
                            .on = {},
                            .notify_timeout = settings.notify.timeout,
                            .ask = settings.ask.command,
                            .ask_timeout = settings.ask.timeout};
  for (const std::string& each : settings.notify.on)
    outreach.on.push_back(value_named<Occasion>(each).value());  // the settings know no other
  return outreach;
}

std::string in_words(const TurnMark::Deaths& deaths) {
  const std::string where = deaths.at == Seq{0}
                                ? "before its first step"
                                : "at its step " + std::to_string(number(deaths.at));
  return "the daemon died " + std::to_string(deaths.count) + " times in a row " + where;
}

}  // namespace

Daemon::Daemon(DaemonPlan plan, const Masker& masker, Logger& logger, TurnMark& mark,
               std::unique_ptr<Store> store, ContentStore& contents,
               const Result<void>& sandbox_works)
    : plan_(std::move(plan)),
      masker_(masker),
      logger_(logger),
      mark_(mark),
      sandbox_(sandbox_in_words(plan_.settings, sandbox_works)),
      trees_(contents, watch_bounds(plan_.settings)),
      pool_(into_inbox(), kPoolThreads),
      resolvers_(into_inbox(), kResolverThreads),
      looks_(into_inbox(), kLookThreads),
      memory_trim_(
          io_.get_executor(), {}, [this] { trim_memory(); }, control_.observer()),
      observer_(logger_, memory_trim_),
      progress_(masker_, observer_),
      registry_(make_registry(plan_)),
      journal_(std::move(store), journal_callbacks()),
      writer_(journal_),
      calls_({.journal = journal_,
              .clock = clock_,
              .random = random_,
              .registry = registry_,
              .rules = plan_.settings.policy,
              .masker = masker_,
              .logger = logger_,
              .observer = observer_,
              .kernel_observer = mark_,
              .tasks_max = plan_.settings.daemon.tasks_max,
              .depth_max = plan_.settings.daemon.depth_max,
              .children_max = plan_.settings.daemon.children_max,
              .idle_max = plan_.settings.daemon.idle_max}),
      flight_dump_({.ring = calls_.scheduler().trace(),
                    .ticks = calls_.scheduler().ticks(),
                    .watch = calls_.scheduler().watch(),
                    .state_dir = plan_.state_dir,
                    .log_fd = plan_.log_fd}),
      http_(io_.get_executor(), resolvers_),
      requests_(http_, pool_, masker_, contents, http_settings(plan_.settings)),
      files_(pool_, contents, file_limits(plan_.settings, plan_.state_dir, plan_.socket),
             drafts_in(plan_.state_dir)),
      drafts_(pool_, contents, draft_settings(plan_.settings, plan_.state_dir, plan_.socket)),
      programs_(
          io_.get_executor(), pool_, progress_,
          process_settings(plan_.settings, plan_.state_dir, plan_.socket), sandbox_works,
          plan_.settings.workspace.track ? std::optional(Tracking{trees_, looks_}) : std::nullopt,
          OutputKeeping{contents, masker_}),
      git_(pool_, programs_, git_settings(plan_.settings, plan_.state_dir, plan_.socket)),
      mcp_(io_.get_executor(), pool_, clock_, progress_, logger_,
           mcp_settings(plan_.settings, plan_.state_dir, plan_.socket, sandbox_works)),
      models_(io_.get_executor(), http_, pool_, clock_, progress_, logger_, plan_.llm),
      cassettes_(models_, clock_, progress_),
      outreach_(io_.get_executor(), outreach_settings(plan_.settings), logger_,
                [this](ApprovalId approval, const protocol::DecisionRequest& wanted,
                       std::string via, Completion<void> done) {
                  control_.decide(approval, wanted, std::move(via), std::move(done));
                }),
      notifier_(io_.get_executor()),
      signals_(io_, SIGTERM, SIGINT),
      reactor_(io_, calls_.scheduler(), clock_),
      hog_watch_(calls_.scheduler(), kTurnLimit, [this](const Hog& hog) { report_hog(hog); }) {
  mark_.connect(observer_, [this](TaskId task) { return calls_.newest_step(task); });
  reactor_.set_inbox(&inbox_);
  reactor_.set_hog_watch(&hog_watch_);
  reactor_.set_end_of_round([this] { journal_.announce(); });
  calls_.set_driver<AwaitFileRead>(files_);
  calls_.set_driver<AwaitFileWrite>(files_);
  calls_.set_driver<AwaitFileEdit>(files_);
  calls_.set_driver<AwaitFileList>(files_);
  calls_.set_driver<AwaitFileSearch>(files_);
  calls_.set_driver<AwaitFileStat>(files_);
  calls_.set_driver<AwaitFileMove>(files_);
  calls_.set_driver<AwaitFileRemove>(files_);
  calls_.set_driver<AwaitFileRestore>(files_);
  calls_.set_driver<AwaitGuidance>(files_);
  calls_.set_driver<AwaitSkill>(files_);
  calls_.set_driver<AwaitFilePatch>(files_);
  calls_.set_driver<AwaitFileSave>(files_);
  calls_.set_driver<AwaitContentRead>(files_);
  calls_.set_driver<AwaitDraftOpen>(drafts_);
  calls_.set_driver<AwaitDraftAccept>(drafts_);
  calls_.set_driver<AwaitDraftDrop>(drafts_);
  calls_.set_driver<AwaitProcess>(programs_);
  calls_.set_driver<AwaitGitStatus>(git_);
  calls_.set_driver<AwaitGitDiff>(git_);
  calls_.set_driver<AwaitGitLog>(git_);
  calls_.set_driver<AwaitGitAdd>(git_);
  calls_.set_driver<AwaitGitCommit>(git_);
  calls_.set_driver<AwaitGitBranch>(git_);
  calls_.set_driver<AwaitGitPush>(git_);
  calls_.set_driver<AwaitToolList>(mcp_);
  calls_.set_driver<AwaitToolTrust>(mcp_);
  calls_.set_driver<AwaitTool>(mcp_);
  calls_.set_driver<AwaitLLMResponse>(cassettes_);
  calls_.set_driver<AwaitHttp>(requests_);
  control_.connect(
      {.loop = io_.get_executor(),
       .pool = pool_,
       .calls = calls_,
       .journal = journal_,
       .clock = clock_,
       .logger = logger_,
       .registry = registry_,
       .masker = masker_,
       .contents = contents,
       .drafts = drafts_in(plan_.state_dir),
       .fork_drafts = drafts_,
       .tool_servers = tool_servers_of(mcp_),
       .relied_on = [this](std::set<Sha256>& relied_on) { return add_contents(relied_on); },
       .facts = {.version = std::string(kBuildVersion),
                 .sandbox = sandbox_,
                 .model = plan_.settings.agent.model,
                 .socket = plan_.socket,
                 .state_dir = plan_.state_dir,
                 .log = plan_.settings.log.target == settings::LogTarget::file
                            ? plan_.settings.log.file
                            : "stderr",
                 .keep_ended = plan_.settings.retention.ended,
                 .budget = default_budget(plan_.settings.budget)}});
  control_.on_event([this](const protocol::EventView& event) { outreach_.tell(event); });
}

std::function<void(std::move_only_function<void()>)> Daemon::into_inbox() {
  return [this](std::move_only_function<void()> work) { inbox_.post(std::move(work)); };
}

Result<void> Daemon::add_contents(std::set<Sha256>& relied_on) {
  trees_.add_contents(relied_on);
  if (Result<void> added = programs_.add_contents(relied_on); !added) return added;
  return drafts_.add_contents(relied_on);
}

Journal::Callbacks Daemon::journal_callbacks() {
  return {.post = into_inbox(),
          .durable = [this](const std::vector<Record>& records) { calls_.durable(records); },
          .failed =
              [this](const Error& error) {
                // A failed sync is never tried again: the next run reads what is really there.
                logger_.error("journal.failed", {{"error", error.message}});
                stop(EX_IOERR, "the journal cannot be written");
              },
          .storage = [this](const std::optional<Error>& full) { report_storage(full); },
          .anchored = [this](const Anchor& anchor) { report_anchor(anchor); },
          .work_accepted =
              [this](TaskId root, std::uint64_t questions) {
                logger_.info("task.accepted", {{"task", number(root)}, {"questions", questions}});
              }};
}

/// Whoever allocates in the same arena waits for it; not the loop for the rest of them.
void Daemon::trim_memory() {
  pool_.run<void>(
      []() -> Result<void> {
        ::malloc_trim(0);
        return {};
      },
      Completion<void>([](const Result<void>& /*trimmed*/) {}));
}

void Daemon::report_storage(const std::optional<Error>& full) {
  if (full) {
    logger_.error("storage.full", {{"error", full->message}});
  } else {
    logger_.info("storage.has_room", {});
  }
}

/// Where the log is kept, it is evidence: `tinkerbell verify --anchor` compares the journal with
/// it.
void Daemon::report_anchor(const Anchor& anchor) {
  logger_.info("journal.anchored", {{"lsn", number(anchor.lsn)}, {"seal", anchor.seal.hex()}});
}

/// On the watching thread, in the middle of that turn.
void Daemon::report_hog(const Hog& hog) {
  Json calls = Json::array();
  for (const std::source_location& call : hog.calls)
    calls.push_back(std::string(call.function_name()) + ":" + std::to_string(call.line()));
  logger_.warn("loop.hog",
               {{"task", number(hog.task)},
                {"turn_ms", std::chrono::duration_cast<Milliseconds>(hog.so_far).count()},
                {"calls", std::move(calls)}});
}

namespace {

std::vector<std::string> names_of(const std::map<std::string, settings::McpServerSettings>& all) {
  std::vector<std::string> names;
  for (const auto& [name, server] : all)
    names.push_back(name);
  return names;
}

}  // namespace

Registry Daemon::make_registry(const DaemonPlan& plan) {
  const AgentDefaults defaults{.model = plan.settings.agent.model,
                               .steps_max = plan.settings.agent.steps_max,
                               .time_max = plan.settings.agent.time_max,
                               .conversation_tokens_max =
                                   [&plan](const std::string& model) {
                                     return conversation_tokens_max(plan.settings, model);
                                   },
                               .mcp_servers = names_of(plan.settings.mcp)};
  Registry registry;
  registry.add(std::string(kAgentKind),
               {.freeze = [&plan, defaults](const Json& arguments) -> Result<Json> {
                  Result<Json> definition = freeze_agent(arguments, defaults);
                  if (!definition) return definition;
                  const auto model = definition->at("model").get<std::string>();
                  if (!plan.settings.models.contains(model)) {
                    return Error{Errc::invalid,
                                 "there is no model \"" + model + "\" in the config"};
                  }
                  return definition;
                },
                .start = run_agent,
                .title = agent_title,
                .in_draft = plan.settings.agent.files == settings::AgentFiles::draft,
                .accepted_at_end = true});
  registry.add(
      std::string(kAcceptKind),
      {.freeze = freeze_accept, .start = run_accept, .title = accept_title, .may_fork = false});
  registry.add(std::string(kDropKind),
               {.freeze = freeze_drop, .start = run_drop, .title = drop_title, .may_fork = false});
  registry.add(std::string(kUndoKind),
               {.freeze = freeze_undo, .start = run_undo, .title = undo_title, .may_fork = false});
  if (plan.add_kinds) plan.add_kinds(registry);
  return registry;
}

Result<Daemon::Survivors> Daemon::survivors_of(Store& store, const TurnMark& mark) {
  Result<std::vector<TaskHead>> heads = store.claim(Store::kAll, SystemClock().wall());
  if (!heads) return heads.error();
  Survivors survivors;
  for (TaskHead& head : *heads) {
    const bool rests = head.rest && mark.deaths_of(head.task).count == 0;
    (rests ? survivors.resting : survivors.awake).push_back(std::move(head));
  }
  Result<std::unique_ptr<StoredChains>> records = store.records_from_snapshots(survivors.awake);
  if (!records) return records.error();
  survivors.records = *std::move(records);
  return survivors;
}

void Daemon::recover(const Survivors& survivors) {
  std::set<std::string> programs_known;
  bool all_known = true;
  for (const TaskHead& head : survivors.resting) {
    programs_known.merge(calls_.keys_under_way(head));
    calls_.rest(head);
  }
  for (const TaskHead& head : survivors.awake) {
    Result<std::vector<Record>> records = survivors.records->next();
    if (!records) {
      all_known = false;
      control_.adopt(head);
      calls_.recover_unreadable(head, records.error());
      continue;
    }
    programs_known.merge(calls_.keys_under_way(*records));
    control_.adopt(*records);
    mark_.begin({.task = head.task});
    bring_back(head, *std::move(records));
    mark_.end();
  }
  if (!all_known) return;  // a program that nobody knows may belong to a task that cannot be read
  if (const Result<void> ended = programs_.end_leftovers(programs_known); !ended) {
    logger_.warn("programs.leftovers", {{"error", ended.error().message}});
  }
}

void Daemon::bring_back(const TaskHead& head, std::vector<Record> records) {
  const TurnMark::Deaths deaths = mark_.deaths_of(head.task);
  if (deaths.count >= TurnMark::kDeathsMax) {
    mark_.forget(head.task);  // its journal knows from here on
    calls_.quarantine(head, in_words(deaths));
  } else if (const Result<void> back = calls_.recover(head, std::move(records)); !back) {
    logger_.error("task.not_recovered",
                  {{"task", number(head.task)}, {"error", back.error().message}});
  }
}

Result<void> Daemon::listen() {
  if (const int activated = activated_socket(); activated >= 0) {
    return control_.adopt_socket(activated);
  }
  std::error_code failure;
  const std::filesystem::path directory = std::filesystem::path(plan_.socket).parent_path();
  std::filesystem::create_directories(directory, failure);
  if (failure) return os_error("make " + directory.string(), failure.value());
  return control_.listen(plan_.socket, plan_.settings.daemon.socket_mode);
}

int Daemon::run(Survivors survivors) {
  const std::size_t brought_back = survivors.awake.size() + survivors.resting.size();
  recover(std::exchange(survivors, {}));  // their records take much memory
  calls_.replay_all();
  if (const Result<void> listening = listen(); !listening) {
    logger_.error("control.failed", {{"error", listening.error().message}});
    std::cerr << "tinkerbelld: " << listening.error().message << "\n";  // the log may be a file
    calls_.stop();
    return EX_CANTCREAT;
  }
  logger_.info("daemon.ready", {{"version", kBuildVersion},
                                {"socket", plan_.socket},
                                {"state_dir", plan_.state_dir},
                                {"sandbox", sandbox_},
                                {"epoch", std::to_underlying(journal_.store_state().epoch)},
                                {"tasks", brought_back}});
  const StoreState& opened = journal_.store_state();
  if (!opened.accepted.empty()) logger_.warn("journal.accepted", {{"error", opened.accepted}});
  report_anchor(opened.anchor);
  if (journal_.storage_full()) report_storage(journal_.storage_full());
  if (outreach_.asks()) {  // once more: what was said to the last run is lost
    control_.show_open([this](const protocol::ApprovalView& open) { outreach_.ask(open); });
  }
  notifier_.ready(std::to_string(brought_back) + " tasks brought back");
  notifier_.feed_watchdog();
  wait_for_signal();
  reactor_.run();
  calls_.stop();
  drain();
  if (exit_status_ == 0) all_is_well();
  return exit_status_;
}

/// The last thing that this run does, if nothing went wrong.
void Daemon::all_is_well() {
  mark_.forget_all();
  if (calls_.is_recovering() || journal_.durable_lsn() != journal_.last_lsn()) return;
  // What became of the programs that were under way then is asked about, or known, by now.
  std::error_code stays;
  std::filesystem::remove(std::filesystem::path(plan_.state_dir) / kCopiedFile, stays);
}

/// Lets answers go out and what was appended become durable.
void Daemon::drain() {
  if (journal_.storage_full()) journal_.use_reserve();
  const SteadyTime deadline = clock_.steady() + plan_.settings.daemon.shutdown_grace;
  const auto finished = [this] {
    return control_.connections() == 0 && journal_.durable_lsn() == journal_.last_lsn();
  };
  while (exit_status_ == 0 && !finished() && clock_.steady() < deadline)
    reactor_.serve_once(deadline);
}

void Daemon::wait_for_signal() {
  signals_.async_wait([this](const boost::system::error_code& failed, int signal) {
    if (failed) return;
    stop(0, signal == SIGTERM ? "SIGTERM" : "SIGINT");
  });
}

/// Programs stay with their shims and model calls are asked again: the next run takes up all that
/// is under way.
void Daemon::stop(int status, std::string_view why) {
  logger_.info("daemon.stopping", {{"reason", why}});
  notifier_.stopping();
  control_.stop();
  exit_status_ = status;
  reactor_.stop();
}

}  // namespace tinkerbell

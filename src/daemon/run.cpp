#include "tinkerbell/daemon/run.hpp"

#include "daemon/complain.hpp"
#include "daemon/daemon.hpp"
#include "daemon/debug_core.hpp"
#include "daemon/driver_settings.hpp"
#include "daemon/options.hpp"

#include "tinkerbell/drivers/draft/draft_driver.hpp"
#include "tinkerbell/drivers/process/sandbox_probe.hpp"
#include "tinkerbell/journal/sqlite_store.hpp"
#include "tinkerbell/settings/key.hpp"
#include "tinkerbell/settings/paths.hpp"
#include "tinkerbell/telemetry/json_logger.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>

namespace tinkerbell {
namespace {

/// Config file, command line and environment together.
Result<DaemonPlan> make_plan(const Options& options) {
  Result<settings::Paths> paths = settings::default_paths(std::getenv, ::geteuid() == 0);
  if (!paths) return paths.error();
  const bool named = !options.config_file.empty();
  const std::string file = named ? options.config_file : paths->config_file;
  DaemonPlan plan;
  if (named || std::filesystem::exists(file)) {
    Result<settings::Settings> settings = settings::load_settings(file);
    if (!settings) return settings.error();
    plan.settings = *std::move(settings);
  }
  plan.settings.file = std::filesystem::absolute(file);
  const auto first_given = [](const std::string& flag, const std::string& config,
                              const std::string& usual) {
    return !flag.empty() ? flag : !config.empty() ? config : usual;
  };
  // A program must find its HOME below it wherever it is started.
  plan.state_dir = std::filesystem::absolute(
      first_given(options.state_dir, plan.settings.daemon.state_dir, paths->state_dir));
  plan.socket = std::filesystem::absolute(
      first_given(options.socket, plan.settings.daemon.socket, paths->socket));
  return plan;
}

Durability store_durability(settings::Durability wanted) {
  return wanted == settings::Durability::process ? Durability::process : Durability::power;
}

/// Without its file the daemon runs all the same, and a task that ends it is not found out.
std::unique_ptr<TurnMark> turn_mark(const std::string& state_dir, Logger& logger) {
  Result<std::unique_ptr<TurnMark>> mark = TurnMark::open(state_dir);
  if (mark) return *std::move(mark);
  logger.warn("turns.not_marked", {{"error", mark.error().message}});
  return TurnMark::in_memory();
}

/// A crash may have left the draft of a fork that never was.
Result<void> settle_drafts(Store& store, const Drafts& drafts) {
  return settle_fork_drafts(drafts, [&store](TaskId task) -> Result<bool> {
    const Result<TaskHead> head = store.task(task);
    if (!head && head.error().code != Errc::not_found) return head.error();
    return static_cast<bool>(head);
  });
}

int run_with(DaemonPlan plan, const Masker& masker, Logger& logger) {
  Result<std::unique_ptr<Store>> store =
      open_sqlite_store(plan.state_dir, store_durability(plan.settings.daemon.durability),
                        kLogPagesMax, plan.evidence);
  if (!store) {
    const bool busy = store.error().code == Errc::conflict;
    return complain(busy ? EX_TEMPFAIL : EX_CANTCREAT, store.error());
  }
  const Result<std::unique_ptr<ContentStore>> contents =
      ContentStore::open(plan.state_dir + "/contents");
  if (!contents) return complain(EX_CANTCREAT, contents.error());
  if (Result<void> settled = settle_drafts(**store, drafts_in(plan.state_dir)); !settled) {
    logger.warn("drafts.leftovers", {{"error", settled.error().message}});
  }
  const std::unique_ptr<TurnMark> mark = turn_mark(plan.state_dir, logger);
  Result<Daemon::Survivors> survivors = Daemon::survivors_of(**store, *mark);
  if (!survivors) return complain(EX_DATAERR, survivors.error());
  const Result<void> sandbox_works =
      probe_sandbox(process_settings(plan.settings, plan.state_dir, plan.socket));
  if (!sandbox_works)
    logger.warn("sandbox.unavailable", {{"reason", sandbox_works.error().message}});
  Daemon daemon(std::move(plan), masker, logger, *mark, *std::move(store), **contents,
                sandbox_works);
  return daemon.run(*std::move(survivors));
}

int run(const Options& options, const AddKinds& add_kinds) {
  Result<DaemonPlan> plan = make_plan(options);
  if (!plan) return complain(EX_CONFIG, plan.error());
  plan->add_kinds = add_kinds;
  Masker masker;
  Result<LlmSettings> llm = llm_settings(plan->settings, masker);
  if (!llm) return complain(EX_CONFIG, llm.error());
  plan->llm = *std::move(llm);
  plan->evidence.accept_rollback = options.accept_rollback;
  Result<std::string> seal_key = settings::load_key(plan->settings.daemon.journal_key, std::getenv);
  if (!seal_key) return complain(EX_CONFIG, seal_key.error().with("[daemon] journal_key"));
  masker.add(*seal_key);
  plan->evidence.key = *std::move(seal_key);
  if (options.check_config) {
    if (const Result<void> good = check_files(plan->llm); !good) {
      return complain(EX_CONFIG, good.error());
    }
    std::cout << "the config is good\n";
    return EX_OK;
  }
  const settings::LogSettings& log = plan->settings.log;
  const Result<std::unique_ptr<JsonLogger>> logger =
      make_json_logger({.level = log.level,
                        .file = log.target == settings::LogTarget::file ? log.file : std::string()},
                       &masker);
  if (!logger) return complain(EX_CANTCREAT, logger.error());
  for (const std::string& provider : providers_with_open_keys(plan->llm, masker))
    (*logger)->warn("key.too_short", {{"provider", provider}});
  plan->log_fd = (*logger)->descriptor();
  return run_with(*std::move(plan), masker, **logger);
}

}  // namespace

int run_daemon(int argc, const char* const* argv, const AddKinds& add_kinds) {
  // Secrets are in memory: no core file, and nobody of the same user reads it through /proc.
  ::prctl(PR_SET_DUMPABLE, 0);
  ::signal(SIGPIPE, SIG_IGN);
  // Our own files name their modes. What agents make is the person's, and nobody else may change
  // it.
  ::umask(::umask(0077) | 0002);
  try {
    const ParsedOptions parsed = parse_options(argc, argv);
    if (!parsed.options) return parsed.exit_code;
    return parsed.options->debug ? debug_core(*parsed.options->debug, add_kinds)
                                 : run(*parsed.options, add_kinds);
  } catch (const std::exception& error) {
    std::cerr << "tinkerbelld: " << error.what() << "\n";
    return EX_SOFTWARE;
  }
}

}  // namespace tinkerbell

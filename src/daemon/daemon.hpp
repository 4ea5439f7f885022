#pragma once

#include "daemon/memory_trim.hpp"
#include "daemon/notify.hpp"
#include "daemon/turn_mark.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/log.hpp"
#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/base/random.hpp"
#include "tinkerbell/control/control.hpp"
#include "tinkerbell/daemon/run.hpp"
#include "tinkerbell/drivers/draft/draft_driver.hpp"
#include "tinkerbell/drivers/file/file_driver.hpp"
#include "tinkerbell/drivers/git/git_driver.hpp"
#include "tinkerbell/drivers/http/http_driver.hpp"
#include "tinkerbell/drivers/llm/cassette_driver.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"
#include "tinkerbell/drivers/mcp/mcp_driver.hpp"
#include "tinkerbell/drivers/process/process_driver.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/io/http_client.hpp"
#include "tinkerbell/journal/journal.hpp"
#include "tinkerbell/journal/sqlite_store.hpp"
#include "tinkerbell/journal/writer_thread.hpp"
#include "tinkerbell/outreach/outreach.hpp"
#include "tinkerbell/reactor/hog_watch.hpp"
#include "tinkerbell/reactor/inbox.hpp"
#include "tinkerbell/reactor/reactor.hpp"
#include "tinkerbell/settings/settings.hpp"
#include "tinkerbell/syscall/registry.hpp"
#include "tinkerbell/syscall/syscalls.hpp"
#include "tinkerbell/telemetry/flight_dump.hpp"
#include "tinkerbell/telemetry/step_log.hpp"
#include "tinkerbell/workspace/tree_watch.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tinkerbell {

/// What the daemon was told: config and command line together, every path filled in.
struct DaemonPlan {
  settings::Settings settings;
  LlmSettings llm;
  std::string state_dir;
  std::string socket;
  AddKinds add_kinds;  ///< Of the program that links the daemon in; may be empty.
  int log_fd = -1;     ///< Where the logger writes.
  Evidence evidence;
};

/// The composition root: everything that runs, in build order; taken apart in the reverse one.
class Daemon {
 public:
  /// `sandbox_works`: what probe_sandbox said. `masker`, `logger`, `mark` and `contents` outlive
  /// the daemon.
  Daemon(DaemonPlan plan, const Masker& masker, Logger& logger, TurnMark& mark,
         std::unique_ptr<Store> store, ContentStore& contents, const Result<void>& sandbox_works);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() = default;

  /// The tasks that had not ended when the last run of the daemon did.
  struct Survivors {
    std::vector<TaskHead> awake;
    std::unique_ptr<StoredChains> records;  ///< Of those, from their newest SNAPSHOTs on.
    std::vector<TaskHead> resting;          ///< Their records were not read.
  };

  /// Brings the survivors back, listens, tells systemd, and turns until it is told to stop.
  /// Returns the exit status of the program.
  [[nodiscard]] int run(Survivors survivors);

  /// The kinds of tasks of this program; `plan` outlives them.
  [[nodiscard]] static Registry make_registry(const DaemonPlan& plan);

  /// To be read before the store is handed over. Errors: those of the store.
  [[nodiscard]] static Result<Survivors> survivors_of(Store& store, const TurnMark& mark);

 private:
  /// Pieces of what programs and models say on their way to followers.
  class MaskedProgress final : public ProgressSink {
   public:
    MaskedProgress(const Masker& masker, SyscallObserver& next) : masker_(masker), next_(next) {}

    void progress(CommandId id, ProgressKind kind, std::string_view text) override {
      next_.progressed(id, kind, masker_.masked(std::string(text)));
    }

   private:
    const Masker& masker_;
    SyscallObserver& next_;
  };

  [[nodiscard]] std::function<void(std::move_only_function<void()>)> into_inbox();
  [[nodiscard]] Journal::Callbacks journal_callbacks();
  [[nodiscard]] Result<void> add_contents(std::set<Sha256>& relied_on);
  void trim_memory();
  void report_hog(const Hog& hog);
  void report_storage(const std::optional<Error>& full);
  void report_anchor(const Anchor& anchor);
  void recover(const Survivors& survivors);
  void bring_back(const TaskHead& head, std::vector<Record> records);
  [[nodiscard]] Result<void> listen();
  void wait_for_signal();
  void drain();
  void all_is_well();
  void stop(int status, std::string_view why);

  DaemonPlan plan_;
  const Masker& masker_;
  Logger& logger_;
  TurnMark& mark_;
  std::string sandbox_;
  SystemClock clock_;
  SystemRandom random_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  Inbox inbox_{io_};  ///< Of what the other threads have for the loop.
  TreeWatch trees_;
  BlockingPool pool_;
  BlockingPool resolvers_;  ///< Apart, so that a name server that is silent holds up no file.
  BlockingPool looks_;      ///< At whole workspaces: likewise.
  ControlPlane control_;
  MemoryTrim memory_trim_;
  StepLog observer_;
  MaskedProgress progress_;
  Registry registry_;
  Journal journal_;
  WriterThread writer_;
  SystemCalls calls_;
  FlightDump flight_dump_;
  HttpClient http_;
  HttpDriver requests_;
  FileDriver files_;
  DraftDriver drafts_;
  ProcessDriver programs_;
  GitDriver git_;  ///< By the programs.
  McpDriver mcp_;
  LlmDriver models_;
  CassetteDriver cassettes_;  ///< Before the models.
  Outreach outreach_;
  Notifier notifier_;
  boost::asio::signal_set signals_;
  Reactor reactor_;
  HogWatch hog_watch_;
  int exit_status_ = 0;
};

}  // namespace tinkerbell

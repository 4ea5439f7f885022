#pragma once

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/syscall/driver.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <optional>
#include <set>
#include <string>

namespace tinkerbell {

class ContentStore;
class Masker;
class TreeWatch;

/// What sees what programs change: before one begins, all that it could change is kept, and when it
/// has ended the two are compared (AwaitProcess::Reply::changes).
struct Tracking {
  TreeWatch& trees;
  BlockingPool& pool;  ///< Of its own, since a look may take as long as reading a whole workspace.
};

/// Where the outputs go that are too long for a reply (AwaitProcess::output_kept_max).
struct OutputKeeping {
  ContentStore& contents;
  const Masker& masker;  ///< Before a page is cut, so that no secret stands on two.
};

/// Performs AwaitProcess. Every program is run by a tinkerbell-shim of its own, which outlives the
/// daemon; the driver starts shims, watches them and reads what they leave in their run directory
/// (tinkerbell/shim/run_directory.hpp). Destroyed, it leaves the programs alone; the next one finds
/// them again by `recover`. Loop thread only; owned by the daemon. The pool must outlive it.
class ProcessDriver final : public Driver {
 public:
  /// `sandbox_works` is what probe_sandbox said: without a working sandbox every program is refused
  /// with its reason, unless the settings say that there is to be none. Without `tracking` nobody
  /// sees what programs change; without `outputs` nothing but the reply has what they wrote.
  ProcessDriver(boost::asio::any_io_executor loop, BlockingPool& pool, ProgressSink& sink,
                ProcessSettings settings, Result<void> sandbox_works,
                const std::optional<Tracking>& tracking = std::nullopt,
                const std::optional<OutputKeeping>& outputs = std::nullopt);
  ~ProcessDriver() override;

  /// Finds the program and its hash. Errors: not_found, denied (a limit, a variable that loads
  /// code, a program out of the sandbox's sight), outside_workspace, invalid, unsupported (no
  /// sandbox), storage_full (what it could change cannot be kept).
  void prepare(Call call, Completion<Prepared> prepared) override;

  /// Errors, besides those of prepare: conflict (another program than was approved), unavailable
  /// (it could not be executed), cancelled, unknown_outcome (its shim was killed, and no probe can
  /// tell what became of it). What was changed before an error is in its `rejected`.
  void perform(Call call, Completion<Reply> done) override;

  /// Goes on with a program that still runs; else tells how it ended, or that it never started.
  /// Where its shim cannot tell, its probe is asked (ProbeRecipe): what that says has happened is a
  /// reply with a note and without output, what has not is not_started.
  void recover(Call call, Completion<Reply> done) override;

  /// The same for the command of another driver, as the program that it comes to. Where files are
  /// only read, the call needs no look at them, and none is made.
  void prepare(Call call, const RunManner& manner, Completion<Prepared> prepared);
  void perform(Call call, const RunManner& manner, Completion<Reply> done);
  void recover(Call call, const RunManner& manner, Completion<Reply> done);

  /// Ends the whole process tree: SIGTERM, and SIGKILL two seconds later.
  void cancel(CommandId id) override;

  /// Ends and removes every run that `known_keys` (commands with a START and no RESULT) do not
  /// name, with whatever of it lives without a shim; goes on with the others where one fails, and
  /// tells the first failure. Blocks, at most some seconds: for the start of the daemon. Errors:
  /// io, denied, timed_out, conflict.
  [[nodiscard]] Result<void> end_leftovers(const std::set<std::string>& known_keys);

  /// Adds the contents that the programs under way found where they work. Any thread. Errors: io,
  /// invalid (what one of them found cannot be read).
  [[nodiscard]] Result<void> add_contents(std::set<Sha256>& contents) const;

  /// Removes what the finished runs of a command have left on disk.
  void settled(const std::string& key) override;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tinkerbell

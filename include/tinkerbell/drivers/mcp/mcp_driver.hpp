#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/log.hpp"
#include "tinkerbell/command/effect.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"
#include "tinkerbell/drivers/process/server_process.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/syscall/driver.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tinkerbell {

/// A server of the config.
struct McpServer {
  std::string name;  ///< mcp::is_server_name.
  ServerProgram program;
  Milliseconds timeout{120'000};               ///< Of each answer.
  std::vector<std::string> tools;              ///< Globs (fnmatch(3)) of those that are offered.
  std::map<std::string, EffectClass> effects;  ///< By tool; all others are `once`.
};

/// What is known of a server.
struct McpServerState {
  std::string name;
  std::string command;                ///< Empty: the config does not name it.
  std::size_t running = 0;            ///< For different workspaces and drafts.
  std::uint32_t crashes = 0;          ///< In a row.
  std::vector<std::string> approved;  ///< Tools, by name.
};

struct McpSettings {
  std::vector<McpServer> servers;
  ProcessSettings process;
  Result<void> sandbox_works;     ///< As ProcessDriver is told.
  std::filesystem::path pins;     ///< The file with the definitions that people approved.
  Milliseconds discovery{5'000};  ///< After which a server that is silent is of the old era.
  Milliseconds idle{300'000};     ///< After which a server without work is ended.
  Milliseconds pause{1'000};      ///< Before one that crashed is started again; doubles, to 1 min.
  std::size_t running_max = 16;
};

/// Performs AwaitToolList, AwaitToolTrust and AwaitTool with the servers of the config: programs
/// that speak the Model Context Protocol on stdin and stdout, in the same sandbox as any program.
/// One runs for each server and workspace or draft, from its first use until it is idle, or until
/// the daemon ends, however that is. What they write to stderr is logged, at most 200 lines.
///
/// The definitions that people have approved are the file `pins`, in JSON. Without it all are asked
/// for again. Loop thread only; owned by the daemon. The pool must outlive it.
class McpDriver final : public Driver {
 public:
  McpDriver(boost::asio::any_io_executor loop, BlockingPool& pool, const Clock& clock,
            ProgressSink& sink, Logger& logger, McpSettings settings);
  ~McpDriver() override;

  /// Errors, besides those of the commands: unsupported (no sandbox).
  void prepare(Call call, Completion<Prepared> prepared) override;
  void perform(Call call, Completion<Reply> done) override;

  /// A server does not outlive the daemon, and nobody knows how far it came.
  void recover(Call call, Completion<Reply> done) override;
  void cancel(CommandId id) override;

  /// How many servers run.
  [[nodiscard]] std::size_t running() const;

  /// Those of the config, and those of which people approved tools; by name.
  [[nodiscard]] std::vector<McpServerState> servers() const;

  /// Has the definition of that tool, or of all of the server (empty), approved anew before it is
  /// called or offered again; says of which. Errors: not_found (none is approved), io, denied.
  void forget(const std::string& server, const std::string& tool,
              Completion<std::vector<std::string>> done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tinkerbell

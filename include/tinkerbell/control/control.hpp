#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/base/log.hpp"
#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/journal/journal.hpp"
#include "tinkerbell/journal/record.hpp"
#include "tinkerbell/protocol/approval.hpp"
#include "tinkerbell/protocol/event.hpp"
#include "tinkerbell/protocol/mcp.hpp"
#include "tinkerbell/syscall/observer.hpp"
#include "tinkerbell/syscall/registry.hpp"
#include "tinkerbell/syscall/syscalls.hpp"
#include "tinkerbell/workspace/drafts.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace tinkerbell {

class BlockingPool;
class ContentStore;
class ForkDrafts;

/// What the daemon says about itself in GET /v1/status.
struct DaemonFacts {
  std::string version;
  std::string sandbox;
  std::string model;
  std::string socket;
  std::string state_dir;
  std::string log;
  Milliseconds keep_ended = std::chrono::days(30);  ///< Younger tasks are not removed by `gc`.
  Budget budget = {};                               ///< Of a task for which nothing else is said.
};

/// What is known of the servers of tools, and how what people approved of them is forgotten.
struct ToolServers {
  std::function<protocol::McpServerList()> list;
  /// Errors: not_found (nothing of that is approved), io, denied.
  std::function<void(protocol::ForgetTools, Completion<protocol::ForgottenTools>)> forget;
};

/// The control plane: HTTP and JSON on a Unix socket. Loop thread. Built in two steps, since the
/// system calls report to the event hub and the routes need the system calls.
class ControlPlane {
 public:
  ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;
  ~ControlPlane();

  /// Where the system calls report what became durable.
  [[nodiscard]] SyscallObserver& observer();

  /// Takes up a task that an earlier run wrote.
  void adopt(const std::vector<Record>& records);

  /// The same with what a list shows of it: its records cannot be read.
  void adopt(const TaskHead& head);

  struct Parts {
    boost::asio::any_io_executor loop;
    BlockingPool& pool;
    SystemCalls& calls;
    Journal& journal;
    const Clock& clock;
    Logger& logger;
    const Registry& registry;
    const Masker& masker;
    ContentStore& contents;
    Drafts drafts;
    ForkDrafts& fork_drafts;
    ToolServers tool_servers;
    /// Adds the contents that drivers rely on, whatever the journal says. Any thread.
    std::function<Result<void>(std::set<Sha256>& contents)> relied_on;
    DaemonFacts facts;
  };

  /// Tells `listener` what happens from now on, as followers of all tasks are told.
  void on_event(std::function<void(const protocol::EventView&)> listener);

  /// Shows the questions that are open now. After connect().
  void show_open(std::function<void(protocol::ApprovalView)> each);

  /// Answers a question as `via`. Errors: those of SystemCalls::answer; invalid, too_large.
  void decide(ApprovalId approval, const protocol::DecisionRequest& wanted, std::string via,
              Completion<void> done);

  /// Connects the routes. Before listen() or adopt_socket().
  void connect(Parts parts);

  /// Errors: those of HttpServer::listen.
  [[nodiscard]] Result<void> listen(const std::string& path, mode_t mode);

  /// Takes over a listening socket (systemd socket activation).
  [[nodiscard]] Result<void> adopt_socket(int listening_fd);

  /// Takes no more requests; connections close once their answers are out.
  void stop();

  [[nodiscard]] std::size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/drivers/mcp/mcp_driver.hpp"
#include "tinkerbell/io/line_reader.hpp"
#include "tinkerbell/mcp/client.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace tinkerbell {

/// For whom a server runs.
struct SessionKey {
  std::string server;
  std::string workspace;
  TaskId draft = kNoTask;

  auto operator<=>(const SessionKey&) const = default;
};

/// A running server: its process, and the protocol on its pipes. Loop thread only.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// Told once, when it is of no use any more: `crashed` unless somebody wanted that.
  using Ended = std::function<void(bool crashed)>;

  Session(boost::asio::any_io_executor loop, BlockingPool& pool, Logger& logger,
          const McpSettings& settings, const McpServer& server, SessionKey key, std::string nonce,
          Ended ended);

  void start();

  /// Its tools, as last listed, or, if that is over or `anew`, as it lists them now. Errors:
  /// timed_out, and those of mcp::Client.
  void list(bool anew, Completion<mcp::ToolList> done);

  /// Errors: unknown_outcome (it may have begun), timed_out, and those of mcp::Client.
  mcp::Client::RequestId call(mcp::Client::Call call, Completion<mcp::CallResult> done);

  void cancel(mcp::Client::RequestId id) { client_.cancel(id); }

  /// See mcp::Client.
  [[nodiscard]] bool is_parked(const std::string& request_state) const {
    return client_.is_parked(request_state);
  }

  /// Ends it, with an answer for all that is open.
  void end(const Error& why, bool crashed);

  [[nodiscard]] bool is_idle() const { return client_.open() == 0 && !listing_; }

 private:
  using Stream = boost::asio::posix::stream_descriptor;

  /// The pipes to one process.
  struct Pipes {
    Stream shim;
    Stream input;
    Stream output;
    Stream complaints;
    std::array<char, 64 << 10> buffer{};
    std::array<char, 4 << 10> words{};
  };

  void launch();
  void started(Result<ServerProcess> process);
  void watch();
  void read();
  void read_complaints();
  void complain(std::string_view words);
  void send(std::string line);
  void write();
  void process_ended();
  void listed(Result<mcp::ToolList> list);
  void rest();

  boost::asio::any_io_executor loop_;
  BlockingPool& pool_;
  Logger& logger_;
  const McpSettings& settings_;
  const McpServer& server_;
  SessionKey key_;
  Ended ended_;
  mcp::Client client_;
  std::shared_ptr<Pipes> pipes_;
  LineReader lines_;
  LineReader complaint_lines_;
  std::deque<std::string> out_;
  std::size_t out_bytes_ = 0;
  bool writing_ = false;
  bool over_ = false;
  bool began_of_old_ = false;  ///< It ended when asked for its era: it was started once more.
  std::size_t complaints_ = 0;
  std::optional<mcp::ToolList> tools_;
  SteadyTime tools_until_{};
  bool listing_ = false;
  std::vector<Completion<mcp::ToolList>> wait_for_list_;
  boost::asio::steady_timer discovery_;
  boost::asio::steady_timer list_timer_;
  boost::asio::steady_timer idle_;
};

}  // namespace tinkerbell

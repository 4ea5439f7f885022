#pragma once

#include "support/temp_dir.hpp"

#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/io/http_server.hpp"
#include "tinkerbell/protocol/approval.hpp"
#include "tinkerbell/protocol/breakpoint.hpp"
#include "tinkerbell/protocol/error.hpp"
#include "tinkerbell/protocol/event.hpp"
#include "tinkerbell/protocol/task.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tinkerbell::cli {

/// A daemon without tasks: it answers with the documents that a test lays out and streams the
/// events that a test makes up. Its loop runs on a thread of its own; everything here may be called
/// from the test's.
class FakeDaemon {
 public:
  FakeDaemon() { start(); }

  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  ~FakeDaemon() {
    kill();
    work_.reset();
    thread_.join();
  }

  [[nodiscard]] std::string socket() const { return (dir_ / "control.sock").string(); }

  void start() {
    on_loop([this] {
      server_.emplace(loop_.get_executor(), HttpServerLimits{},
                      [this](const HttpRequest& request, std::shared_ptr<HttpResponder> responder) {
                        handle(request, *responder);
                      });
      if (!server_->listen(socket(), 0600)) std::abort();
    });
  }

  /// All connections break off; events and documents stay, as in a store.
  void kill() {
    on_loop([this] {
      streams_.clear();
      server_.reset();
    });
  }

  /// Lays out the answer to "GET /v1/tasks/12", or to that with one query: "GET … after=1 full=0".
  template <class View>
  void lay_out(const std::string& request, const View& view, int status = 200) {
    on_loop([&] { documents_[request] = {status, to_json_value(view)}; });
  }

  void refuse(const std::string& request, const Error& error) {
    lay_out(request, protocol::ErrorView{protocol::body_of(error)},
            protocol::status_for(error.code));
  }

  /// A task with nothing done yet, no questions.
  void lay_out_task(const protocol::TaskView& task) {
    const std::string path = "GET /v1/tasks/" + std::to_string(number(task.id));
    lay_out(path, task);
    lay_out(path + "/steps", protocol::StepList{});
    lay_out("GET /v1/approvals", protocol::ApprovalList{});
  }

  /// Sends an event to whoever listens to that task, and to all who come later.
  template <class View>
  void emit(std::uint64_t seq, std::string_view name, const View& data, TaskId task = TaskId{12}) {
    emit_to(task, seq, name, data, task);
  }

  /// An event of one task to whoever listens to another: a question of a child.
  template <class View>
  void emit_to(TaskId followed, std::uint64_t seq, std::string_view name, const View& data,
               TaskId task) {
    protocol::EventView event{
        .seq = seq, .task = task, .name = std::string(name), .data = to_json_value(data)};
    on_loop([&] {
      for (const auto& [path, stream] : streams_) {
        if (path == events_path(followed)) send(*stream, event);
      }
      events_.emplace_back(followed, std::move(event));
    });
  }

  /// "POST /v1/approvals/3 BODY", "GET /v1/tasks limit=5": all requests so far.
  [[nodiscard]] std::vector<std::string> seen() {
    std::vector<std::string> copy;
    on_loop([&] { copy = seen_; });
    return copy;
  }

 private:
  struct Laid {
    int status = 200;
    Json json;
  };

  static std::string events_path(TaskId task) {
    return "/v1/tasks/" + std::to_string(number(task)) + "/events";
  }

  static void send(EventStream& stream, const protocol::EventView& event) {
    stream.send(event.seq, event.name, dump_json(to_json_value(event)));
  }

  void handle(const HttpRequest& request, HttpResponder& responder) {
    const std::string what = request.method + " " + request.path;
    std::string line = what;
    for (const auto& [key, value] : request.query)
      line += " " + key + "=" + value;
    seen_.push_back(request.body.empty() ? line : line + " " + request.body);
    if (request.path.ends_with("/events")) return stream(request, responder);
    auto found = documents_.find(line);
    if (found == documents_.end()) found = documents_.find(what);
    if (found == documents_.end()) {
      responder.respond(
          {.status = 404,
           .body = R"({"error":{"code":"not_found","message":"no )" + what + R"("}})"});
    } else {
      responder.respond({.status = found->second.status, .body = dump_json(found->second.json)});
    }
  }

  void stream(const HttpRequest& request, HttpResponder& responder) {
    std::shared_ptr<EventStream> stream = responder.stream();
    const std::uint64_t after = std::stoull(request.query.at("after"));
    for (const auto& [followed, event] : events_) {
      const bool comes = event.seq > after || event.task != followed;
      if (comes && request.path == events_path(followed)) send(*stream, event);
    }
    streams_.emplace_back(request.path, std::move(stream));
  }

  void on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    boost::asio::post(loop_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  TempDir dir_;
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  std::thread thread_{[this] { loop_.run(); }};
  std::optional<HttpServer> server_;
  std::map<std::string, Laid> documents_;
  std::vector<std::pair<TaskId, protocol::EventView>> events_;  ///< With who is told of it.
  std::vector<std::pair<std::string, std::shared_ptr<EventStream>>> streams_;  ///< By path.
  std::vector<std::string> seen_;
};

inline protocol::TaskView task_12(std::string state) {
  return {.id = TaskId{12},
          .kind = "agent@1",
          .title = "fix the test",
          .goal = "fix the test",
          .workspace = "/home/ann/project",
          .model = "default",
          .state = std::move(state),
          .created = "2026-11-22T20:33:30.000Z",
          .changed = "2026-11-22T20:33:35.000Z",
          .steps = 2,
          .origin = {.via = "cli", .uid = 1000, .pid = 4711},
          .usage = {.input = 1200, .output = 80}};
}

inline protocol::StepView step(std::uint32_t seq, std::string line, std::string state,
                               std::string outcome = {}) {
  return {.seq = Seq{seq},
          .command = "file.read",
          .line = std::move(line),
          .state = std::move(state),
          .verdict = "allow",
          .rule = "cautious/reads",
          .attempt = 1,
          .outcome = std::move(outcome)};
}

inline protocol::ApprovalView approval_a3() {
  return {.id = ApprovalId{3},
          .task = TaskId{12},
          .seq = Seq{2},
          .kind = "permission",
          .state = "open",
          .line = "run ./test.sh",
          .card = "run a program\n  ./test.sh\nsandbox: bubblewrap\n",
          .hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
          .rule = "cautious/programs",
          .opened = "2026-11-22T20:33:35.000Z",
          .requested_by = "task 12"};
}

}  // namespace tinkerbell::cli

#pragma once

#include "support/built_program.hpp"
#include "support/source_root.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/drivers/mcp/mcp_driver.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

using namespace std::chrono_literals;

class KeepingLogger final : public Logger {
 public:
  [[nodiscard]] bool writes(LogLevel /*level*/) const override { return true; }

  void log(LogLevel /*level*/, std::string_view event, Json fields) override {
    text += std::string(event) + " " + dump_json(fields) + "\n";
  }

  std::string text;
};

class KeepingSink final : public ProgressSink {
 public:
  void progress(CommandId /*id*/, ProgressKind /*kind*/, std::string_view shown) override {
    text += shown;
  }

  std::string text;
};

/// A driver with real shims and a loop that the test turns; its one server, "t", is the scripted
/// one.
class McpFixture : public testing::Test {
 protected:
  template <class T>
  using Pending = std::shared_ptr<std::optional<Result<T>>>;

  McpFixture() {
    settings_.process.shim = built_program("tinkerbell-shim");
    settings_.process.runs_directory = state_ / "runs";
    settings_.process.drafts = Drafts(state_ / "drafts");
    settings_.process.sandbox = ProcessSandbox::none;
    settings_.pins = state_ / "mcp-pins.json";
    settings_.pause = 3'600s;
    settings_.servers.push_back(
        {.name = "t",
         .program = {.argv = {"python3", (source_root() / "tests/support/mcp_server.py").string(),
                              "modern"},
                     .env = {},
                     .access = {.shows = {source_root()}}},
         .timeout = 20s,
         .tools = {"*"},
         .effects = {{"note", EffectClass::pure}}});
  }

  McpServer& server() { return settings_.servers.front(); }

  void be(const std::string& era) {
    server().program.argv.back() = era;
    if (era == "silent") settings_.discovery = 200ms;
  }

  McpDriver& driver() {
    if (!driver_) {
      driver_ = std::make_unique<McpDriver>(loop_.get_executor(), pool_, clock_, sink_, logger_,
                                            settings_);
    }
    return *driver_;
  }

  template <class Condition>
  bool turn_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      loop_.restart();
      loop_.run_one_for(10ms);
    }
    return true;
  }

  Call call_of(TaskCommand command) {
    return Call{.id = {TaskId{1}, Seq{++calls_}},
                .command = std::move(command),
                .workspace = workspace_.path().string(),
                .key = std::string(32, 'a'),
                .facts = {},
                .pre_image = {}};
  }

  Result<Prepared> prepare(TaskCommand command) {
    std::optional<Result<Prepared>> prepared;
    driver().prepare(call_of(std::move(command)),
                     Completion<Prepared>([&](Result<Prepared> found) { prepared = found; }));
    EXPECT_TRUE(turn_until([&] { return prepared.has_value(); }));
    return *prepared;
  }

  template <class C>
  Pending<typename C::Reply> begin(const C& command) {
    auto pending = std::make_shared<std::optional<Result<typename C::Reply>>>();
    driver().perform(call_of(command), Completion<Reply>([pending](Result<Reply> reply) {
                       if (reply) {
                         pending->emplace(std::get<typename C::Reply>(*std::move(reply)));
                       } else {
                         pending->emplace(reply.error());
                       }
                     }));
    return pending;
  }

  template <class T>
  Result<T> end(const Pending<T>& pending) {
    EXPECT_TRUE(turn_until([&] { return pending->has_value(); })) << logger_.text;
    return pending->has_value() ? **pending : Result<T>(Error{Errc::internal, "no answer"});
  }

  std::vector<ListedTool> listed() {
    const auto list = end(begin(AwaitToolList{.server = "t"}));
    EXPECT_TRUE(list) << list.error().message << logger_.text;
    return list ? list->tools : std::vector<ListedTool>();
  }

  /// Has all that the server lists approved.
  void trust_all() {
    AwaitToolTrust trust{.server = "t", .tools = {}};
    tools_ = listed();
    for (const ListedTool& tool : tools_)
      trust.tools.push_back(tool.definition);
    const auto trusted = end(begin(trust));
    EXPECT_TRUE(trusted) << trusted.error().message;
  }

  AwaitTool tool(const std::string& name, Json arguments = Json::object()) {
    const auto found = std::ranges::find(
        tools_, name, [](const ListedTool& each) { return each.definition.name; });
    EXPECT_NE(found, tools_.end());
    return {.server = "t",
            .tool = name,
            .arguments = std::move(arguments),
            .definition = found->definition.sha256,
            .effect = found->effect,
            .input_responses = {},
            .request_state = {}};
  }

  [[nodiscard]] std::string calls_made() const { return workspace_.read("calls.txt"); }

  TempDir state_;
  TempDir workspace_;
  McpSettings settings_;
  boost::asio::io_context loop_;
  BlockingPool pool_{loop_.get_executor(), 2};
  SystemClock clock_;
  KeepingSink sink_;
  KeepingLogger logger_;
  std::unique_ptr<McpDriver> driver_;
  std::vector<ListedTool> tools_;
  std::uint32_t calls_ = 0;
};

}  // namespace tinkerbell

#pragma once

#include "support/built_program.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/drivers/process/process_driver.hpp"
#include "tinkerbell/drivers/process/process_settings.hpp"
#include "tinkerbell/shim/run_directory.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

using namespace std::chrono_literals;

/// Remembers what programs showed.
class RememberingSink final : public ProgressSink {
 public:
  void progress(CommandId /*id*/, ProgressKind /*kind*/, std::string_view shown) override {
    text += shown;
  }

  std::string text;
};

/// A driver with a loop that the test turns, real shims, and a workspace of its own.
class ProcessFixture : public testing::Test {
 protected:
  using Outcome = Result<AwaitProcess::Reply>;
  using Pending = std::shared_ptr<std::optional<Outcome>>;

  ProcessFixture() {
    settings_.shim = built_program("tinkerbell-shim");
    settings_.runs_directory = state_ / "runs";
    settings_.drafts = Drafts(state_ / "drafts");
  }

  ~ProcessFixture() override {
    driver_.reset();
    ProcessDriver last(loop_.get_executor(), pool_, sink_, settings_, {});
    EXPECT_TRUE(last.end_leftovers({}));
  }

  ProcessDriver& driver() {
    if (!driver_) {
      driver_ = std::make_unique<ProcessDriver>(loop_.get_executor(), pool_, sink_, settings_,
                                                sandbox_works_);
    }
    return *driver_;
  }

  void restart_driver() {
    driver_.reset();
    driver();
  }

  Call call_with(std::vector<std::string> argv) {
    const std::uint32_t number = ++calls_;
    // Of this process alone: those that have a key in their environment may be ended.
    std::string key = std::to_string(::getpid());
    const std::string last = std::to_string(number);
    key.append(32 - key.size() - last.size(), 'a').append(last);
    return Call{.id = {TaskId{1}, Seq{number}},
                .attempt = 1,
                .command = AwaitProcess{.argv = std::move(argv), .timeout = 20s},
                .workspace = workspace_.path().string(),
                .key = std::move(key),
                .facts = {},
                .pre_image = {}};
  }

  Call call_of(std::string script, Milliseconds timeout = 20s) {
    Call call = call_with({"sh", "-c", std::move(script)});
    std::get<AwaitProcess>(call.command).timeout = timeout;
    return call;
  }

  Result<Prepared> prepare(Call call) {
    std::optional<Result<Prepared>> prepared;
    driver().prepare(std::move(call), Completion<Prepared>([&](Result<Prepared> result) {
                       prepared.emplace(std::move(result));
                     }));
    EXPECT_TRUE(turn_until([&] { return prepared.has_value(); }));
    return *prepared;
  }

  Call prepared_call(Call call) {
    const Result<Prepared> prepared = prepare(call);
    EXPECT_TRUE(prepared) << prepared.error().message;
    if (prepared) call.facts = prepared->facts;
    return call;
  }

  Pending begin(const Call& call) {
    auto pending = std::make_shared<std::optional<Outcome>>();
    driver().perform(call, into(pending));
    return pending;
  }

  Pending begin_recovery(const Call& call) {
    auto pending = std::make_shared<std::optional<Outcome>>();
    driver().recover(call, into(pending));
    return pending;
  }

  Outcome end(const Pending& pending) {
    EXPECT_TRUE(turn_until([&] { return pending->has_value(); }));
    return pending->has_value() ? **pending : Outcome(Error{Errc::internal, "no answer"});
  }

  Outcome perform(const Call& call) { return end(begin(call)); }

  Outcome recover(const Call& call) { return end(begin_recovery(call)); }

  Outcome run(Call call) { return perform(prepared_call(std::move(call))); }

  /// Turns the loop until the condition holds; false if it does not for a long time.
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

  std::filesystem::path run_directory_of(const Call& call) const {
    return settings_.runs_directory / (call.key + "-1");
  }

  /// As if a shim of an earlier daemon came late.
  void run_late_shim(const std::filesystem::path& directory) const {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::execl(settings_.shim.c_str(), settings_.shim.c_str(), directory.c_str(), nullptr);
      ::_exit(127);
    }
    ::waitpid(pid, nullptr, 0);
  }

  void script(std::string_view name, std::string_view text) const {
    workspace_.write(name, text);
    std::filesystem::permissions(workspace_ / name, std::filesystem::perms::owner_all);
  }

  std::string content_of(std::string_view name) const {
    const Result<std::string> text = read_whole_file(workspace_ / name, 1 << 20);
    return text ? *text : std::string();
  }

  pid_t number_in(std::string_view name) const {
    const std::string text = content_of(name);
    return text.ends_with('\n') ? std::stoi(text) : -1;
  }

  static Completion<Reply> into(const Pending& pending) {
    return Completion<Reply>([pending](Result<Reply> reply) {
      if (reply) {
        pending->emplace(std::get<AwaitProcess::Reply>(*std::move(reply)));
      } else {
        pending->emplace(reply.error());
      }
    });
  }

  TempDir state_;
  TempDir workspace_;
  ProcessSettings settings_;
  Result<void> sandbox_works_;
  boost::asio::io_context loop_;
  BlockingPool pool_{loop_.get_executor(), 2};
  RememberingSink sink_;
  std::unique_ptr<ProcessDriver> driver_;
  std::uint32_t calls_ = 0;
};

}  // namespace tinkerbell

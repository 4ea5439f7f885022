#pragma once

#include "support/child.hpp"
#include "unit/drivers/process/process_fixture.hpp"

#include "tinkerbell/drivers/git/git_driver.hpp"
#include "tinkerbell/drivers/process/sandbox_probe.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// A repository in the workspace, a real git in a real sandbox.
class GitFixture : public ProcessFixture {
 protected:
  GitFixture() {
    settings_.hidden = {state_.path()};
    git({"init", "-q", "-b", "main"});
    workspace_.write("a.txt", "one\n");
    git({"add", "-A"});
    git({"commit", "-q", "-m", "Begin"});
  }

  void SetUp() override {
    sandbox_works_ = probe_sandbox(settings_);
    if (!sandbox_works_) GTEST_SKIP() << "no sandbox here: " << sandbox_works_.error().message;
  }

  /// As a person would run it there.
  std::string git(std::vector<std::string> words) const {
    words.insert(words.begin(), {"git", "-C", workspace_.path().string(), "-c", "user.name=T", "-c",
                                 "user.email=t@example.invalid"});
    Finished finished = run_to_end(words);
    EXPECT_EQ(finished.exit, 0) << finished.err;
    while (finished.out.ends_with('\n'))
      finished.out.pop_back();
    return finished.out;
  }

  GitDriver& git_driver() {
    if (!git_driver_) {
      git_driver_ = std::make_unique<GitDriver>(
          pool_, driver(),
          GitSettings{.process = settings_,
                      .may_read = [](const std::string& path) { return path != "secret.txt"; }});
    }
    return *git_driver_;
  }

  void restart() {
    git_driver_.reset();
    restart_driver();
  }

  Call call(TaskCommand command) {
    Call call = call_with({"git"});
    call.command = std::move(command);
    if (effect_of(call.command) == EffectClass::pure) call.key.clear();
    return call;
  }

  /// Directories of programs. Of one that only looked none stays.
  [[nodiscard]] std::size_t runs() const {
    std::error_code none;
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(settings_.runs_directory, none), {}));
  }

  Result<Prepared> prepare_git(Call call) {
    const std::size_t before = runs();
    std::optional<Result<Prepared>> prepared;
    git_driver().prepare(std::move(call), Completion<Prepared>([&](Result<Prepared> result) {
                           prepared.emplace(std::move(result));
                         }));
    EXPECT_TRUE(turn_until([&] { return prepared.has_value() && runs() == before; }));
    return *prepared;
  }

  Result<Reply> perform_git(Call call) {
    const std::size_t before = runs();
    const bool looks = call.key.empty();
    std::optional<Result<Reply>> outcome;
    git_driver().perform(std::move(call), Completion<Reply>([&](Result<Reply> result) {
                           outcome.emplace(std::move(result));
                         }));
    EXPECT_TRUE(turn_until([&] { return outcome.has_value() && (!looks || runs() == before); }));
    return *outcome;
  }

  Result<Reply> recover_git(Call call) {
    std::optional<Result<Reply>> outcome;
    git_driver().recover(std::move(call), Completion<Reply>([&](Result<Reply> result) {
                           outcome.emplace(std::move(result));
                         }));
    EXPECT_TRUE(turn_until([&] { return outcome.has_value(); }));
    return *outcome;
  }

  template <class C>
  Result<typename C::Reply> done(C command) {
    Call prepared = call(TaskCommand(std::move(command)));
    const Result<Prepared> facts = prepare_git(prepared);
    if (!facts) return facts.error();
    prepared.facts = facts->facts;
    Result<Reply> outcome = perform_git(std::move(prepared));
    if (!outcome) return outcome.error();
    return std::get<typename C::Reply>(*std::move(outcome));
  }

  std::unique_ptr<GitDriver> git_driver_;
};

}  // namespace tinkerbell

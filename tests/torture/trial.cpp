#include "torture/trial.hpp"

#include "support/built_program.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <stop_token>
#include <thread>

namespace tinkerbell::torture {

namespace {

UniqueFd log_in(const TempDir& home) {
  return UniqueFd(
      ::open((home / "daemon.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

}  // namespace

Trial::Trial(const Scenario& scenario, std::string daemon, std::string_view sandbox)
    : scenario_(scenario),
      model_(model_answer),
      daemon_(config_for(model_, sandbox), std::move(daemon)),
      person_(scenario, daemon_.workspace(), findings_) {
  furnish(daemon_);
}

std::vector<std::string> Trial::under(const KillPoint& point) const {
  std::vector<std::string> words = {built_program("kill-at"),
                                    "--at",
                                    std::to_string(point.at),
                                    "--linger",
                                    std::to_string(point.linger.count()),
                                    "--report",
                                    home_ / "killed-at"};
  if (point.every_call) words.emplace_back("--all");
  words.emplace_back("--");
  std::ranges::copy(daemon_.command_line(), std::back_inserter(words));
  return words;
}

/// Whether all is over. The life itself may go on.
bool Trial::live(const Child& life) {
  return person_.work(daemon_.socket(), [&] { return life.has_ended(); });
}

std::optional<std::string> Trial::life_until(const KillPoint& point) {
  const UniqueFd log = log_in(home_);
  Child life(under(point), log.get(), log.get());
  const bool over = live(life);
  if (!over) {
    findings_.expect(wait_until([&] { return life.has_ended(); }), Wrong::different,
                     "the connection was lost, and the daemon lives");
  }
  life.signal(SIGTERM);
  life.wait();
  return over ? std::nullopt : std::optional(home_.read("killed-at"));
}

bool Trial::life_for(std::chrono::microseconds time) {
  const UniqueFd log = log_in(home_);
  Child life(daemon_.command_line(), log.get(), log.get());
  bool over = false;
  {
    const std::jthread killer([&](const std::stop_token& over_before) {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any told;
      told.wait_for(lock, over_before, time, [] { return false; });
      life.signal(SIGKILL);
    });
    over = live(life);
  }
  life.wait();
  return !over;
}

void Trial::live_on() {
  const UniqueFd log = log_in(home_);
  Child life(daemon_.command_line(), log.get(), log.get());
  if (live(life)) {
    outcome_ = outcome_of(daemon_, model_, person_.stages());
    return;
  }
  const bool died = life.has_ended();
  life.signal(SIGKILL);
  const int status = life.wait();
  findings_.add(Wrong::different,
                died ? "it ended by itself with " + std::to_string(status) : "it did not finish");
}

std::uint64_t Trial::count_calls(bool every_call) {
  (void)life_until({.at = 0, .every_call = every_call});
  live_on();
  return std::stoull(home_.read("killed-at"));
}

}  // namespace tinkerbell::torture

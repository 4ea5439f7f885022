// torture: kills the daemon in the middle of its work, again and again, and compares what is left
// in the end with a run that nobody killed (docs/durability.md).

#include "support/dice.hpp"
#include "torture/scenario.hpp"
#include "torture/trial.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

namespace tinkerbell::torture {
namespace {

using std::chrono::steady_clock;

struct Options {
  std::string mode = "sweep";
  std::vector<std::string> scenarios;
  std::string daemon = "torture-daemon";
  std::uint64_t first = 1;
  std::uint64_t last = 0;
  std::uint64_t step = 1;
  bool every_call = false;
  std::uint64_t seed = 1;
  std::uint64_t kills = 200;
  std::uint64_t linger_ms = 10;
  unsigned jobs = 1;
  std::string sandbox = "none";
  bool until_found = false;
  bool log = false;
};

/// What came of all trials with one scenario.
struct Total {
  std::uint64_t calls = 0;  ///< Of a run that nobody kills.
  std::uint64_t trials = 0;
  std::uint64_t kills = 0;
  std::uint64_t asked_again = 0;
  std::array<std::uint64_t, kWrongNames.size()> wrong{};
  std::map<std::string, std::uint64_t> points;  ///< Before which calls, and how often.
  std::map<std::string, std::uint64_t> during;  ///< By what was under way, where that is one thing.

  [[nodiscard]] bool clean() const {
    return std::ranges::all_of(wrong, [](std::uint64_t count) { return count == 0; });
  }
};

/// All trials with one scenario, on several threads.
class Torture {
 public:
  Torture(const Options& options, const Scenario& scenario)
      : options_(options), scenario_(scenario) {}

  Total run();

 private:
  /// One trial by its number; false: there are no more.
  using Step = bool (Torture::*)(std::uint64_t number);

  void repeat(Step step, std::uint64_t first, std::uint64_t last, std::uint64_t by);
  bool sweep(std::uint64_t at);
  bool kill_recovery(std::uint64_t at);
  bool kill_at_random(std::uint64_t seed);
  void look_after_kill(Trial& trial);
  void conclude(Trial& trial, const std::string& how, const std::string& repeat,
                const std::vector<std::string>& killed);

  [[nodiscard]] KillPoint point(std::uint64_t at) const {
    return {.at = at,
            .every_call = options_.every_call,
            .linger = std::chrono::milliseconds{options_.linger_ms}};
  }

  [[nodiscard]] std::string command(std::uint64_t first) const;

  [[nodiscard]] bool enough() const {
    return (options_.until_found && !total_.clean()) ||
           (options_.mode == "random" && total_.kills >= options_.kills);
  }

  const Options& options_;
  const Scenario& scenario_;
  std::string sandbox_ = options_.sandbox == "usual" ? usual_sandbox() : options_.sandbox;
  Outcome wanted_;
  std::mutex mutex_;
  Total total_;
};

/// "sendmsg(socket)", "fsync(KEY-1)": what kill-at reports, without what each run has otherwise.
std::string without_names(const std::string& point) {
  static const std::regex kOwn("[0-9a-f]{32}|:\\[[0-9]+\\]|probe-.{6}");
  return std::regex_replace(point, kOwn, "*");
}

Total Torture::run() {
  {
    Trial undisturbed(scenario_, options_.daemon, sandbox_);
    total_.calls = undisturbed.count_calls(options_.every_call);
    wanted_ = undisturbed.outcome();
    Findings none;
    compare(wanted_, wanted_, 0, none);  // keys and left-over runs
    for (const Finding& finding : none.all())
      throw std::runtime_error("without a kill: " + finding.what);
    if (!undisturbed.findings().all().empty())
      throw std::runtime_error("without a kill: " + undisturbed.findings().all().front().what);
  }
  constexpr std::uint64_t kNoEnd = UINT64_MAX;
  const std::uint64_t last = options_.last == 0 ? kNoEnd : options_.last;
  if (options_.mode == "sweep") {
    repeat(&Torture::sweep, options_.first, last, options_.step);
  } else if (options_.mode == "recovery") {
    repeat(&Torture::kill_recovery, options_.first, last, options_.step);
  } else {
    repeat(&Torture::kill_at_random, options_.seed, last, 1);
  }
  return total_;
}

void Torture::repeat(Step step, std::uint64_t first, std::uint64_t last, std::uint64_t by) {
  std::atomic<std::uint64_t> next = first;
  std::atomic<bool> over = false;
  const auto work = [&] {
    while (!over) {
      const std::uint64_t number = next.fetch_add(by);
      if (number > last || !(this->*step)(number)) over = true;
    }
  };
  std::vector<std::jthread> workers;
  for (unsigned i = 0; i < options_.jobs; ++i)
    workers.emplace_back(work);
}

bool Torture::sweep(std::uint64_t at) {
  Trial trial(scenario_, options_.daemon, sandbox_);
  const std::optional<std::string> killed = trial.life_until(point(at));
  if (killed) look_after_kill(trial);
  trial.live_on();
  const std::string how =
      "killed before call " + std::to_string(at) + ", " + killed.value_or("none");
  conclude(trial, how, command(at), killed ? std::vector{*killed} : std::vector<std::string>());
  const std::scoped_lock lock(mutex_);
  return killed.has_value() && !enough();
}

/// A first kill anywhere, then three lives that all end at the same call.
bool Torture::kill_recovery(std::uint64_t at) {
  constexpr std::uint64_t kStride = 37;  // prime: meets all places in time
  Trial trial(scenario_, options_.daemon, sandbox_);
  const std::uint64_t first = 1 + at * kStride % total_.calls;
  std::string how = "killed before call " + std::to_string(first);
  std::vector<std::string> kills;
  bool over = false;
  for (int life = 0; life < 4 && !over; ++life) {
    const std::optional<std::string> killed = trial.life_until(point(life == 0 ? first : at));
    over = !killed.has_value();
    if (over) continue;
    look_after_kill(trial);
    kills.push_back(*killed);
    how += (life == 0 ? ", " : ", then before call " + std::to_string(at) + ", ") + *killed;
  }
  trial.live_on();
  conclude(trial, how, command(at), kills);
  const std::scoped_lock lock(mutex_);
  return at < total_.calls && !enough();
}

bool Torture::kill_at_random(std::uint64_t seed) {
  constexpr std::uint64_t kKillsMax = 12;
  constexpr std::uint64_t kMicrosecondsMax = 500'000;
  Dice dice(seed);
  Trial trial(scenario_, options_.daemon, sandbox_);
  std::vector<std::string> kills;
  bool over = false;
  for (std::uint64_t left = 1 + dice.pick(kKillsMax); left > 0 && !over; --left) {
    over = !trial.life_for(std::chrono::microseconds{dice.pick(kMicrosecondsMax)});
    if (over) continue;
    kills.emplace_back("any moment");
    look_after_kill(trial);
  }
  trial.live_on();
  conclude(trial, "seed " + std::to_string(seed), command(seed), kills);
  const std::scoped_lock lock(mutex_);
  return !enough();
}

void Torture::look_after_kill(Trial& trial) {
  trial.look_between_lives(wanted_);
  if (!scenario_.one_by_one) return;
  const std::scoped_lock lock(mutex_);
  ++total_.during[trial.under_way()];
}

void Torture::conclude(Trial& trial, const std::string& how, const std::string& repeat,
                       const std::vector<std::string>& killed) {
  trial.compare_with(wanted_);
  const std::scoped_lock lock(mutex_);
  ++total_.trials;
  total_.kills += killed.size();
  total_.asked_again += trial.outcome().asked_again();
  for (const std::string& point : killed)
    ++total_.points[without_names(point)];
  if (trial.findings().all().empty()) return;
  std::cout << scenario_.name << ": " << how << "\n";
  for (const Finding& finding : trial.findings().all()) {
    const auto wrong = static_cast<std::size_t>(finding.wrong);
    ++total_.wrong.at(wrong);
    std::cout << "  " << kWrongNames.at(wrong) << ": " << finding.what << "\n";
  }
  std::cout << "  repeat with: " << repeat << "\n";
  if (options_.log) std::cout << trial.log();
  std::cout << std::flush;
}

std::string Torture::command(std::uint64_t first) const {
  const bool random = options_.mode == "random";
  std::ostringstream text;
  text << "torture --mode " << options_.mode << " --scenario " << scenario_.name << " --linger "
       << options_.linger_ms << (options_.every_call ? " --every-call" : "")
       << (random ? " --seed " : " --first ") << first << " --last " << first;
  if (options_.sandbox != Options().sandbox) text << " --sandbox " << options_.sandbox;
  if (options_.daemon != Options().daemon) text << " --daemon " << options_.daemon;
  return text.str();
}

void report(const Options& options, const Scenario& scenario, const Total& total,
            steady_clock::duration took) {
  std::cout << std::left << std::setw(10) << options.mode << std::setw(10) << scenario.name
            << std::right << std::setw(6) << total.calls << " calls" << std::setw(6) << total.trials
            << " trials" << std::setw(6) << total.kills << " kills";
  for (std::size_t i = 0; i < kWrongNames.size(); ++i)
    std::cout << "  " << total.wrong.at(i) << " " << kWrongNames.at(i);
  std::cout << "  (" << total.asked_again << " model calls repeated under their key)  "
            << std::chrono::duration_cast<std::chrono::seconds>(took).count() << " s\n";
  if (!total.points.empty()) {
    std::cout << "          killed before:";
    for (const auto& [point, times] : total.points)
      std::cout << " " << point << " " << times << "×,";
    std::cout << "\n";
  }
  if (!total.during.empty()) {
    std::cout << "          killed during:";
    for (const auto& [what, times] : total.during)
      std::cout << " " << (what.empty() ? "nothing" : what) << " " << times << "×,";
    std::cout << "\n";
  }
  std::cout << std::flush;
}

std::string help_of_scenarios() {
  std::string text = "Scenarios:";
  for (const Scenario& scenario : scenarios())
    text += "\n  " + scenario.name + ": " + scenario.what;
  return text;
}

int run(const Options& options) {
  bool clean = true;
  for (const Scenario& scenario : scenarios()) {
    const auto& chosen = options.scenarios;
    if (!chosen.empty() && std::ranges::find(chosen, scenario.name) == chosen.end()) continue;
    const auto begun = steady_clock::now();
    const Total total = Torture(options, scenario).run();
    report(options, scenario, total, steady_clock::now() - begun);
    clean = clean && total.clean();
  }
  return clean ? 0 : 1;
}

}  // namespace
}  // namespace tinkerbell::torture

int main(int argc, char** argv) {
  tinkerbell::torture::Options options;
  CLI::App app{
      "Kills the daemon in the middle of scripted tasks, starts it again, and compares what is "
      "left "
      "in the end with a run without kills. Exits 0 if nothing was lost, doubled or different.",
      "torture"};
  app.footer(tinkerbell::torture::help_of_scenarios());
  app.add_option("--mode", options.mode,
                 "sweep: one kill before each call; recovery: three more, each at the same call of "
                 "the restarted daemon; random: at random times")
      ->check(CLI::IsMember({"sweep", "recovery", "random"}))
      ->capture_default_str();
  app.add_option("--scenario", options.scenarios, "Only these (default: all)");
  app.add_option("--daemon", options.daemon, "A program beside this one")->capture_default_str();
  app.add_option("--sandbox", options.sandbox,
                 "As in the config; usual: bubblewrap where it works, which takes longer")
      ->capture_default_str();
  app.add_option("--first", options.first, "The first call to kill at")->capture_default_str();
  app.add_option("--last", options.last, "The last call, or seed; 0: until all is over before")
      ->capture_default_str();
  app.add_option("--step", options.step, "Only every so many calls")->capture_default_str();
  app.add_flag("--every-call", options.every_call,
               "Count calls without an effect outside of the daemon, too");
  app.add_option("--seed", options.seed, "The first seed of random")->capture_default_str();
  app.add_option("--kills", options.kills, "Random kills, at least")->capture_default_str();
  app.add_option("--linger", options.linger_ms,
                 "Milliseconds for which the daemon's other threads go on while the call waits")
      ->capture_default_str();
  app.add_option("--jobs", options.jobs, "Trials at once")->capture_default_str();
  app.add_flag("--until-found", options.until_found, "Stop at the first thing that is wrong");
  app.add_flag("--log", options.log, "Print the daemon's log where something is wrong");
  CLI11_PARSE(app, argc, argv);
  try {
    return tinkerbell::torture::run(options);
  } catch (const std::exception& error) {
    std::cerr << "torture: " << error.what() << "\n";
    return 2;
  }
}

#include "meter.hpp"
#include "model_process.hpp"
#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// What agents take in a running daemon: until the model is asked, each step, many at once, and
/// after a kill. Their programs run in the usual sandbox, live, unasked.

namespace tinkerbell {
namespace {

using bench::Arguments;
using bench::expect_equal;
using bench::report;
using std::chrono::steady_clock;

double seconds_between(steady_clock::time_point from, steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

double seconds_since(steady_clock::time_point begin) {
  return seconds_between(begin, steady_clock::now());
}

/// Room for more than a thousand at once, which all ask one service.
constexpr std::string_view kManyAtOnce =
    "at_once = 2000\n"
    "[models.default]\nprovider = \"scripted\"\nmodel = \"scripted-1\"\n"
    "[agent]\nsteps_max = 1000\nfiles = \"live\"\n";

std::string config_at(const std::string& base_url) {
  return "schema = 1\n[sandbox]\nkind = \"" + usual_sandbox() +
         "\"\n[providers.scripted]\ntype = \"openai-chat\"\nbase_url = \"" + base_url + "\"\n" +
         std::string(kManyAtOnce);
}

void submit(UnixHttpClient& client, const RealDaemon& daemon, const std::string& goal) {
  const Json wanted{{"goal", goal}, {"workspace", daemon.workspace()}, {"approve_all", true}};
  const auto answer = client.request("POST", "/v1/tasks", dump_json(wanted));
  if (!answer || answer->status != 201) {
    fail("not begun: " + (answer ? answer->body : answer.error().message));
  }
}

/// Until so many tasks have completed, and none has ended otherwise. `pause`: what the daemon
/// answers here is no part of what they do.
void wait_for_completed(const RealDaemon& daemon, std::uint64_t tasks,
                        std::chrono::milliseconds pause = std::chrono::milliseconds{5}) {
  UnixHttpClient client(daemon.socket());
  for (std::uint64_t completed = 0; completed < tasks;) {
    std::this_thread::sleep_for(pause);
    const auto answer = client.request("GET", "/v1/status");
    if (!answer) fail(answer.error().message);
    completed = 0;
    for (const Json& state : parse_json(answer->body)->at("scheduler").at("states")) {
      if (state.at("state") == "completed") completed = state.at("count").get<std::uint64_t>();
      if (state.at("state") == "failed") fail("a task failed:\n" + daemon.log());
    }
  }
}

/// The own processor time of the daemon, and that of all programs that it has run (its shims wait
/// for what they start, and it for them). Source: proc_pid_stat(5), fields 14 to 17.
struct Processor {
  double own = 0;
  double programs = 0;
};

Processor processor_of(pid_t daemon) {
  std::ifstream file("/proc/" + std::to_string(daemon) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field)
    fields >> skipped;
  std::array<double, 4> ticks{};
  for (double& each : ticks)
    fields >> each;
  const auto per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return {(ticks[0] + ticks[1]) / per_second, (ticks[2] + ticks[3]) / per_second};
}

/// Bytes of memory that are the daemon's own, shared ones in proportion.
double memory_of(pid_t daemon) {
  std::ifstream file("/proc/" + std::to_string(daemon) + "/smaps_rollup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("Pss:")) return std::stod(line.substr(4)) * 1024;
  fail("no memory of the daemon");
}

double quantile(std::vector<double> values, double part) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * part)];
}

/// submit TASKS: one after the other, from sending the request until the model has the first one of
/// that task (`p50`, `p95`): everything is durable then that was to be.
void submit_tasks(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  std::mutex mutex;
  std::map<std::string, steady_clock::time_point> asked;
  ScriptedLlm model([&](const LlmRequest& request) {
    const std::scoped_lock lock(mutex);
    const std::string goal = request.goal();
    asked.emplace(goal.substr(goal.rfind('\n') + 1), steady_clock::now());
    return says("done");
  });
  RealDaemon daemon(config_at(model.base_url()));
  daemon.start();
  UnixHttpClient client(daemon.socket());
  std::vector<steady_clock::time_point> sent;
  for (std::uint64_t i = 0; i < tasks; ++i) {
    sent.push_back(steady_clock::now());
    submit(client, daemon, "goal " + std::to_string(i));
    wait_for_completed(daemon, i + 1);
  }
  expect_equal(asked.size(), tasks, "tasks that asked");
  std::vector<double> seconds;
  for (std::uint64_t i = 0; i < tasks; ++i)
    seconds.push_back(seconds_between(sent[i], asked.at("goal " + std::to_string(i))));
  report("p50", quantile(seconds, 0.5));
  report("p95", quantile(seconds, 0.95));
}

/// What a model takes for each of its answers.
struct Pace {
  std::uint64_t first_ms = 0;
  std::uint64_t events = 1;
  std::uint64_t per_second = 0;

  [[nodiscard]] double seconds() const {
    const double between =
        per_second == 0 ? 0 : static_cast<double>(events - 1) / static_cast<double>(per_second);
    return static_cast<double>(first_ms) * 1e-3 + between;
  }

  [[nodiscard]] std::string path(std::uint64_t steps) const {
    return "/agent/" + std::to_string(steps) + '/' + std::to_string(first_ms) + '/' +
           std::to_string(events) + '/' + std::to_string(per_second);
  }
};

struct Run {
  double seconds = 0;
  Processor processor;
};

/// So many sessions at once, each of so many steps.
Run run_sessions(const RealDaemon& daemon, std::uint64_t sessions) {
  const Processor before = processor_of(daemon.pid());
  const auto begin = steady_clock::now();
  UnixHttpClient client(daemon.socket());
  for (std::uint64_t i = 0; i < sessions; ++i)
    submit(client, daemon, "session " + std::to_string(i));
  wait_for_completed(daemon, sessions, std::chrono::milliseconds{sessions == 1 ? 5 : 25});
  const double seconds = seconds_since(begin);
  const Processor after = processor_of(daemon.pid());
  return {seconds, {after.own - before.own, after.programs - before.programs}};
}

/// The time that the programs of task 1 took, by their shims.
double seconds_of_programs(const RealDaemon& daemon, std::uint64_t steps) {
  double seconds = 0;
  std::uint64_t programs = 0;
  for (const Json& step : daemon.ask("/v1/tasks/1/steps?full=1&limit=1000").body.at("steps")) {
    if (step.at("command") != "process.run") continue;
    ++programs;
    seconds += static_cast<double>(step.at("reply").at("duration_ms").get<std::uint64_t>()) * 1e-3;
  }
  expect_equal(programs, steps, "programs run");
  return seconds;
}

/// task STEPS: one session of so many steps, the model without delay. `beyond`: the time on the
/// wall less that of its programs (`programs`).
void task(const Arguments& arguments) {
  const std::uint64_t steps = arguments.number(1);
  const Model model;
  RealDaemon daemon(config_at(model.url(Pace().path(steps))));
  daemon.start();
  const Run run = run_sessions(daemon, 1);
  const double programs = seconds_of_programs(daemon, steps);
  report("beyond", run.seconds - programs);
  report("programs", programs);
}

/// sessions SESSIONS STEPS: all at once; the model takes 50 ms to the first byte and then sends ten
/// events 5 ms apart. `makespan`: how many times as long as the model alone; `apart`: how many
/// times as long as the model and the processor time of the programs, on all processors; `cpu`: the
/// daemon's own processor time for a step, `programs`: that of its shims, sandboxes and programs.
void sessions(const Arguments& arguments) {
  const std::uint64_t count = arguments.number(1);
  const std::uint64_t steps = arguments.number(2);
  constexpr Pace kPace{.first_ms = 50, .events = 10, .per_second = 200};
  bench::allow_many_files();
  const Model model;
  RealDaemon daemon(config_at(model.url(kPace.path(steps))));
  daemon.start();
  const Run run = run_sessions(daemon, count);
  (void)seconds_of_programs(daemon, steps);
  const double ideal = kPace.seconds() * static_cast<double>(steps + 1);
  const double programs =
      run.processor.programs / static_cast<double>(std::thread::hardware_concurrency());
  report("makespan", run.seconds / ideal);
  report("apart", run.seconds / (ideal + programs));
  report("cpu", run.processor.own / static_cast<double>(count * steps));
  report("programs", run.processor.programs / static_cast<double>(count * steps));
}

/// memory SESSIONS: so many have read three files and wait for the model's fourth answer. `live`:
/// memory of each beyond its messages; `after`: what is left of all within some seconds after.
void memory(const Arguments& arguments) {
  const std::uint64_t count = arguments.number(1);
  bench::allow_many_files();
  ScriptedLlm model([](const LlmRequest& request) {
    if (request.turn() < 3) return calls("read_file", {{"path", "README"}});
    LlmReply last = says("done");
    last.hold = 0;
    return last;
  });
  RealDaemon daemon(config_at(model.base_url()));
  daemon.start();
  UnixHttpClient client(daemon.socket());
  submit(client, daemon, "the first, that what all need is there");
  while (model.held() < 1)
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  const double before = memory_of(daemon.pid());
  for (std::uint64_t i = 0; i < count; ++i)
    submit(client, daemon, "session " + std::to_string(i));
  while (model.held() < count + 1)
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  const double during = memory_of(daemon.pid());
  double messages = 0;
  for (const LlmRequest& request : model.ledger())
    if (request.turn() == 3)
      messages += static_cast<double>(request.body.at("messages").dump().size());
  report("live", (during - before - messages) / static_cast<double>(count));
  model.open_gate();
  wait_for_completed(daemon, count + 1);
  constexpr double kSettledSeconds = 15;
  constexpr double kEnough = 2e6;
  double after = memory_of(daemon.pid()) - before;
  for (const auto end = steady_clock::now();
       after > kEnough && seconds_since(end) < kSettledSeconds;) {
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    after = std::min(after, memory_of(daemon.pid()) - before);
  }
  report("after", std::max(0.0, after));
}

/// recover TASKS: they wait for the model in the middle of their work when the daemon is killed;
/// from starting another one until the model has the first request of it (`first`), and until it
/// has those of all tasks (`all`).
void recover(const Arguments& arguments) {
  const std::uint64_t count = arguments.number(1);
  std::mutex mutex;
  std::vector<steady_clock::time_point> asked;  // by the second daemon
  std::atomic<bool> killed = false;
  ScriptedLlm model([&](const LlmRequest& request) {
    const std::size_t turn = request.turn();
    if (turn == 3 && killed) {
      const std::scoped_lock lock(mutex);
      asked.push_back(steady_clock::now());
    }
    if (turn == 5) return says("done");
    LlmReply next = calls("write_file", {{"path", request.goal()}, {"content", "x\n"}});
    if (turn == 3) next.hold = 0;
    return next;
  });
  RealDaemon daemon(config_at(model.base_url()));
  daemon.start();
  UnixHttpClient client(daemon.socket());
  for (std::uint64_t i = 0; i < count; ++i)
    submit(client, daemon, "file-" + std::to_string(i));
  while (model.held() < count)
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  daemon.kill9();
  killed = true;
  model.open_gate();
  const auto begin = steady_clock::now();
  daemon.start();
  wait_for_completed(daemon, count);
  expect_equal(asked.size(), count, "requests after the kill");
  report("first", seconds_between(begin, asked.front()));
  report("all", seconds_between(begin, asked.back()));
}

constexpr std::array kBenchmarks = {
    std::pair{std::string_view("submit"), &submit_tasks},
    std::pair{std::string_view("task"), &task},
    std::pair{std::string_view("sessions"), &sessions},
    std::pair{std::string_view("memory"), &memory},
    std::pair{std::string_view("recover"), &recover},
};

}  // namespace
}  // namespace tinkerbell

int main(int count, char** words) {
  return bench::run_named(bench::Arguments(count, words), tinkerbell::kBenchmarks);
}

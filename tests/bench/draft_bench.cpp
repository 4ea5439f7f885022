#include "meter.hpp"
#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// What drafts of a repository and the way back take, with a real daemon: time, space, and how long
/// its loop is kept from others meanwhile.

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using bench::Arguments;
using bench::expect_equal;
using bench::report;
using std::chrono::steady_clock;

constexpr std::uint64_t kFilesInDirectory = 100;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

std::string name_of_file(std::uint64_t i) {
  const std::uint64_t directory = i / kFilesInDirectory;
  return "part-" + std::to_string(directory / 10) + "/module-" + std::to_string(directory) +
         "/source_file_" + std::to_string(i) + ".cpp";
}

/// So many small files, a hundred to a directory, in one commit, packed.
void lay_out(const RealDaemon& daemon, std::uint64_t files) {
  for (std::uint64_t i = 0; i < files; ++i) {
    daemon.put(name_of_file(i),
               "// file " + std::to_string(i) + '\n' + std::string(i % 400, 'x') + '\n');
  }
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"add", "."}, {"commit", "-q", "-m", "all"}, {"gc", "-q"}}) {
    std::vector<std::string> argv = {"git",         "-C",        daemon.workspace(),
                                     "-c",          "gc.auto=0", "-c",
                                     "user.name=b", "-c",        "user.email=b"};
    argv.insert(argv.end(), words.begin(), words.end());
    if (const Finished git = run_to_end(argv); git.exit != 0) fail(git.err);
  }
}

std::uint64_t bytes_below(const fs::path& directory) {
  std::uint64_t blocks = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    struct stat status{};
    if (::lstat(entry.path().c_str(), &status) == 0) {
      blocks += static_cast<std::uint64_t>(status.st_blocks);
    }
  }
  return blocks * 512;
}

/// What the loop's thread, the first one of the process, has worked since it began.
double seconds_of_loop(pid_t daemon) {
  const std::string process = std::to_string(daemon);
  std::ifstream file("/proc/" + process + "/task/" + process + "/schedstat");
  double nanoseconds = 0;
  file >> nanoseconds;
  return nanoseconds * 1e-9;
}

/// Asks the daemon for its status, again and again: the longest that it was kept waiting is about
/// as long as the loop did something else, or waited for a processor. Which of them, the processor
/// time of the loop tells.
class Pinger {
 public:
  explicit Pinger(const RealDaemon& daemon)
      : thread_([this, socket = daemon.socket(), pid = daemon.pid()](const std::stop_token& stop) {
          UnixHttpClient client(socket);
          while (!stop.stop_requested()) {
            const double worked = seconds_of_loop(pid);
            const auto begin = steady_clock::now();
            if (!client.request("GET", "/v1/status")) return;
            longest_ = std::max(longest_.load(), seconds_since(begin));
            longest_work_ = std::max(longest_work_.load(), seconds_of_loop(pid) - worked);
            std::this_thread::sleep_for(std::chrono::microseconds{200});
          }
        }) {}

  /// Since the last time.
  [[nodiscard]] double take_longest() { return longest_.exchange(0); }

  /// The longest that the loop worked while one request waited; since the last time.
  [[nodiscard]] double take_longest_work() { return longest_work_.exchange(0); }

 private:
  std::atomic<double> longest_ = 0;
  std::atomic<double> longest_work_ = 0;
  std::jthread thread_;
};

Json step_of(const RealDaemon& daemon, std::uint64_t task, std::string_view command) {
  const Json steps = daemon.ask("/v1/tasks/" + std::to_string(task) + "/steps").body.at("steps");
  for (const Json& step : steps) {
    if (step.at("command") == command) return step;
  }
  fail("there is no " + std::string(command));
}

/// The longest turn of the newest ones, seconds.
double longest_turn(const RealDaemon& daemon) {
  const Json scheduler = daemon.ask("/v1/status").body.at("scheduler");
  return static_cast<double>(scheduler.at("longest_turn").at("us").get<std::uint64_t>()) * 1e-6;
}

/// POST; it must be taken. Returns the task that it makes.
std::uint64_t post(const RealDaemon& daemon, std::uint64_t task, std::string_view act,
                   const Json& body) {
  const auto answer =
      daemon.ask("/v1/tasks/" + std::to_string(task) + "/" + std::string(act), body);
  if (answer.status != 201) fail(std::string(act) + ": " + dump_json(answer.body));
  return answer.body.at("id").get<std::uint64_t>();
}

void expect_completed(const Json& ended) {
  if (ended.at("state") != "completed") fail("it ended with " + dump_json(ended));
}

/// One task: it makes its draft (`open`, from the question whether it may to the end; `bytes` on
/// the disk), changes some files, offers them (`offer`); somebody looks at the diff (`diff`, the
/// second time), forks it in the middle (`fork`, until the fork is there with its own draft;
/// `fork_bytes`), accepts (`accept`) and takes that back (`undo`). `stall`: the longest that a
/// request waited meanwhile; `loop`: the most that the loop worked while one waited.
void draft(const Arguments& arguments) {
  const std::uint64_t files = arguments.number(1);
  const std::uint64_t changed = arguments.number(2);
  ScriptedLlm model([changed](const LlmRequest& request) -> LlmReply {
    const std::size_t turn = request.turn();
    if (turn >= changed) return says("done");
    return calls("write_file", {{"path", name_of_file(turn * 100)}, {"content", "changed\n"}});
  });
  RealDaemon daemon(config_for(model, usual_sandbox()) + "[agent]\nfiles = \"draft\"\n" +
                    "steps_max = 1000\n[[policy.rule]]\nname = \"git\"\ndo = \"allow\"\n" +
                    "argv = [[\"git\", \"ls-files\", \"...\"]]\n");
  lay_out(daemon, files);
  daemon.start();
  const std::uint64_t contents_before = bytes_below(daemon.state_dir());

  Pinger pinger(daemon);
  const std::uint64_t task = daemon.run("change files");
  const Json question = daemon.wait_for_question(task);
  if (question.at("command") != "draft.accept") fail("asked: " + dump_json(question));
  const auto microseconds = [](const Json& step) {
    return static_cast<double>(step.at("duration_us").get<std::uint64_t>()) * 1e-6;
  };
  report("open", microseconds(step_of(daemon, task, "draft.open")));
  report("bytes", static_cast<double>(bytes_below(daemon.state_dir()) - contents_before));
  double diff = 0;
  for (int look = 0; look < 2; ++look) {
    const auto begin = steady_clock::now();
    const Json view = daemon.ask("/v1/tasks/" + std::to_string(task) + "/diff").body;
    diff = seconds_since(begin);
    expect_equal(view.at("files").size(), changed, "files in the diff");
  }
  report("diff", diff);
  const std::uint64_t bytes_before_fork = bytes_below(daemon.state_dir());
  const auto fork_begin = steady_clock::now();
  const std::uint64_t fork = post(daemon, task, "fork", {{"at", changed}});
  report("fork", seconds_since(fork_begin));
  (void)daemon.wait_for_question(fork);
  report("fork_bytes", static_cast<double>(bytes_below(daemon.state_dir()) - bytes_before_fork));
  const auto begin = steady_clock::now();
  const auto answer = daemon.ask("/v1/approvals/" + question.at("id").dump(),
                                 Json{{"answer", "approve"}, {"hash", question.at("hash")}});
  expect_equal(static_cast<std::uint64_t>(answer.status), 200, "status of the answer");
  const Json ended = daemon.wait_for_end(task);
  report("accept", seconds_since(begin));
  if (ended.at("draft_note") != std::to_string(changed) + " paths taken over") {
    fail("it ended with " + dump_json(ended));
  }
  expect_equal(daemon.file(name_of_file(0)) == "changed\n" ? 1 : 0, 1, "first file");
  const auto undo_begin = steady_clock::now();
  const std::uint64_t undo = post(daemon, task, "undo", {{"approve_all", true}});
  expect_completed(daemon.wait_for_end(undo));
  report("undo", seconds_since(undo_begin));
  expect_equal(daemon.file(name_of_file(0)) == "changed\n" ? 1 : 0, 0, "first file, taken back");
  report("stall", pinger.take_longest());
  report("loop", pinger.take_longest_work());
  report("turn", longest_turn(daemon));
}

/// Does it. Says how long that took (`name`), what another client waited at the longest (`_stall`),
/// and how much of such a wait the loop worked (`_loop`).
void measure(Pinger& pinger, const std::string& name, const std::function<void()>& act) {
  (void)pinger.take_longest();
  (void)pinger.take_longest_work();
  const auto begin = steady_clock::now();
  act();
  report(name, seconds_since(begin));
  report(name + "_stall", pinger.take_longest());
  report(name + "_loop", pinger.take_longest_work());
}

/// A program that changes every file.
LlmReply changes_all() {
  return calls("run_program", {{"argv",
                                {"find", ".", "-name", "*.cpp", "-exec", "sed", "-i",
                                 "1s/file/changed file/", "{}", "+"}}});
}

/// A program changes every file of the workspace itself; then somebody looks at that in all ways
/// and takes it back.
void change_all(const Arguments& arguments) {
  const std::uint64_t files = arguments.number(1);
  ScriptedLlm model(ScriptedLlm::in_turn({changes_all(), says("done")}));
  RealDaemon daemon(config_for(model, usual_sandbox()));
  lay_out(daemon, files);
  daemon.start();
  Pinger pinger(daemon);
  const auto measured = [&](const std::string& name, const auto& act) {
    measure(pinger, name, act);
  };
  const std::string changed = "// changed file 0\n";
  std::uint64_t task = 0;
  measured("program", [&] {
    task = daemon.run("change all", /*approve_all=*/true);
    expect_completed(daemon.wait_for_end(task));
  });
  report("turn", longest_turn(daemon));
  expect_equal(daemon.file(name_of_file(0)).starts_with(changed) ? 1 : 0, 1, "first file");
  const std::string path = "/v1/tasks/" + std::to_string(task);
  for (const std::string what : {"/steps", "/diff", "/core"}) {
    measured(what.substr(1), [&] {
      const auto answer = UnixHttpClient(daemon.socket()).request("GET", path + what);
      if (!answer || answer->status != 200) fail(what + " failed");
    });
  }
  measured("undo", [&] {
    expect_completed(daemon.wait_for_end(post(daemon, task, "undo", {{"approve_all", true}})));
  });
  report("undo_turn", longest_turn(daemon));
  expect_equal(daemon.file(name_of_file(0)).starts_with(changed) ? 1 : 0, 0, "first file");
}

/// The same in a draft, which is offered, looked at (with its question), accepted and taken back.
void accept_all(const Arguments& arguments) {
  const std::uint64_t files = arguments.number(1);
  ScriptedLlm model(ScriptedLlm::in_turn({changes_all(), says("done")}));
  RealDaemon daemon(config_for(model, usual_sandbox()) + "[agent]\nfiles = \"draft\"\n" +
                    "[[policy.rule]]\nname = \"git\"\ndo = \"allow\"\n" +
                    "argv = [[\"git\", \"ls-files\", \"...\"]]\n");
  lay_out(daemon, files);
  daemon.start();
  Pinger pinger(daemon);
  std::uint64_t task = 0;
  Json question;
  measure(pinger, "offer", [&] {
    task = daemon.run("change all");
    question = daemon.wait_for_question(task);
  });
  if (question.at("command") != "draft.accept") fail("asked: " + dump_json(question));
  measure(pinger, "accept", [&] {
    const auto answer = daemon.ask("/v1/approvals/" + question.at("id").dump(),
                                   Json{{"answer", "approve"}, {"hash", question.at("hash")}});
    expect_equal(static_cast<std::uint64_t>(answer.status), 200, "status of the answer");
    expect_completed(daemon.wait_for_end(task));
  });
  const std::string changed = "// changed file 0\n";
  expect_equal(daemon.file(name_of_file(0)).starts_with(changed) ? 1 : 0, 1, "first file");
  measure(pinger, "undo", [&] {
    expect_completed(daemon.wait_for_end(post(daemon, task, "undo", {{"approve_all", true}})));
  });
  expect_equal(daemon.file(name_of_file(0)).starts_with(changed) ? 1 : 0, 0, "first file");
}

constexpr std::array kBenchmarks = {
    std::pair{std::string_view("draft"), &draft},
    std::pair{std::string_view("change_all"), &change_all},
    std::pair{std::string_view("accept_all"), &accept_all},
};

}  // namespace
}  // namespace tinkerbell

int main(int count, char** words) {
  return bench::run_named(bench::Arguments(count, words), tinkerbell::kBenchmarks);
}

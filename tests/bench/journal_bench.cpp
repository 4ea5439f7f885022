#include "meter.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/base/random.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/journal/sqlite_store.hpp"
#include "tinkerbell/journal/writer_thread.hpp"
#include "tinkerbell/reactor/inbox.hpp"
#include "tinkerbell/reactor/reactor.hpp"
#include "tinkerbell/syscall/syscalls.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <malloc.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

/// Durable tasks on the real store: everything between a task and the disk, without drivers that
/// do something. Each benchmark has a state directory of its own, beside the program, so on the
/// disk of the build.

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;

using bench::Arguments;
using bench::expect_equal;
using bench::report;
using std::chrono::steady_clock;

constexpr std::size_t kPayloadBytes = 256;

double seconds_since(steady_clock::time_point then) {
  return std::chrono::duration<double>(steady_clock::now() - then).count();
}

/// A new directory, gone with this.
class StateDirectory {
 public:
  StateDirectory() {
    std::string name = (fs::read_symlink("/proc/self/exe").parent_path() / "state.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category());
    path_ = name;
  }

  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  ~StateDirectory() { fs::remove_all(path_); }

  [[nodiscard]] const fs::path& path() const { return path_; }

  /// Of all files in it.
  [[nodiscard]] double bytes() const {
    double sum = 0;
    for (const auto& entry : fs::directory_iterator(path_))
      sum += static_cast<double>(entry.file_size());
    return sum;
  }

 private:
  fs::path path_;
};

/// Every effect is done at once; of each task only so many.
class InstantDriver final : public Driver {
 public:
  explicit InstantDriver(std::uint32_t steps_max = std::numeric_limits<std::uint32_t>::max())
      : steps_max_(steps_max) {}

  void prepare(Call /*call*/, Completion<Prepared> done) override {
    done(Prepared{.facts = {.object = "/usr/bin/true"}, .pre_image = {}});
  }

  void perform(Call call, Completion<Reply> done) override {
    ++performed;
    if (first_performed == steady_clock::time_point{}) first_performed = steady_clock::now();
    if (number(call.id.seq) > steps_max_) {
      under_way_.push_back(std::move(done));
      return;
    }
    if (std::holds_alternative<AwaitFileRead>(call.command)) {
      done(Reply(AwaitFileRead::Reply{.text = std::string(kPayloadBytes, 'x')}));
    } else {
      done(Reply(AwaitProcess::Reply{.output = std::string(kPayloadBytes, 'x')}));
    }
  }

  /// What was under way when the last run ended had not begun.
  void recover(Call /*call*/, Completion<Reply> done) override {
    done(Error{Errc::not_started, "not begun"});
  }

  void cancel(CommandId /*id*/) override {}

  std::uint64_t performed = 0;
  steady_clock::time_point first_performed{};

 private:
  std::uint32_t steps_max_;
  std::vector<Completion<Reply>> under_way_;
};

/// So many programs, one after the other; the effect waits for its intent to be durable.
Task<Result<Json>> runs_programs(TaskStart start) {
  const auto steps = start.arguments.at("steps").get<std::uint64_t>();
  for (std::uint64_t i = 0; i < steps; ++i) {
    const auto ran = co_await AwaitProcess{.argv = {"true"}};
    if (!ran) co_return ran.error();
  }
  co_return Json();
}

/// So many reads, one after the other, and nothing to wait for.
Task<Result<Json>> reads_files(TaskStart start) {
  const auto steps = start.arguments.at("steps").get<std::uint64_t>();
  for (std::uint64_t i = 0; i < steps; ++i) {
    const auto read = co_await AwaitFileRead{.path = "a.txt"};
    if (!read) co_return read.error();
  }
  co_return Json();
}

/// Waits for a person.
Task<Result<Json>> asks(TaskStart /*start*/) {
  const auto answer = co_await AwaitUserApproval{.question = "May I go on with what I was told?"};
  if (!answer) co_return answer.error();
  co_return Json();
}

/// The daemon's heart: what is between a task and the disk.
class World final : public SyscallObserver, public KernelObserver {
 public:
  explicit World(const fs::path& directory, InstantDriver& performs)
      : World(opened(directory), performs) {}

  World(std::unique_ptr<Store> store, InstantDriver& performs)
      : driver(performs),
        survivors_(survivors_of(*store)),
        journal_(std::move(store),
                 {.post = [this](auto work) { inbox_.post(std::move(work)); },
                  .durable = [this](const std::vector<Record>& records) { calls.durable(records); },
                  .failed = [](const Error& error) { fail(error); }}),
        writer_(journal_),
        calls({.journal = journal_,
               .clock = clock_,
               .random = random_,
               .registry = registry_,
               .rules = rules_,
               .masker = masker_,
               .logger = logger_,
               .observer = *this,
               .kernel_observer = *this,
               .tasks_max = 1'000'000}),
        reactor_(io_, calls.scheduler(), clock_) {
    reactor_.set_inbox(&inbox_);
    reactor_.set_end_of_round([this] {
      journal_.announce();
      if (is_over_ && is_over_()) reactor_.stop();
    });
    add_kind("programs@1", &runs_programs);
    add_kind("reads@1", &reads_files);
    add_kind("asks@1", &asks);
    calls.set_driver<AwaitProcess>(driver);
    calls.set_driver<AwaitFileRead>(driver);
  }

  ~World() override { calls.stop(); }

  void submit(const std::string& kind, std::uint64_t steps) {
    calls.submit({.kind = kind,
                  .workspace = "/",
                  .arguments = {{"steps", steps}},
                  .approve_all = true,
                  .by = {.via = "bench"}},
                 Completion<TaskId>([](const Result<TaskId>& id) {
                   if (!id) fail(id.error());
                 }));
  }

  struct Recovered {
    std::size_t tasks = 0;
    std::uint64_t steps = 0;
  };

  /// Takes up what the last run left, as the daemon does.
  Recovered recover() {
    Recovered recovered{.tasks = survivors_.awake.size() + survivors_.resting.size()};
    for (const TaskHead& head : survivors_.resting)
      calls.rest(head);
    for (const TaskHead& head : survivors_.awake) {
      recovered.steps += head.steps;
      Result<std::vector<Record>> records = survivors_.records->next();
      if (!records) fail(records.error());
      const Result<void> back = calls.recover(head, *std::move(records));
      if (!back) fail(back.error());
    }
    survivors_ = {};
    calls.replay_all();
    return recovered;
  }

  void answer(ApprovalId question) {
    calls.answer({.approval = question, .answer = Answer::approve, .by = {.via = "bench"}},
                 Completion<ApprovalPayload>([this](const Result<ApprovalPayload>& told) {
                   if (!told) fail(told.error());
                   ++answers;
                 }));
  }

  /// Until a round ends with that.
  void run_until(std::function<bool()> is_over) {
    is_over_ = std::move(is_over);
    reactor_.run();
  }

  /// Until every task has ended and all of that is durable.
  void run() {
    reactor_.run();
    expect_equal(calls.live_tasks(), 0, "tasks left");
    expect_equal(number(journal_.durable_lsn()), number(journal_.last_lsn()), "durable records");
  }

  [[nodiscard]] Journal::Counters counters() const { return journal_.counters(); }

  void recorded(const Record& record) override {
    ++records_;
    const bool done = record.kind == RecordKind::done;
    if (done && calls.live_tasks() == 0 && record.lsn == journal_.last_lsn()) reactor_.stop();
    if (record.kind == RecordKind::intent) ++intents;
  }

  void progressed(CommandId /*id*/, ProgressKind /*kind*/, std::string_view /*text*/) override {}

  void task_state_changed(TaskId /*task*/, TaskState /*from*/, TaskState /*to*/) override {}

  InstantDriver& driver;
  std::uint64_t intents = 0;  ///< Durable ones.
  std::uint64_t answers = 0;

 private:
  struct Survivors {
    std::vector<TaskHead> awake;
    std::unique_ptr<StoredChains> records;
    std::vector<TaskHead> resting;
  };

  static Survivors survivors_of(Store& store) {
    Result<std::vector<TaskHead>> heads = store.claim(Store::kAll, SystemClock().wall());
    if (!heads) fail(heads.error());
    Survivors survivors;
    for (TaskHead& head : *heads)
      (head.rest ? survivors.resting : survivors.awake).push_back(std::move(head));
    Result<std::unique_ptr<StoredChains>> records = store.records_from_snapshots(survivors.awake);
    if (!records) fail(records.error());
    survivors.records = *std::move(records);
    return survivors;
  }

  using Start = Task<Result<Json>> (*)(TaskStart);

  [[noreturn]] static void fail(const Error& error) {
    std::fprintf(stderr, "%s\n", error.message.c_str());
    std::exit(1);
  }

  static std::unique_ptr<Store> opened(const fs::path& directory) {
    Result<std::unique_ptr<Store>> store = open_sqlite_store(directory, Durability::power);
    if (!store) fail(store.error());
    return *std::move(store);
  }

  void add_kind(const std::string& name, Start start) {
    registry_.add(name, {.freeze = [](const Json&) -> Result<Json> { return Json::object(); },
                         .start = start,
                         .title = [](const Json&) { return std::string("a benchmark"); }});
  }

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  Inbox inbox_{io_};
  SystemClock clock_;
  SystemRandom random_;
  Registry registry_;
  Rules rules_;
  Masker masker_;
  SilentLogger logger_;
  std::uint64_t records_ = 0;
  std::function<bool()> is_over_;
  Survivors survivors_;
  Journal journal_;
  WriterThread writer_;

 public:
  SystemCalls calls;

 private:
  Reactor reactor_;
};

/// KIND: so many tasks with so many steps each. `bytes`: what a step leaves on the disk besides
/// its payload.
void steps_of(const std::string& kind, std::uint64_t tasks, std::uint64_t steps) {
  const StateDirectory directory;
  const double all = static_cast<double>(tasks * steps);
  {
    InstantDriver driver;
    World world(directory.path(), driver);
    for (std::uint64_t i = 0; i < tasks; ++i)
      world.submit(kind, steps);
    const bench::Meter meter;
    const auto begin = steady_clock::now();
    world.run();
    report("rate", all / seconds_since(begin));
    report("cpu", meter.seconds() / all);
    expect_equal(driver.performed, tasks * steps, "effects");
    const Journal::Counters counters = world.counters();
    report("commits", static_cast<double>(counters.commits));
    report("records", static_cast<double>(counters.records));
  }
  report("bytes", directory.bytes() / all - static_cast<double>(kPayloadBytes));
}

/// steps TASKS STEPS: effects that wait for their intent.
void steps(const Arguments& arguments) {
  steps_of("programs@1", arguments.number(1), arguments.number(2));
}

/// pure STEPS: one task that waits for nothing.
void pure(const Arguments& arguments) {
  steps_of("reads@1", 1, arguments.number(1));
}

/// fdatasync COUNT: what the disk can do at most: 512 bytes over the old ones, and a sync.
void fdatasyncs(const Arguments& arguments) {
  constexpr std::size_t kBlock = 512;
  const std::uint64_t count = arguments.number(1);
  const StateDirectory directory;
  const UniqueFd file(
      ::open((directory.path() / "blocks").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const std::string zeros(count * kBlock, '\0');
  const std::string block(kBlock, 'x');
  if (::pwrite(file.get(), zeros.data(), zeros.size(), 0) < 0 || ::fsync(file.get()) != 0) {
    std::perror("blocks");
    std::exit(1);
  }
  const auto begin = steady_clock::now();
  for (std::uint64_t i = 0; i < count; ++i) {
    const ssize_t written =
        ::pwrite(file.get(), block.data(), kBlock, static_cast<off_t>(i * kBlock));
    expect_equal(static_cast<std::uint64_t>(written), kBlock, "bytes written");
    expect_equal(static_cast<std::uint64_t>(::fdatasync(file.get())), 0, "fdatasync");
  }
  report("rate", static_cast<double>(count) / seconds_since(begin));
}

// ---- restarts: another process takes up what this one has left ----

double now_in_seconds() {
  return std::chrono::duration<double>(steady_clock::now().time_since_epoch()).count();
}

/// Starts this program anew with these words and the time, and waits for its end.
void run_again(const std::string& word, const fs::path& directory) {
  const std::string time = std::to_string(now_in_seconds());
  std::string path = directory.string();
  std::string name = word;
  std::string when = time;
  std::array<char*, 5> words{name.data(), name.data(), path.data(), when.data(), nullptr};
  pid_t child = 0;
  int status = 0;
  if (::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, words.data(), environ) != 0 ||
      ::waitpid(child, &status, 0) != child || status != 0) {
    std::fprintf(stderr, "%s failed\n", word.c_str());
    std::exit(1);
  }
}

/// restart TASKS STEPS: so many tasks have done so many steps and are at the next one, when the
/// daemon ends. `first`: from the start of the process to the first effect; `frontier`: to where
/// all tasks stand where they stood; `rate`: steps replayed a second, reading them included.
void restart(const Arguments& arguments) {
  const std::uint64_t tasks = arguments.number(1);
  const std::uint64_t steps = arguments.number(2);
  const StateDirectory directory;
  {
    InstantDriver driver(static_cast<std::uint32_t>(steps));
    World world(directory.path(), driver);
    for (std::uint64_t i = 0; i < tasks; ++i)
      world.submit("programs@1", steps + 1);
    world.run_until([&] { return driver.performed == tasks * (steps + 1); });
  }
  run_again("take_up", directory.path());
}

/// take_up DIRECTORY TIME: what restart() measures.
void take_up(const Arguments& arguments) {
  const double begin = std::stod(arguments.text(2));
  InstantDriver driver;
  const auto opened = steady_clock::now();
  World world(arguments.text(1), driver);
  const World::Recovered recovered = world.recover();
  report("rate", static_cast<double>(recovered.steps) / seconds_since(opened));
  const double frontier = now_in_seconds() - begin;
  world.run_until([&] { return driver.performed >= 1; });
  const double first =
      std::chrono::duration<double>(driver.first_performed.time_since_epoch()).count() - begin;
  report("first", first);
  report("frontier", frontier);
  report("tasks", static_cast<double>(recovered.tasks));
}

constexpr std::size_t kParkedTasks = 100'000;

/// parked: so many tasks wait for a person when the daemon ends. `restart`: from the start of the
/// process to where they can be answered; `bytes`: of memory for each; `answer`: from one answer to
/// the end of its task.
void parked(const Arguments& /*arguments*/) {
  const StateDirectory directory;
  {
    InstantDriver driver;
    World world(directory.path(), driver);
    for (std::size_t i = 0; i < kParkedTasks; ++i)
      world.submit("asks@1", 0);
    world.run_until([&] { return world.intents == kParkedTasks; });
  }
  run_again("take_up_parked", directory.path());
}

/// take_up_parked DIRECTORY TIME
void take_up_parked(const Arguments& arguments) {
  const double begin = std::stod(arguments.text(2));
  InstantDriver driver;
  World world(arguments.text(1), driver);
  expect_equal(world.recover().tasks, kParkedTasks, "tasks");
  report("restart", now_in_seconds() - begin);
  expect_equal(world.calls.resting_tasks(), kParkedTasks, "resting tasks");
  ::malloc_trim(0);
  report("resident", bench::resident_bytes());
  report("bytes", static_cast<double>(::mallinfo2().uordblks) / kParkedTasks);
  const auto asked = steady_clock::now();
  world.answer(ApprovalId{kParkedTasks / 2});
  world.run_until(
      [&] { return world.answers == 1 && world.calls.live_tasks() == kParkedTasks - 1; });
  report("answer", seconds_since(asked));
}

constexpr std::array kBenchmarks = {
    std::pair{std::string_view("steps"), &steps},
    std::pair{std::string_view("pure"), &pure},
    std::pair{std::string_view("fdatasync"), &fdatasyncs},
    std::pair{std::string_view("restart"), &restart},
    std::pair{std::string_view("take_up"), &take_up},
    std::pair{std::string_view("parked"), &parked},
    std::pair{std::string_view("take_up_parked"), &take_up_parked},
};

}  // namespace
}  // namespace tinkerbell

int main(int count, char** words) {
  return bench::run_named(bench::Arguments(count, words), tinkerbell::kBenchmarks);
}

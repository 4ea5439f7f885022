#include "meter.hpp"
#include "support/built_program.hpp"
#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/drivers/process/process_driver.hpp"
#include "tinkerbell/workspace/changes.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/tree.hpp"
#include "tinkerbell/workspace/tree_watch.hpp"
#include "tinkerbell/workspace/workspace.hpp"

#include <boost/asio/io_context.hpp>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// What it takes to see that nothing has changed in a workspace, beside programs that look at the
/// same tree for the same purpose; and what seeing it around a program adds to that program's step.

namespace tinkerbell {
namespace {

using bench::Arguments;
using bench::expect_equal;
using bench::report;
using std::chrono::steady_clock;

constexpr std::uint64_t kFilesInDirectory = 100;
constexpr int kLooks = 5;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

/// So many small files, a hundred to a directory, the directories ten to one above them.
void write_files(const TempDir& dir, std::uint64_t files) {
  for (std::uint64_t i = 0; i < files; ++i) {
    const std::uint64_t directory = i / kFilesInDirectory;
    dir.write("work/part-" + std::to_string(directory / 10) + "/module-" +
                  std::to_string(directory) + "/source_file_" + std::to_string(i) + ".cpp",
              "// file " + std::to_string(i) + '\n' + std::string(i % 400, 'x') + '\n');
  }
}

Tree look(const Workspace& workspace, const Tree* known = nullptr) {
  Result<Tree> tree = look_at_tree(workspace, {.known = known});
  if (!tree) fail(tree.error().message);
  return *std::move(tree);
}

/// Files that are younger than a look by less than two seconds are read again by the next one; so
/// the look that is the known one comes later than that.
Tree look_when_all_is_old(const Workspace& workspace) {
  Tree tree = look(workspace);
  std::int64_t newest = 0;
  for (const TreeEntry& entry : tree.entries)
    newest = std::max(newest, entry.ctime_ns);
  while (tree.looked_ns <= newest + 2'000'000'000) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    tree = look(workspace, &tree);
  }
  return tree;
}

/// The second time, when whatever it keeps is up to date.
double time_of(const std::vector<std::string>& argv) {
  double seconds = 0;
  for (int run = 0; run < 2; ++run) {
    const auto begin = steady_clock::now();
    const Finished done = run_to_end(argv);
    seconds = seconds_since(begin);
    if (done.exit != 0) fail(argv[0] + ": " + done.err);
    if (!done.out.empty()) fail(argv[0] + " sees a change");
  }
  return seconds;
}

void run_silently(const std::vector<std::string>& argv) {
  const Finished done = run_to_end(argv);
  if (done.exit != 0) fail(argv[0] + ": " + done.err);
}

/// A look at an unchanged tree and the comparison with the look before (`compare`, `cpu`); `git
/// status` (`git`); a `find` that looks for files newer than one beside the tree (`find`).
void compare(const Arguments& arguments) {
  const std::uint64_t files = arguments.number(1);
  const TempDir dir;
  write_files(dir, files);
  const std::string place = (dir / "work").string();
  const Result<std::shared_ptr<Workspace>> workspace = Workspace::open(place);
  if (!workspace) fail(workspace.error().message);
  const Tree known = look_when_all_is_old(**workspace);

  const bench::Meter meter;
  const auto begin = steady_clock::now();
  std::uint64_t seen = 0;
  std::uint64_t changed = 0;
  for (int round = 0; round < kLooks; ++round) {
    const Tree now = look(**workspace, &known);
    changed += changes_between(known, now).size();
    for (const TreeEntry& entry : now.entries)
      seen += entry.type == FileType::file ? 1 : 0;
  }
  report("compare", seconds_since(begin) / kLooks);
  report("cpu", meter.seconds() / kLooks);
  expect_equal(seen, kLooks * files, "files");
  expect_equal(changed, 0, "changes");

  dir.write("reference", "");
  report("find", time_of({"find", place, "-newer", (dir / "reference").string()}));
  const std::vector<std::string> git{"git", "-C", place, "-c", "user.name=b", "-c", "user.email=b"};
  const auto with = [&](std::initializer_list<std::string> words) {
    std::vector<std::string> argv = git;
    argv.insert(argv.end(), words);
    return argv;
  };
  run_silently(with({"init", "-q"}));
  run_silently(with({"add", "."}));
  run_silently(with({"commit", "-q", "-m", "all"}));
  report("git", time_of(with({"status", "--porcelain"})));
}

class NoProgress final : public ProgressSink {
 public:
  void progress(CommandId /*id*/, ProgressKind /*kind*/, std::string_view /*text*/) override {}
};

/// Steps of one driver: the program changes one small file each time.
class Steps {
 public:
  Steps(const std::string& workspace, const ProcessSettings& settings,
        const std::optional<TreeWatch*>& trees)
      : workspace_(workspace),
        driver_(loop_.get_executor(), pool_, sink_, settings, {},
                trees ? std::optional(Tracking{**trees, pool_}) : std::nullopt) {}

  /// From the question to the answer. How many paths were seen to change is added to `changes`.
  double time_of_one(std::uint64_t& changes) {
    const auto begin = steady_clock::now();
    const std::uint32_t number = ++number_;
    std::string key = std::to_string(number);
    key.insert(0, 32 - key.size(), 'b');
    Call call{.id = {TaskId{1}, Seq{number}},
              .command = AwaitProcess{.argv = {"sh", "-c", "echo " + key + " > changed"}},
              .workspace = workspace_,
              .key = key,
              .facts = {},
              .pre_image = {}};
    call.facts = answered<Prepared>([&](Completion<Prepared> done) {
                   driver_.prepare(call, std::move(done));
                 }).facts;
    const Reply reply =
        answered<Reply>([&](Completion<Reply> done) { driver_.perform(call, std::move(done)); });
    const double seconds = seconds_since(begin);
    changes += changes_in(reply).size();
    driver_.settled(key);
    return seconds;
  }

 private:
  template <class T, class Ask>
  T answered(const Ask& ask) {
    std::optional<Result<T>> answer;
    ask(Completion<T>([&](Result<T> result) { answer.emplace(std::move(result)); }));
    while (!answer) {
      loop_.restart();
      loop_.run_one();
    }
    if (!*answer) fail(answer->error().message);
    return **std::move(answer);
  }

  std::string workspace_;
  boost::asio::io_context loop_;
  BlockingPool pool_{loop_.get_executor(), 2};
  NoProgress sink_;
  ProcessDriver driver_;
  std::uint32_t number_ = 0;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// A step that runs a program in a tree of so many files: with tracking (`tracked`), without it
/// (`untracked`), and the first one with it, which reads all (`first`).
void tracked(const Arguments& arguments) {
  const std::uint64_t files = arguments.number(1);
  constexpr std::uint64_t kSteps = 15;
  const TempDir dir;
  write_files(dir, files);
  const std::string place = (dir / "work").string();
  const auto settings = [&](const char* runs) {
    ProcessSettings each{.shim = built_program("tinkerbell-shim"), .runs_directory = dir / runs};
    each.sandbox = ProcessSandbox::none;
    return each;
  };
  const auto contents = ContentStore::open((dir / "contents").string());
  if (!contents) fail(contents.error().message);
  TreeWatch trees(**contents, {});
  Steps plain(place, settings("plain"), {});
  Steps watched(place, settings("watched"), &trees);

  std::uint64_t changes = 0;
  std::uint64_t unseen = 0;
  report("first", watched.time_of_one(changes));
  const Result<std::shared_ptr<Workspace>> workspace = Workspace::open(place);
  if (!workspace) fail(workspace.error().message);
  (void)look_when_all_is_old(**workspace);
  (void)watched.time_of_one(changes);
  std::vector<double> with;
  std::vector<double> without;
  for (std::uint64_t i = 0; i < kSteps; ++i) {
    without.push_back(plain.time_of_one(unseen));
    with.push_back(watched.time_of_one(changes));
  }
  report("tracked", median(with));
  report("untracked", median(without));
  expect_equal(changes, kSteps + 2, "changes");
  expect_equal(unseen, 0, "changes without tracking");
}

constexpr std::array kBenchmarks = {
    std::pair{std::string_view("compare"), &compare},
    std::pair{std::string_view("tracked"), &tracked},
};

}  // namespace
}  // namespace tinkerbell

int main(int count, char** words) {
  return bench::run_named(bench::Arguments(count, words), tinkerbell::kBenchmarks);
}

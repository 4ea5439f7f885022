#include "support/job.hpp"
#include "support/real_daemon.hpp"
#include "support/scripted_http_server.hpp"

#include "tinkerbell/protocol/task.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

/// Jobs of every day, each done from its goal to the accepted draft with a real daemon and a
/// scripted model: what is asked, what comes out of it, and that this test would see it if the work
/// were not done. The jobs are in tests/playbooks.
namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t kQuestionsMax = 1;
constexpr std::size_t kBytesPerToken = 4;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A file as a tree has it: whether it can be executed, and its content.
std::string look_at(const fs::path& file) {
  const bool runs = (fs::status(file).permissions() & fs::perms::owner_exec) != fs::perms::none;
  return (runs ? "program\n" : "") + content_of(file);
}

/// All files below a directory by their paths in it, but for those of git.
std::map<std::string, std::string> tree_in(const fs::path& directory) {
  std::map<std::string, std::string> files;
  if (!fs::exists(directory)) return files;
  for (auto entry = fs::recursive_directory_iterator(directory);
       entry != fs::recursive_directory_iterator(); ++entry) {
    if (entry->path().filename() == ".git") entry.disable_recursion_pending();
    if (entry->is_regular_file()) {
      files[entry->path().lexically_relative(directory)] = look_at(entry->path());
    }
  }
  return files;
}

/// One run of a job.
class Play {
 public:
  explicit Play(Job job, bool strict = true)
      : server_(answers_of(job)),
        job_(with_host(std::move(job), "127.0.0.1:" + std::to_string(server_.port()))),
        model_(job_, strict),
        llm_([this](const LlmRequest& request) { return model_(request); }),
        daemon_(config_for(llm_, usual_sandbox()) + "[agent]\nfiles = \"draft\"\n" + job_.config) {}

  void run();

  /// What went otherwise than it should.
  [[nodiscard]] const std::vector<std::string>& findings() const { return findings_; }

  /// Where what came out of it is not what was wanted.
  [[nodiscard]] const std::vector<std::string>& differences() const { return differences_; }

  /// A row of the table in docs/agent.md.
  [[nodiscard]] std::string row() const {
    return "| " + job_.name + " | " + std::to_string(steps_) + " | " + std::to_string(questions_) +
           " | " + std::to_string(tokens_) + " | " + std::to_string(wall_.count()) + " ms |\n";
  }

  [[nodiscard]] std::uint64_t questions() const { return questions_; }

 private:
  static std::vector<ScriptedHttpServer::Script> answers_of(const Job& job) {
    std::vector<ScriptedHttpServer::Script> scripts;
    for (const JobPage& page : job.pages) {
      scripts.push_back(ScriptedHttpServer::answer(
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
          std::to_string(page.body.size()) + "\r\n\r\n" + page.body));
    }
    return scripts;
  }

  /// The line of the job's check in a directory: its exit status, and what it says.
  [[nodiscard]] Finished check_in(const fs::path& directory) const {
    return run_to_end({"sh", "-c", "cd \"$0\" && {\n" + job_.check + "\n} 2>&1", directory});
  }

  void lay_out();
  void git(std::vector<std::string> words) const;
  [[nodiscard]] bool has_ended();
  void answer(const Json& question);
  void compare();

  void expect(bool holds, const std::string& otherwise) {
    if (!holds) findings_.push_back(otherwise);
  }

  void differs_unless(bool holds, const std::string& otherwise) {
    if (!holds) differences_.push_back(otherwise);
  }

  ScriptedHttpServer server_;
  Job job_;
  JobModel model_;
  ScriptedLlm llm_;
  RealDaemon daemon_;
  std::uint64_t task_ = 0;
  std::map<std::string, std::string> before_;
  std::vector<std::string> commits_before_;
  std::vector<std::string> findings_;
  std::vector<std::string> differences_;
  std::uint64_t steps_ = 0;
  std::uint64_t questions_ = 0;
  std::size_t tokens_ = 0;
  std::chrono::milliseconds wall_{0};
};

void Play::git(std::vector<std::string> words) const {
  words.insert(words.begin(), {"git", "-C", daemon_.workspace(), "-c", "user.name=Ann", "-c",
                               "user.email=ann@example.invalid"});
  const Finished git = run_to_end(words);
  ASSERT_EQ(git.exit, 0) << git.err;
}

void Play::lay_out() {
  const fs::path workspace = daemon_.workspace();
  fs::remove_all(workspace);
  fs::create_directory(workspace);
  git({"init", "--quiet", "--template=", "--initial-branch=main"});
  if (fs::exists(job_.directory / "history")) {
    const Finished import = run_to_end({"sh", "-c", "git -C \"$0\" fast-import --quiet < \"$1\"",
                                        workspace, job_.directory / "history"});
    ASSERT_EQ(import.exit, 0) << import.err;
    git({"reset", "--quiet", "--hard"});
  }
  if (fs::exists(job_.directory / "before")) {
    fs::copy(job_.directory / "before", workspace, fs::copy_options::recursive);
    git({"add", "--all"});
    git({"commit", "--quiet", "-m", "Begin"});
  }
  before_ = tree_in(workspace);
  commits_before_ = daemon_.commits();
  const TempDir copy;
  fs::copy(workspace, copy.path(), fs::copy_options::recursive);
  expect(check_in(copy.path()).exit != 0, "its check succeeds before anything is done");
}

void Play::run() {
  lay_out();
  daemon_.start();
  const auto begin = std::chrono::steady_clock::now();
  task_ = daemon_.run(job_.parts.front().goal, job_.yes);
  expect(wait_until([this] { return has_ended(); }), "it does not end: " + daemon_.log());
  wall_ = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                begin);
  for (const LlmRequest& request : llm_.ledger())
    tokens_ += dump_json(request.body).size() / kBytesPerToken;
  findings_.insert(findings_.end(), model_.findings().begin(), model_.findings().end());
  for (const Json& each : daemon_.ask("/v1/tasks?limit=100").body.at("tasks")) {
    const Json task = daemon_.ask("/v1/tasks/" + each.at("id").dump()).body;
    expect(task.at("state") == "completed", "it ends otherwise: " + task.dump());
    steps_ += task.at("steps").get<std::uint64_t>();
    questions_ += task.at("questions").at("asked").get<std::uint64_t>();
  }
  compare();
}

bool Play::has_ended() {
  const Json open = daemon_.ask("/v1/approvals").body.at("approvals");
  if (!open.empty()) {
    answer(open.front());
    return false;
  }
  const Json task = daemon_.ask("/v1/tasks/" + std::to_string(task_)).body;
  return protocol::has_ended(task.at("state").get<std::string>());
}

void Play::answer(const Json& question) {
  const std::string asked = "a" + question.at("id").dump();
  if (question.at("command") == "draft.accept") {
    const Finished accepted = daemon_.cli({"accept", std::to_string(task_), "--yes"});
    expect(accepted.exit == 0, "its draft is not accepted: " + accepted.err + accepted.out);
    return;
  }
  for (const JobAnswer& each : job_.answers) {
    const bool fits = question.at("card").get<std::string>().contains(each.asks);
    if (fits && daemon_.cli({"answer", asked, each.answer}).exit == 0) return;
  }
  findings_.push_back("it asks: " + question.dump());
  expect(daemon_.cli({"cancel", std::to_string(task_)}).exit == 0, "it cannot be cancelled");
}

void Play::compare() {
  std::map<std::string, std::string> expected = before_;
  for (const std::string& path : job_.removed)
    differs_unless(expected.erase(path) == 1, path + " was not there");
  for (auto& [path, content] : tree_in(job_.directory / "after"))
    expected[path] = std::move(content);
  std::map<std::string, std::string> found = tree_in(daemon_.workspace());
  for (const std::string& directory : job_.named_anew)
    std::erase_if(found, [&](const auto& file) { return file.first.starts_with(directory + "/"); });
  for (const auto& [path, content] : expected) {
    const auto file = found.find(path);
    if (file == found.end())
      differences_.push_back("there is no " + path);
    else
      differs_unless(file->second == content, path + " is:\n" + file->second);
  }
  for (const auto& [path, content] : found)
    differs_unless(expected.contains(path), "there is a " + path + ":\n" + content);
  const std::vector<std::string> commits = daemon_.commits();
  differs_unless(commits == (job_.commits.empty() ? commits_before_ : job_.commits),
                 "its commits: " + testing::PrintToString(commits));
  const std::vector<std::string> requests = server_.requests();
  differs_unless(requests.size() == job_.pages.size(),
                 "its requests: " + testing::PrintToString(requests));
  for (std::size_t i = 0; i < std::min(requests.size(), job_.pages.size()); ++i)
    differs_unless(requests[i].starts_with(job_.pages[i].request + " "),
                   "it asks for " + requests[i]);
  const Finished checked = check_in(daemon_.workspace());
  differs_unless(checked.exit == 0, "its check fails: " + checked.out);
}

class PlaybookTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (usual_sandbox() == "none") GTEST_SKIP() << "without a sandbox programs ask, in drafts too";
  }
};

INSTANTIATE_TEST_SUITE_P(Jobs, PlaybookTest, testing::ValuesIn(job_names()),
                         [](const auto& job) { return job.param; });

/// With TINKERBELL_PLAYBOOKS=FILE it adds a row to a table there.
TEST_P(PlaybookTest, IsDoneWithOneQuestionAtMost) {
  Play play(load_job(GetParam()));
  play.run();
  EXPECT_THAT(play.findings(), IsEmpty());
  EXPECT_THAT(play.differences(), IsEmpty());
  EXPECT_LE(play.questions(), kQuestionsMax);
  if (const char* const table = std::getenv("TINKERBELL_PLAYBOOKS"); table != nullptr) {
    std::ofstream(table, std::ios::app) << play.row();
  }
}

TEST_P(PlaybookTest, WithoutItsLastChangeIsSeenToFail) {
  Play play(without_last_change(load_job(GetParam())), /*strict=*/false);
  play.run();
  EXPECT_THAT(play.differences(), Not(IsEmpty()));
}

}  // namespace
}  // namespace tinkerbell

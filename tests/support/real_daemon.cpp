#include "support/real_daemon.hpp"

#include "support/built_program.hpp"
#include "support/scripted_llm.hpp"

#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/protocol/task.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <sstream>

namespace tinkerbell {

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

std::vector<std::string> git_in(const std::string& directory, std::vector<std::string> words) {
  std::vector<std::string> argv = {
      "git", "-C", directory, "-c", "user.name=Test", "-c", "user.email=test@tinkerbell.invalid"};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

void run_git(const std::string& directory, std::vector<std::string> words) {
  const Finished git = run_to_end(git_in(directory, std::move(words)));
  EXPECT_EQ(git.exit, 0) << git.err;
}

/// A git repository with one commit, made once: a copy takes less time than git.
const std::filesystem::path& first_workspace() {
  static const TempDir kDirectory;
  static const bool kMade = [] {
    kDirectory.write("README", "A workspace.\n");
    run_git(kDirectory.path(), {"init", "-q", "--template="});
    run_git(kDirectory.path(), {"add", "."});
    run_git(kDirectory.path(), {"commit", "-q", "-m", "begin"});
    return true;
  }();
  (void)kMade;
  return kDirectory.path();
}

Json json_in(const std::string& text) {
  Result<Json> json = parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *std::move(json) : Json();
}

std::string target_of(std::uint64_t task) {
  return "/v1/tasks/" + std::to_string(task);
}

}  // namespace

std::string config_for(const ScriptedLlm& model, std::string_view sandbox, Wire wire) {
  return "schema = 1\n[providers.scripted]\ntype = \"" + std::string(name_of(wire)) +
         "\"\nbase_url = \"" + model.base_url(wire) +
         "\"\n[models.default]\nprovider = \"scripted\"\nmodel = \"scripted-1\"\n"
         "[sandbox]\nkind = \"" +
         std::string(sandbox) + "\"\n";
}

std::string usual_sandbox() {
  static const bool works = run_to_end({"bwrap", "--unshare-user", "--unshare-pid", "--unshare-net",
                                        "--ro-bind", "/", "/", "--proc", "/proc", "true"})
                                .exit == 0;
  return works ? "bubblewrap" : "none";
}

namespace {

/// What most tests are about is what a task asks for at each effect: in the workspace itself.
std::string live_unless_said(std::string config) {
  if (config.contains("files = ")) return config;
  constexpr std::string_view kTable = "[agent]\n";
  const std::size_t table = config.find(kTable);
  if (table == std::string::npos) return config.append(kTable).append("files = \"live\"\n");
  return config.insert(table + kTable.size(), "files = \"live\"\n");
}

}  // namespace

RealDaemon::RealDaemon(std::string_view config, std::string program)
    : program_(std::move(program)) {
  directory_.write("tinkerbell.toml", live_unless_said(std::string(config)));
  ::chmod((directory_ / "tinkerbell.toml").c_str(), 0600);
  std::filesystem::copy(first_workspace(), workspace(), std::filesystem::copy_options::recursive);
}

RealDaemon::~RealDaemon() {
  if (process_) kill9();
}

void RealDaemon::launch() {
  const UniqueFd log(
      ::open((directory_ / "daemon.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  process_.emplace(command_line(), log.get(), log.get());
}

void RealDaemon::start() {
  launch();
  ASSERT_TRUE(wait_until([this] { return answers(); })) << log();
}

bool RealDaemon::is_gone() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(process_->pid()), &info, WEXITED | WNOHANG | WNOWAIT) ==
             0 &&
         info.si_pid == process_->pid();
}

bool RealDaemon::comes_up() {
  launch();
  EXPECT_TRUE(wait_until([this] { return is_gone() || answers(); })) << log();
  if (!is_gone()) return true;
  (void)wait_until_it_ends();
  return false;
}

int RealDaemon::wait_until_it_ends() {
  const int status = process_->wait();
  process_.reset();
  check_log();
  return status;
}

bool RealDaemon::answers() const {
  return static_cast<bool>(UnixHttpClient(socket()).request("GET", "/v1/status"));
}

void RealDaemon::kill9() {
  process_->signal(SIGKILL);
  process_->wait();
  process_.reset();
  check_log();
}

int RealDaemon::stop() {
  process_->signal(SIGTERM);
  const int status = process_->wait();
  process_.reset();
  check_log();
  return status;
}

std::vector<std::string> RealDaemon::command_line() const {
  return {built_program(program_),
          "--config",
          directory_ / "tinkerbell.toml",
          "--state-dir",
          state_dir(),
          "--socket",
          socket()};
}

void RealDaemon::put(std::string_view name, std::string_view content, bool program) const {
  const std::string inside = "workspace/" + std::string(name);
  directory_.write(inside, content);
  if (program) ::chmod((directory_ / inside).c_str(), 0755);
}

std::string RealDaemon::file(std::string_view name) const {
  return directory_.read("workspace/" + std::string(name));
}

std::vector<std::string> RealDaemon::commits() const {
  return lines_of(run_to_end(git_in(workspace(), {"log", "--format=%s"})).out);
}

Finished RealDaemon::cli(std::vector<std::string> words) const {
  std::vector<std::string> argv = {built_program("tinkerbell"), "--socket", socket()};
  argv.insert(argv.end(), words.begin(), words.end());
  return run_to_end(argv);
}

Json RealDaemon::cli_json(std::vector<std::string> words) const {
  words.insert(words.begin(), "--json");
  const Finished finished = cli(std::move(words));
  EXPECT_EQ(finished.exit, 0) << finished.err;
  return json_in(finished.out);
}

RealDaemon::Answer RealDaemon::curl(const std::string& target,
                                    const std::optional<Json>& body) const {
  std::vector<std::string> argv = {"curl",   "-sS", "--unix-socket",
                                   socket(), "-w",  "\n%{http_code}"};
  if (body) argv.insert(argv.end(), {"-d", dump_json(*body)});
  argv.push_back("http://localhost" + target);
  const Finished finished = run_to_end(argv);
  EXPECT_EQ(finished.exit, 0) << finished.err;
  const std::size_t end = finished.out.rfind('\n');
  if (end == std::string::npos) return {};
  return {.status = std::stoi(finished.out.substr(end + 1)),
          .body = json_in(finished.out.substr(0, end))};
}

RealDaemon::Answer RealDaemon::ask(const std::string& target,
                                   const std::optional<Json>& body) const {
  const Result<UnixHttpClient::Answer> answer = UnixHttpClient(socket()).request(
      body ? "POST" : "GET", target, body ? dump_json(*body) : std::string());
  EXPECT_TRUE(answer) << target << ": " << answer.error().message << "\n" << log();
  return answer ? Answer{.status = answer->status, .body = json_in(answer->body)} : Answer{};
}

std::uint64_t RealDaemon::run(const std::string& goal, bool approve_all) const {
  std::vector<std::string> words = {"run", goal, "-w", workspace(), "--detach"};
  if (approve_all) words.emplace_back("--yes");
  return cli_json(std::move(words)).value("id", std::uint64_t{0});
}

std::optional<Json> RealDaemon::open_question(std::uint64_t task) const {
  const Json open = ask("/v1/approvals?task=" + std::to_string(task)).body.at("approvals");
  return open.empty() ? std::nullopt : std::optional(open.front());
}

bool RealDaemon::has_ended(std::uint64_t task) const {
  const Json view = ask(target_of(task)).body;
  return view.is_object() && protocol::has_ended(view.value("state", ""));
}

Json RealDaemon::wait_for_end(std::uint64_t task) const {
  EXPECT_TRUE(wait_until([&] { return has_ended(task); })) << log();
  return ask(target_of(task)).body;
}

Json RealDaemon::wait_for_question(std::uint64_t task) const {
  std::optional<Json> question;
  EXPECT_TRUE(wait_until([&] { return (question = open_question(task)).has_value(); })) << log();
  return question.value_or(Json::object());
}

Json RealDaemon::approve_until_end(std::uint64_t task) const {
  EXPECT_TRUE(wait_until([&] {
    if (const std::optional<Json> question = open_question(task)) {
      (void)ask("/v1/approvals/" + question->at("id").dump(), Json{{"answer", "approve"}});
    }
    return has_ended(task);
  })) << log();
  return ask(target_of(task)).body;
}

void RealDaemon::check_log() {
  const std::string all = log();
  for (const std::string& line : lines_of(all.substr(log_checked_))) {
    const Result<Json> json = parse_json(line);
    ASSERT_TRUE(json && json->is_object()) << "not a log line: " << line;
    for (const char* key : {"ts", "level", "event"})
      EXPECT_TRUE(json->contains(key)) << "no " << key << " in " << line;
  }
  log_checked_ = all.size();
}

}  // namespace tinkerbell

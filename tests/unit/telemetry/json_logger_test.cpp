#include "tinkerbell/telemetry/json_logger.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace tinkerbell {
namespace {

class JsonLog : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/log.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }

  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<JsonLogger> logger(LogLevel level = LogLevel::info,
                                     const Masker* masker = nullptr) {
    Result<std::unique_ptr<JsonLogger>> made = make_json_logger({level, path()}, masker);
    EXPECT_TRUE(made);
    return *std::move(made);
  }

  [[nodiscard]] std::string path() const { return directory_ + "/log"; }

  /// What was written, each line parsed; a line that is no JSON object fails the test.
  [[nodiscard]] std::vector<Json> lines() const {
    std::vector<Json> parsed;
    std::ifstream file(path());
    for (std::string line; std::getline(file, line);) {
      Result<Json> json = parse_json(line);
      EXPECT_TRUE(json && json->is_object()) << line;
      if (json) parsed.push_back(*std::move(json));
    }
    return parsed;
  }

  std::string directory_;
};

TEST_F(JsonLog, WritesOneObjectALine) {
  const auto log = logger();
  log->info("task.started", {{"task", 12}, {"kind", "agent@1"}});
  log->warn("task.lost");

  const std::vector<Json> written = lines();
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[0]["level"], "info");
  EXPECT_EQ(written[0]["event"], "task.started");
  EXPECT_EQ(written[0]["task"], 12);
  EXPECT_EQ(written[0]["kind"], "agent@1");
  EXPECT_EQ(written[1].size(), 3U);
  EXPECT_EQ(written[1]["level"], "warn");
}

TEST_F(JsonLog, BeginsEachLineWithItsTime) {
  logger()->info("a");
  const std::string time = lines().at(0)["ts"];
  ASSERT_EQ(time.size(), std::string_view("2026-11-22T20:33:35.123Z").size());
  EXPECT_EQ(time[10], 'T');
  EXPECT_EQ(time.back(), 'Z');
  std::ifstream file(path());
  std::string line;
  std::getline(file, line);
  EXPECT_TRUE(line.starts_with("{\"ts\":\"20")) << line;
}

TEST_F(JsonLog, LeavesOutWhatIsBelowItsLevel) {
  const auto log = logger(LogLevel::warn);
  log->info("quiet");
  log->error("loud");
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_EQ(lines()[0]["event"], "loud");
}

TEST_F(JsonLog, KeepsItsOwnKeysFromTheFields) {
  logger()->info("real", {{"event", "forged"}, {"level", "x"}, {"ts", "y"}, {"a", 1}});
  const Json line = lines().at(0);
  EXPECT_EQ(line["event"], "real");
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["a"], 1);
}

TEST_F(JsonLog, S70_KeepsHostileTextOnOneLine) {
  const auto log = logger();
  const std::string hostile = "x\n[critical] y{}{}%n\x1b[2J\xff";
  log->info(hostile, {{"name", hostile}, {hostile, 1}, {"list", Json::array({hostile})}});
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_EQ(lines()[0]["name"], "x\n[critical] y{}{}%n\x1b[2J\xEF\xBF\xBD");
  std::ifstream file(path());
  const std::string raw{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(raw.find('\x1b'), std::string::npos);
}

TEST_F(JsonLog, S50_MasksSecretsInEveryText) {
  Masker masker;
  masker.add("sk-0123456789\"x");
  logger(LogLevel::info, &masker)
      ->info("a", {{"text", "key sk-0123456789\"x!"},
                   {"deep", {{"list", Json::array({"sk-0123456789\"x"})}}},
                   {"json", R"({"k":"sk-0123456789\"x"})"}});
  const Json line = lines().at(0);
  EXPECT_EQ(line["text"], "key [secret]!");
  EXPECT_EQ(line["deep"]["list"][0], "[secret]");
  EXPECT_EQ(line["json"], R"({"k":"[secret]"})");
}

TEST_F(JsonLog, ShortensVeryLongTexts) {
  logger()->info("a", {{"text", std::string(1 << 20, 'x')}});
  const std::string text = lines().at(0)["text"];
  EXPECT_LT(text.size(), 9'000U);
  EXPECT_TRUE(text.ends_with("more bytes)"));
}

TEST_F(JsonLog, AppendsToAFileThatOthersCannotRead) {
  logger()->info("first");
  logger()->info("second");
  EXPECT_EQ(lines().size(), 2U);
  struct stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0027U, 0U);
}

TEST_F(JsonLog, SaysWhenItsFileCannotBeOpened) {
  const auto made = make_json_logger({.file = directory_ + "/no/such/log"}, nullptr);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::not_found);
}

TEST_F(JsonLog, WritesWholeLinesFromManyThreads) {
  const auto log = logger();
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&log, thread] {
        for (int i = 0; i < 200; ++i)
          log->info("turn", {{"thread", thread}, {"text", std::string(500, 'x')}});
      });
    }
  }
  EXPECT_EQ(lines().size(), 800U);
}

TEST(JsonLogOutput, F35_SurvivesAFullDisk) {
  const auto made = make_json_logger({.file = "/dev/full"}, nullptr);
  ASSERT_TRUE(made);
  for (int i = 0; i < 3; ++i)
    (*made)->info("lost");
}

/// Puts another descriptor in the place of standard error for a while.
class StandardError {
 public:
  explicit StandardError(int fd) : saved_(::dup(STDERR_FILENO)) { ::dup2(fd, STDERR_FILENO); }

  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;

  ~StandardError() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
  }

 private:
  int saved_;
};

TEST(JsonLogOutput, F35_SurvivesAReaderThatWentAway) {
  const auto old_handler = std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  std::unique_ptr<JsonLogger> log;
  {
    const StandardError replaced(pipe[1]);
    log = *make_json_logger({}, nullptr);
  }
  ::close(pipe[1]);
  log->info("heard");
  std::array<char, 200> text{};
  EXPECT_GT(::read(pipe[0], text.data(), text.size()), 0);

  ::close(pipe[0]);
  log->info("lost");
  std::signal(SIGPIPE, old_handler);
}

TEST_F(JsonLog, F35_BeginsANewLineAfterATornOne) {
  const auto log = logger();
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ::getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit small{100, old_limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  log->info("torn", {{"text", std::string(200, 'x')}});
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  log->info("whole");

  std::ifstream file(path());
  std::string torn;
  std::string whole;
  std::getline(file, torn);
  std::getline(file, whole);
  EXPECT_EQ(torn.size(), 100U);
  const Result<Json> json = parse_json(whole);
  ASSERT_TRUE(json) << whole;
  EXPECT_EQ((*json)["event"], "whole");
}

}  // namespace
}  // namespace tinkerbell

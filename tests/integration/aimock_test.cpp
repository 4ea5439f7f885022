#include "support/real_daemon.hpp"
#include "support/source_root.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The same task with each kind of service, against a mock that others wrote (`@copilotkit/aimock`,
/// which scripts/setup installs): what they read in the services' documentation, and not what we
/// did.
///
/// Where version 1.43.0 does something else than the services' documentation says:
/// * An answer is said to have used 0 tokens, of input too, unless the fixture has figures (Chat
///   Completions: it counts). Such usage is unknown to us.
/// * openai-responses: events have no `sequence_number`.
/// * anthropic: the signature of thinking is made up, and not looked at when it comes back.
/// * ollama: thinking is in `reasoning_content` and not in `thinking`, so it is not kept; the
/// figures
///   are 0 whatever the fixture says; an error is an object and not a text.
/// * An answer that it cuts off without pauses between the events ends before its first byte.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

struct Service {
  std::string_view type;
  std::string_view base;  ///< Of its URL, below the port.
  std::string_view path;
  std::uint64_t calls_estimated;  ///< Of two answers: those of which no usage is known.
};

constexpr std::array kServices = {
    Service{"openai-chat", "/v1", "/v1/chat/completions", 0},
    Service{"openai-responses", "/v1", "/v1/responses", 2},
    Service{"anthropic", "", "/v1/messages", 2},
    Service{"ollama", "", "/api/chat", 2},
};

std::filesystem::path directory_of_aimock() {
  return source_root() / "build/aimock";
}

/// The mock under way, on a port of its own, with these fixtures.
class Aimock {
 public:
  explicit Aimock(const Json& fixtures) {
    directory_.write("fixtures.json", dump_json({{"fixtures", fixtures}}));
    const std::filesystem::path modules = directory_of_aimock() / "node_modules";
    const bool own_node = std::filesystem::exists(modules / ".bin/node");
    const UniqueFd log(::open((directory_ / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    process_.emplace(
        std::vector<std::string>{own_node ? modules / ".bin/node" : "node",
                                 modules / "@copilotkit/aimock/dist/cli.js", "--port", "0",
                                 "--strict", "--fixtures", directory_ / "fixtures.json"},
        log.get(), log.get());
    EXPECT_TRUE(wait_until([this] { return !url().empty(); })) << directory_.read("log");
  }

  /// "http://127.0.0.1:PORT"; empty until it listens.
  [[nodiscard]] std::string url() const {
    constexpr std::string_view kListening = "listening on ";
    const std::string log = directory_.read("log");
    const std::size_t at = log.find(kListening);
    const std::size_t end = at == std::string::npos ? at : log.find('\n', at);
    if (end == std::string::npos) return {};
    return log.substr(at + kListening.size(), end - at - kListening.size());
  }

  /// The requests so far, and what became of them.
  [[nodiscard]] Json journal() const {
    const Result<Json> entries =
        parse_json(run_to_end({"curl", "-sS", url() + "/__aimock/journal"}).out);
    return entries ? *entries : Json::array();
  }

 private:
  TempDir directory_;
  std::optional<Child> process_;
};

const Json kFirstTurn = {{"userMessage", "write the note"}, {"turnIndex", 0}};

/// A model that thinks, says something and writes a file.
Json writes(const Json& when) {
  return {{"match", when},
          {"response",
           {{"reasoning", "It wants a note."},
            {"content", "I write it. Grüße \U0001F44B"},
            {"toolCalls",
             {{{"name", "write_file"},
               {"arguments", {{"path", "note.txt"}, {"content", "Grüße \U0001F44B\n"}}}}}}}}};
}

/// It finishes once it has been told that the file is written; the call comes before the words.
Json finishes() {
  return {{"match", {{"userMessage", "write the note"}, {"turnIndex", 1}, {"hasToolResult", true}}},
          {"response",
           {{"blocks",
             {{{"type", "toolCall"},
               {"name", "finish"},
               {"arguments", {{"summary", "It is written."}}}},
              {{"type", "text"}, {"text", "Done."}}}}}}};
}

class AimockTest : public testing::TestWithParam<Service> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(directory_of_aimock() / "installed")) {
      GTEST_SKIP() << "aimock is not installed: `scripts/setup test` does that where npm reaches "
                      "its registry";
    }
  }

  /// Runs the task, which must write its note; the daemon lives on for more questions.
  void write_the_note(const Aimock& mock, RealDaemon& daemon) {
    daemon.start();
    task_ = daemon.run("write the note", true);
    const Json end = daemon.wait_for_end(task_);
    EXPECT_EQ(end.at("state"), "completed") << daemon.log() << mock.journal().dump(1);
    EXPECT_EQ(daemon.file("note.txt"), "Grüße \U0001F44B\n");
    EXPECT_THAT(end.at("result").dump(), HasSubstr("It is written."));
  }

  static std::string config_for(const Aimock& mock) {
    return "schema = 1\n[providers.aimock]\ntype = \"" + std::string(GetParam().type) +
           "\"\nbase_url = \"" + mock.url() + std::string(GetParam().base) +
           "\"\n[models.default]\nprovider = \"aimock\"\nmodel = \"m-1\"\n"
           "[sandbox]\nkind = \"none\"\n";
  }

  std::uint64_t task_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Services, AimockTest, testing::ValuesIn(kServices),
                         [](const auto& service) {
                           std::string name(service.param.type);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST_P(AimockTest, ATaskWritesAFileAndFinishes) {
  const Aimock mock({writes(kFirstTurn), finishes()});
  RealDaemon daemon(config_for(mock));
  write_the_note(mock, daemon);
  const Json journal = mock.journal();
  ASSERT_EQ(journal.size(), 2U);
  for (const Json& entry : journal) {
    EXPECT_EQ(entry.at("path"), GetParam().path);
    EXPECT_EQ(entry.at("response").at("status"), 200);
  }
}

TEST_P(AimockTest, S68_WhatIsSaidToHaveCostNothingIsChargedAtItsBound) {
  const Aimock mock({writes(kFirstTurn), finishes()});
  RealDaemon daemon(config_for(mock));
  write_the_note(mock, daemon);
  const Json total = daemon.cli_json({"cost", std::to_string(task_)}).at("total");
  EXPECT_EQ(total.at("calls"), 2);
  EXPECT_EQ(total.at("calls_estimated"), GetParam().calls_estimated);
}

TEST_P(AimockTest, F41_F43_F44_ATaskOutlastsARateLimitAnOverloadAndAnAnswerThatIsCutOff) {
  const auto at = [](int attempt) {
    Json when = kFirstTurn;
    when["sequenceIndex"] = attempt;
    return when;
  };
  const Json limited = {
      {"match", at(0)},
      {"response",
       {{"error", {{"message", "slow down"}, {"type", "rate_limit_error"}}}, {"status", 429}}}};
  const Json overloaded = {
      {"match", at(1)},
      {"response",
       {{"error", {{"message", "busy"}, {"type", "overloaded_error"}}}, {"status", 503}}}};
  Json cut = writes(at(2));
  cut["truncateAfterChunks"] = 3;
  cut["latency"] = 1;  // so that something comes before the end
  const Aimock mock({limited, overloaded, cut, writes(at(3)), finishes()});
  RealDaemon daemon(config_for(mock) + "[retry]\npause_max = \"1ms\"\nretry_after_max = \"1ms\"\n");
  write_the_note(mock, daemon);
  EXPECT_EQ(mock.journal().size(), 5U);
}

}  // namespace
}  // namespace tinkerbell

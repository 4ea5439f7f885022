#include "tinkerbell/outreach/outreach.hpp"

#include "support/temp_dir.hpp"
#include "unit/io/loop.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {
namespace {

using namespace std::chrono_literals;

class LogLines final : public Logger {
 public:
  [[nodiscard]] bool writes(LogLevel /*level*/) const override { return true; }

  void log(LogLevel /*level*/, std::string_view event, Json fields) override {
    lines.push_back(std::string(event) + " " + dump_json(fields));
  }

  std::vector<std::string> lines;
};

protocol::ApprovalView question(std::uint64_t id = 3) {
  return {.id = ApprovalId{id}, .state = "open", .line = "run x", .hash = std::string(64, 'a')};
}

protocol::EventView opened(std::uint64_t id = 3) {
  return {.name = std::string(protocol::event_name::kApprovalOpened),
          .data = to_json_value(question(id))};
}

protocol::EventView decided(std::uint64_t id = 3) {
  return {.name = std::string(protocol::event_name::kApprovalDecided),
          .data = to_json_value(protocol::DecisionView{.id = ApprovalId{id}, .state = "denied"})};
}

class OutreachTest : public testing::Test {
 protected:
  std::vector<std::string> shell(const std::string& script) const {
    return {"/bin/sh", "-c", script, dir.path().string()};
  }

  void begin(OutreachSettings settings) {
    outreach.emplace(loop.get_executor(), std::move(settings), log,
                     [this](ApprovalId id, const protocol::DecisionRequest& request,
                            std::string via, Completion<void> done) {
                       decisions.push_back({id, request});
                       given_by = std::move(via);
                       done(answer);
                     });
  }

  void ask_with(const std::string& script) {
    begin({.ask = shell(script), .ask_timeout = 60s});
    outreach->tell(opened());
  }

  TempDir dir;
  boost::asio::io_context loop;
  LogLines log;
  std::vector<std::pair<ApprovalId, protocol::DecisionRequest>> decisions;
  std::string given_by;
  Result<void> answer;
  std::optional<Outreach> outreach;
};

TEST_F(OutreachTest, TellsWhatItWasToldToTell) {
  begin({.notify = shell("cat > $0/$TINKERBELL_EVENT.new; mv $0/$TINKERBELL_EVENT.new "
                         "$0/$TINKERBELL_EVENT"),
         .on = {Occasion::question, Occasion::failed},
         .notify_timeout = 60s});
  outreach->tell({.name = "task.state", .data = {{"id", 1}, {"wants_budget", true}}});
  outreach->tell({.name = "task.ended", .data = {{"id", 2}, {"state", "completed"}}});
  outreach->tell({.name = "task.ended", .data = {{"id", 3}, {"state", "failed"}}});
  outreach->tell(opened());
  EXPECT_TRUE(run_until(
      loop, [&] { return !dir.read("failed").empty() && !dir.read("question").empty(); }));
  EXPECT_EQ(dir.read("failed"), "{\"id\":3,\"state\":\"failed\"}\n");
  EXPECT_EQ(parse_json(dir.read("question"))->at("hash"), std::string(64, 'a'));
  EXPECT_TRUE(dir.read("budget").empty());
  EXPECT_TRUE(log.lines.empty());
}

TEST_F(OutreachTest, SaysInTheLogThatANotificationFailed) {
  begin({.notify = shell("exit 7"), .on = {Occasion::question}, .notify_timeout = 60s});
  outreach->tell(opened());
  EXPECT_TRUE(run_until(loop, [&] { return !log.lines.empty(); }));
  EXPECT_EQ(log.lines.front(),
            R"(notify.failed {"error":"it ended with 7","occasion":"question"})");
}

TEST_F(OutreachTest, TakesAnAnswerThatIsBoundToTheHash) {
  ask_with(R"--(sed 's/.*"hash":"\([a-f0-9]*\)".*/{"answer":"approve","hash":"\1"}/')--");
  EXPECT_TRUE(run_until(loop, [&] { return !decisions.empty(); }));
  EXPECT_EQ(decisions.front().first, ApprovalId{3});
  EXPECT_EQ(decisions.front().second.answer, protocol::Answer::approve);
  EXPECT_EQ(given_by, "program /bin/sh");
  EXPECT_TRUE(log.lines.empty());
}

TEST_F(OutreachTest, LeavesTheQuestionOpenWhateverElseTheProgramSays) {
  const std::string hash(64, 'a');
  for (const std::string& output : {
           std::string(),
           std::string("yes"),
           std::string("{}"),
           std::string(R"({"answer":"approve"})"),
           R"({"hash":")" + hash + "\"}",
           R"({"answer":"approve","hash":")" + std::string(64, 'b') + "\"}",
           R"({"answer":"perhaps","hash":")" + hash + "\"}",
           R"({"answer":"approve","hash":")" + hash + R"(","more":1})",
           R"({"answer":"approve","hash":")" + hash + R"("}{"answer":"deny"})",
       }) {
    log.lines.clear();
    dir.write("output", output);
    ask_with("cat $0/output");
    EXPECT_TRUE(run_until(loop, [&] { return !log.lines.empty(); })) << output;
    EXPECT_TRUE(log.lines.front().starts_with("ask.no_answer ")) << log.lines.front();
    EXPECT_TRUE(decisions.empty()) << output;
  }
}

TEST_F(OutreachTest, SaysInTheLogThatSomebodyWasFaster) {
  answer = Error{Errc::conflict, "a3 was already answered"};
  ask_with(R"--(sed 's/.*"hash":"\([a-f0-9]*\)".*/{"answer":"deny","hash":"\1"}/')--");
  EXPECT_TRUE(run_until(loop, [&] { return !log.lines.empty(); }));
  EXPECT_NE(log.lines.front().find("already answered"), std::string::npos);
}

TEST_F(OutreachTest, AsksNoLongerOnceItIsAnswered) {
  begin({.ask = shell("grep -q '\"id\":3' && sleep 1000; echo x > $0/other.new; mv $0/other.new "
                      "$0/other"),
         .ask_timeout = 60s});
  outreach->tell(opened(3));
  outreach->ask(question(3));  // it is asked already
  outreach->tell(decided(3));
  outreach->tell(opened(4));
  EXPECT_TRUE(run_until(loop, [&] { return !log.lines.empty(); }));
  EXPECT_NE(log.lines.front().find("\"a4\""), std::string::npos);  // of a3 there is nothing to say
  EXPECT_EQ(log.lines.size(), 1U);
}

TEST_F(OutreachTest, MayEndWhileItAsks) {
  ask_with("sleep 1000");
  outreach.reset();
  loop.poll();
  EXPECT_TRUE(log.lines.empty());
}

}  // namespace
}  // namespace tinkerbell

#include "tinkerbell/mcp/client.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace tinkerbell::mcp {
namespace {

/// A client whose lines a test reads, and answers as a server would.
class McpClient : public testing::Test {
 protected:
  Json sent() {
    EXPECT_LT(read_, lines_.size()) << "nothing was sent";
    return read_ < lines_.size() ? *parse_json(lines_[read_++]) : Json::object();
  }

  [[nodiscard]] bool all_is_read() const { return read_ == lines_.size(); }

  Result<void> take(const Json& message) { return client_.take(dump_json(message)); }

  void answer(const Json& request, const Json& result) {
    EXPECT_TRUE(take({{"jsonrpc", "2.0"}, {"id", request.at("id")}, {"result", result}}));
  }

  void refuse(const Json& request, int code, const Json& data = {}) {
    EXPECT_TRUE(take({{"jsonrpc", "2.0"},
                      {"id", request.at("id")},
                      {"error", {{"code", code}, {"message", "no"}, {"data", data}}}}));
  }

  void be_modern() {
    client_.begin();
    answer(sent(), {{"supportedVersions", {"2026-07-28"}}});
  }

  void be_legacy() {
    client_.begin(Era::legacy);
    answer(sent(), {{"protocolVersion", "2025-06-18"}, {"capabilities", Json::object()}});
    EXPECT_EQ(sent().at("method"), "notifications/initialized");
  }

  void list() {
    client_.list_tools(Completion<ToolList>([this](Result<ToolList> list) { list_ = list; }));
  }

  Client::RequestId call(Client::Call call = {.tool = "t", .arguments = Json::object()}) {
    return client_.call(std::move(call), Completion<CallResult>([this](Result<CallResult> result) {
                          result_ = std::move(result);
                        }));
  }

  std::vector<std::string> lines_;
  std::size_t read_ = 0;
  std::vector<std::string> told_;
  Client client_{{.send = [this](std::string line) { lines_.push_back(std::move(line)); },
                  .tell = [this](std::string_view what) { told_.emplace_back(what); },
                  .settled = {},
                  .nonce = "n"}};
  std::optional<Result<ToolList>> list_;
  std::optional<Result<CallResult>> result_;
};

TEST_F(McpClient, AModernServerIsOneThatAnswersDiscover) {
  client_.begin();
  const Json discover = sent();
  EXPECT_EQ(discover.at("method"), "server/discover");
  EXPECT_EQ(discover.at("params").at("_meta").at("io.modelcontextprotocol/protocolVersion"),
            "2026-07-28");
  list();
  EXPECT_TRUE(all_is_read()) << "nothing is asked before the era is known";
  answer(discover, {{"supportedVersions", {"2026-07-28"}}});
  EXPECT_EQ(client_.era(), Era::modern);
  const Json request = sent();
  EXPECT_EQ(request.at("method"), "tools/list");
  EXPECT_TRUE(request.at("params").contains("_meta"));
}

TEST_F(McpClient, AModernErrorIsModernToo) {
  client_.begin();
  refuse(sent(), -32021);
  EXPECT_EQ(client_.era(), Era::modern);
}

TEST_F(McpClient, AnyOtherErrorMeansInitialize) {
  for (const int code : {-32601, -32602, -32000, 1}) {
    Client client({.send = [this](std::string line) { lines_.push_back(std::move(line)); },
                   .tell = [](std::string_view) {},
                   .settled = {},
                   .nonce = {}});
    client.begin();
    const Json discover = sent();
    ASSERT_TRUE(client.take(dump_json({{"id", discover.at("id")}, {"error", {{"code", code}}}})));
    EXPECT_EQ(sent().at("method"), "initialize") << code;
  }
}

TEST_F(McpClient, SilenceMeansInitializeAndALateAnswerNothing) {
  client_.begin();
  const Json discover = sent();
  client_.discovery_timed_out();
  const Json initialize = sent();
  EXPECT_EQ(initialize.at("method"), "initialize");
  EXPECT_FALSE(initialize.at("params").contains("_meta"));
  refuse(discover, -32601);
  EXPECT_TRUE(told_.empty()) << told_[0];
  answer(initialize, {{"protocolVersion", "2024-11-05"}});
  EXPECT_EQ(client_.era(), Era::legacy);
}

TEST_F(McpClient, AServerWithoutAVersionOfOursFailsAll) {
  list();
  call();
  client_.begin();
  refuse(sent(), -32022, {{"supported", {"2031-01-01"}}});
  ASSERT_TRUE(list_ && result_);
  EXPECT_EQ(list_->error().code, Errc::unsupported);
  EXPECT_EQ(result_->error().code, Errc::unsupported);
  EXPECT_TRUE(client_.failure());
}

TEST_F(McpClient, ReadsAllPagesAndLeavesWhatCannotBeOffered) {
  be_legacy();
  list();
  answer(sent(),
         {{"tools",
           {{{"name", "a"}, {"description", "does a"}, {"inputSchema", {{"type", "object"}}}},
            {{"name", "b c"}, {"inputSchema", {{"type", "object"}}}}}},
          {"nextCursor", "2"}});
  const Json second = sent();
  EXPECT_EQ(second.at("params").at("cursor"), "2");
  answer(second, {{"tools",
                   {{{"name", "a"}, {"inputSchema", {{"type", "object"}}}},
                    {{"name", "d"}, {"inputSchema", 3}}}}});
  ASSERT_TRUE(list_ && *list_);
  ASSERT_EQ((*list_)->tools.size(), 1U);
  EXPECT_EQ((*list_)->tools[0].description, "does a");
  EXPECT_EQ((*list_)->left,
            (std::vector<std::string>{"b c: not a name of a tool", "a: another one has this name",
                                      "d: its arguments are no object"}));
}

TEST_F(McpClient, PagesWithoutEndAreAnError) {
  be_legacy();
  list();
  const Json page{{"tools", Json::array()}, {"nextCursor", "again"}};
  answer(sent(), page);
  answer(sent(), page);
  ASSERT_TRUE(list_);
  EXPECT_EQ(list_->error().code, Errc::protocol);
}

TEST_F(McpClient, ToldThatItsToolsAreOthersItSaysSoUntilTheyAreListedAgain) {
  be_legacy();
  EXPECT_TRUE(take({{"method", "notifications/tools/list_changed"}}));
  EXPECT_TRUE(client_.tools_changed());
  list();
  EXPECT_FALSE(client_.tools_changed());
}

TEST_F(McpClient, TurnsContentIntoText) {
  be_modern();
  call();
  answer(sent(), {{"content",
                   {{{"type", "text"}, {"text", "one"}},
                    {{"type", "image"}, {"mimeType", "image/png"}, {"data", "AAAA"}}}},
                  {"structuredContent", {{"n", 1}}},
                  {"isError", true}});
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ((*result_)->text, "one\n[image image/png, 4 bytes of base64 left out]");
  EXPECT_EQ((*result_)->structured, (Json{{"n", 1}}));
  EXPECT_TRUE((*result_)->is_error);
}

TEST_F(McpClient, ALongResultKeepsItsHeadAndTail) {
  be_modern();
  call();
  const std::string text = "head" + std::string(1 << 20, 'x') + "tail";
  answer(sent(), {{"content", {{{"type", "text"}, {"text", text}}}}});
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ((*result_)->text_bytes, text.size());
  EXPECT_LT((*result_)->text.size(), 300U << 10);
  EXPECT_TRUE((*result_)->text.starts_with("head") && (*result_)->text.ends_with("tail"));
}

TEST_F(McpClient, AModernQuestionIsRepeatedWithItsStateUntouched) {
  be_modern();
  call();
  answer(sent(), {{"resultType", "input_required"},
                  {"inputRequests", {{"k", {{"method", "elicitation/create"}}}}},
                  {"requestState", "opaque"}});
  ASSERT_TRUE(result_ && *result_);
  EXPECT_TRUE((*result_)->input_requests.contains("k"));
  call({.tool = "t",
        .arguments = Json::object(),
        .input_responses = {{"k", {{"action", "decline"}}}},
        .request_state = (*result_)->request_state,
        .progress = {}});
  const Json again = sent();
  EXPECT_EQ(again.at("params").at("requestState"), "opaque");
  EXPECT_EQ(again.at("params").at("inputResponses").at("k").at("action"), "decline");
}

TEST_F(McpClient, AQuestionOfAnOldServerParksItsCall) {
  be_legacy();
  call();
  const Json request = sent();
  EXPECT_TRUE(take({{"id", "q1"},
                    {"method", "elicitation/create"},
                    {"params", {{"message", "who?"}, {"requestedSchema", Json::object()}}}}));
  ASSERT_TRUE(result_ && *result_);
  const CallResult asked = **result_;
  EXPECT_EQ(asked.input_requests.at("question").at("params").at("message"), "who?");
  result_.reset();
  const Client::Call resumed{.tool = "t",
                             .arguments = Json::object(),
                             .input_responses = {{"question", {{"action", "accept"}}}},
                             .request_state = asked.request_state,
                             .progress = {}};
  call(resumed);
  const Json reply = sent();
  EXPECT_EQ(reply.at("id"), "q1");
  EXPECT_EQ(reply.at("result").at("action"), "accept");
  EXPECT_FALSE(result_);
  answer(request, {{"content", {{{"type", "text"}, {"text", "done"}}}}});
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ((*result_)->text, "done");
  call(resumed);
  EXPECT_EQ(result_->error().code, Errc::unknown_outcome) << "of a call that is not parked";
}

TEST_F(McpClient, RefusesPolitelyWhatItDoesNotOffer) {
  be_legacy();
  EXPECT_TRUE(take({{"id", 1}, {"method", "sampling/createMessage"}}));
  EXPECT_EQ(sent().at("error").at("code"), -32601);
  EXPECT_TRUE(take({{"id", 2}, {"method", "roots/list"}}));
  EXPECT_EQ(sent().at("error").at("code"), -32601);
  EXPECT_TRUE(take({{"id", 3}, {"method", "ping"}}));
  EXPECT_EQ(sent().at("result"), Json::object());
  call();
  (void)sent();
  EXPECT_TRUE(take({{"id", 4}, {"method", "elicitation/create"}, {"params", {{"mode", "url"}}}}));
  EXPECT_EQ(sent().at("result").at("action"), "decline");
  EXPECT_FALSE(result_);
}

TEST_F(McpClient, ACancelledCallIsToldAndItsLateAnswerMeansNothing) {
  be_modern();
  const Client::RequestId id = call();
  const Json request = sent();
  client_.cancel(id);
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->error().code, Errc::cancelled);
  const Json cancelled = sent();
  EXPECT_EQ(cancelled.at("method"), "notifications/cancelled");
  EXPECT_EQ(cancelled.at("params").at("requestId"), request.at("id"));
  answer(request, Json::object());
  EXPECT_TRUE(told_.empty());
}

TEST_F(McpClient, ALostConnectionTellsCallsThatMayHaveBegunFromOthers) {
  be_modern();
  list();
  call();
  client_.lost({Errc::unknown_outcome, "it ended"}, {Errc::unavailable, "it ended"});
  EXPECT_EQ(list_->error().code, Errc::unavailable);
  EXPECT_EQ(result_->error().code, Errc::unknown_outcome);
}

TEST_F(McpClient, ACallThatWasNotSentHasNotBegun) {
  call();
  client_.lost({Errc::unknown_outcome, "it ended"}, {Errc::unavailable, "it ended"});
  EXPECT_EQ(result_->error().code, Errc::unavailable);
}

TEST_F(McpClient, AnswersToNobodyAndTwiceAreToldAndPassedOver) {
  be_modern();
  call();
  const Json request = sent();
  const Json result{{"content", Json::array()}};
  answer(request, result);
  answer(request, result);
  EXPECT_TRUE(take({{"id", 999}, {"result", Json::object()}}));
  EXPECT_TRUE(client_.take("{half"));
  EXPECT_TRUE(client_.take("[]"));
  EXPECT_TRUE(client_.take(""));
  EXPECT_EQ(told_.size(), 4U);
}

TEST_F(McpClient, S66_DeepJsonIsNoMessage) {
  EXPECT_TRUE(client_.take(std::string(100'000, '[')));
  EXPECT_EQ(told_.size(), 1U);
}

TEST_F(McpClient, GarbageAndFloodsEndTheConnection) {
  Result<void> taken;
  std::size_t lines = 0;
  for (; taken && lines < 1'000; ++lines)
    taken = client_.take("hello");
  EXPECT_EQ(taken.error().code, Errc::protocol);
  EXPECT_EQ(lines, 100U);
  Client other(
      {.send = [](std::string) {}, .tell = [](std::string_view) {}, .settled = {}, .nonce = {}});
  taken = {};
  for (lines = 0; taken && lines < 100'000; ++lines)
    taken = other.take(R"({"method":"notifications/message"})");
  EXPECT_EQ(taken.error().code, Errc::protocol);
  EXPECT_EQ(lines, 10'001U);
}

TEST_F(McpClient, TellsProgressOfACall) {
  be_modern();
  std::string told;
  const Client::RequestId id = call({.tool = "t",
                                     .arguments = Json::object(),
                                     .input_responses = {},
                                     .request_state = {},
                                     .progress = [&](std::string_view text) { told += text; }});
  EXPECT_EQ(sent().at("params").at("_meta").at("progressToken"), id);
  EXPECT_TRUE(take(
      {{"method", "notifications/progress"},
       {"params", {{"progressToken", id}, {"progress", 1}, {"total", 3}, {"message", "half"}}}}));
  EXPECT_EQ(told, "1/3 half\n");
}

/// Whatever a server sends, nothing breaks.
TEST_F(McpClient, MutatedAnswersDoNoHarm) {
  const std::string good = dump_json({{"jsonrpc", "2.0"},
                                      {"id", 2},
                                      {"result",
                                       {{"resultType", "input_required"},
                                        {"content", {{{"type", "text"}, {"text", "x"}}}},
                                        {"inputRequests", {{"k", 1}}},
                                        {"requestState", "s"}}}});
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char byte : {'\0', '"', '{', '1', '\xff'}) {
      Client client({.send = [](std::string) {},
                     .tell = [](std::string_view) {},
                     .settled = {},
                     .nonce = {}});
      client.begin();
      ASSERT_TRUE(client.take(R"({"id":1,"result":{"supportedVersions":["2026-07-28"]}})"));
      bool answered = false;
      client.call({.tool = "t", .arguments = {}},
                  Completion<CallResult>([&](const Result<CallResult>&) { answered = true; }));
      std::string line = good;
      line[at] = byte;
      EXPECT_TRUE(client.take(line));
      client.lost({}, {});
      EXPECT_TRUE(answered);
    }
  }
}

}  // namespace
}  // namespace tinkerbell::mcp

#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sysexits.h>

/// Bad input gets a clear answer, and nothing is lost by it.
namespace tinkerbell {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A model that ends every task at once.
ScriptedLlm::Script idle() {
  return ScriptedLlm::in_turn({calls("finish", {{"summary", "done"}})});
}

// ---- the command line ----

TEST(BadInputTest, WithoutADaemonTheCliEndsWith69AndSaysWhatToDo) {
  ScriptedLlm model(idle());
  const RealDaemon daemon(config_for(model, "none"));
  const Finished cli = daemon.cli({"ls"});
  EXPECT_EQ(cli.exit, EX_UNAVAILABLE);
  EXPECT_THAT(cli.err, AllOf(HasSubstr(daemon.socket()), HasSubstr("tinkerbelld")));
}

TEST(BadInputTest, AnUnknownVerbEndsWith64AndSuggestsOne) {
  ScriptedLlm model(idle());
  const RealDaemon daemon(config_for(model, "none"));
  const Finished cli = daemon.cli({"aprove", "a1"});
  EXPECT_EQ(cli.exit, EX_USAGE);
  EXPECT_THAT(cli.err, HasSubstr("approve"));
}

TEST(BadInputTest, UnknownTasksAndQuestionsEndWith3) {
  ScriptedLlm model(idle());
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  for (const char* verb : {"show", "steps", "follow", "diff", "pause", "resume", "cancel"}) {
    const Finished cli = daemon.cli({verb, "77"});
    EXPECT_EQ(cli.exit, 3) << verb << ": " << cli.err;
    EXPECT_THAT(cli.err, HasSubstr("77")) << verb;
  }
  EXPECT_EQ(daemon.cli({"approve", "a77"}).exit, 3);
  EXPECT_EQ(daemon.cli({"deny", "a77"}).exit, 3);
}

TEST(BadInputTest, AWorkspaceThatDoesNotExistIsRefused) {
  ScriptedLlm model(idle());
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::string nowhere = daemon.workspace() + "/nowhere";
  const Finished cli = daemon.cli({"run", "go", "-w", nowhere});
  EXPECT_EQ(cli.exit, EX_DATAERR);
  EXPECT_THAT(cli.err, HasSubstr(nowhere));
  for (const std::string& workspace : {nowhere, std::string("relative"), std::string("/")}) {
    const auto answer = daemon.curl("/v1/tasks", Json{{"goal", "go"}, {"workspace", workspace}});
    EXPECT_EQ(answer.status, 400) << workspace;
    EXPECT_THAT(dump_json(answer.body), HasSubstr("workspace")) << workspace;
  }
  EXPECT_TRUE(daemon.curl("/v1/tasks").body.at("tasks").empty());
}

// ---- the daemon's start ----

TEST(BadInputTest, ABadConfigEndsWith78AndNamesThePlaceAndASuggestion) {
  const RealDaemon daemon("schema = 1\n[daemon]\nscoket = \"/tmp/x\"\n");
  const Finished tinkerbelld = run_to_end(daemon.command_line());
  EXPECT_EQ(tinkerbelld.exit, EX_CONFIG);
  EXPECT_THAT(tinkerbelld.err,
              AllOf(HasSubstr("tinkerbell.toml:3"), HasSubstr("scoket"), HasSubstr("\"socket\"")));
}

TEST(BadInputTest, ASecondDaemonOnTheSameStateEndsWith75AndNamesTheFirst) {
  ScriptedLlm model(idle());
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const Finished second = run_to_end(daemon.command_line());
  EXPECT_EQ(second.exit, EX_TEMPFAIL);
  EXPECT_THAT(second.err, HasSubstr(std::to_string(daemon.pid())));
  EXPECT_TRUE(daemon.answers());
}

// ---- the control socket ----

/// Sends bytes that are no proper request and returns what comes back.
std::string answer_to(const RealDaemon& daemon, const std::string& bytes) {
  daemon.put("request.bin", bytes);
  const Finished perl = run_to_end(
      {"perl", "-MIO::Socket::UNIX", "-e",
       "my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die; local $/; local $SIG{PIPE} = "
       "'IGNORE'; open(my $f, '<', $ARGV[1]) or die; my $request = <$f>; print {$s} $request; "
       "$s->flush; my $answer = <$s>; print $answer;",
       daemon.socket(), daemon.workspace() + "/request.bin"});
  EXPECT_EQ(perl.exit, 0) << perl.err;
  return perl.out;
}

std::string post_of(const std::string& body) {
  return "POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i)
    all += text;
  return all;
}

TEST(BadInputTest, S66_MalformedDeepAndOversizedRequestsAreRefusedAndTheDaemonLives) {
  ScriptedLlm model(idle());
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::pair<const char*, std::string> requests[] = {
      {"not HTTP", "hello\r\n\r\n"},
      {"bad length", "POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"},
      {"two lengths",
       "POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"},
      {"huge length",
       "POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n"},
      {"huge header",
       "GET /v1/status HTTP/1.1\r\nHost: x\r\nX: " + repeated("a", 1 << 20) + "\r\n\r\n"},
      {"no JSON", post_of("{\"goal\":")},
      {"no object", post_of("[]")},
      {"deep JSON", post_of(repeated("[", 100'000))},
      {"doubled key", post_of(R"({"goal":"a","goal":"b","workspace":"/tmp"})")},
      {"unknown key", post_of(R"({"goal":"a","workspace":"/tmp","gaol":1})")},
      {"wrong type", post_of(R"({"goal":1,"workspace":"/tmp"})")},
      {"oversized goal",
       post_of(R"({"workspace":"/tmp","goal":")" + repeated("a", 300 << 10) + "\"}")},
      {"oversized body", post_of(repeated(" ", 20 << 20))},
      {"unknown path", "GET /v2/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
      {"unknown method", "BREW /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
      {"bad number", "GET /v1/tasks?limit=-1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
  };
  for (const auto& [what, bytes] : requests) {
    const std::string answer = answer_to(daemon, bytes);
    EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 4")) << what;
    EXPECT_THAT(answer, HasSubstr("\"message\"")) << what;
  }
  EXPECT_TRUE(daemon.answers());
  EXPECT_TRUE(daemon.curl("/v1/tasks").body.at("tasks").empty());
}

// ---- the model ----

TEST(BadInputTest, S38_APathThatLeavesTheWorkspaceIsDeniedAndTheModelGoesOn) {
  ScriptedLlm model(
      ScriptedLlm::in_turn({calls("read_file", {{"path", "../../etc/passwd"}}),
                            calls("read_file", {{"path", "/etc/passwd"}}),
                            calls("write_file", {{"path", "../out"}, {"content", "x"}}),
                            calls("finish", {{"summary", "gave up"}})}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  EXPECT_EQ(daemon.wait_for_end(daemon.run("leave", true)).at("state"), "completed");
  const std::vector<LlmRequest> ledger = model.ledger();
  ASSERT_EQ(ledger.size(), 4);
  for (std::size_t turn = 1; turn <= 3; ++turn)
    EXPECT_THAT(ledger[turn].last(), AllOf(HasSubstr("error"), HasSubstr("workspace")));
  EXPECT_FALSE(std::filesystem::exists(daemon.workspace() + "/../out"));
}

TEST(BadInputTest, F49_ArgumentsThatAreNotJsonAreAnErrorForTheModelAndNothingRuns) {
  ScriptedLlm model(ScriptedLlm::in_turn({calls_raw("write_file", R"({"path":"a.txt","cont)"),
                                          calls_raw("write_file", R"({"path":7,"content":"x"})"),
                                          calls("no_such_tool", Json::object()),
                                          calls("finish", {{"summary", "gave up"}})}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::uint64_t task = daemon.run("stumble", true);
  const Json question = daemon.wait_for_question(task);
  EXPECT_EQ(model.ledger().size(), 3) << "a person is asked, and not the model for the fourth time";
  EXPECT_THAT(question.at("line").get<std::string>(), HasSubstr("unknown tool"));
  ASSERT_EQ(
      daemon.ask("/v1/approvals/" + question.at("id").dump(), Json{{"answer", "approve"}}).status,
      200);
  EXPECT_EQ(daemon.wait_for_end(task).at("state"), "completed");
  const std::vector<LlmRequest> ledger = model.ledger();
  ASSERT_EQ(ledger.size(), 4);
  for (std::size_t turn = 1; turn <= 3; ++turn)
    EXPECT_THAT(ledger[turn].last(), HasSubstr("error"));
  EXPECT_EQ(daemon.file("a.txt"), "");
}

/// The error of a task whose model answers like this.
Json error_with(const ScriptedLlm::Script& script, const std::string& more_config = "") {
  ScriptedLlm model(script);
  RealDaemon daemon(config_for(model, "none") + more_config);
  daemon.start();
  const Json ended = daemon.wait_for_end(daemon.run("ask"));
  EXPECT_EQ(ended.at("state"), "failed");
  EXPECT_TRUE(daemon.answers());
  return ended.at("error");
}

std::string message_of(const Json& error) {
  return error.is_object() ? error.value("message", "") : "";
}

TEST(BadInputTest, F45_AModelThatRefusesTheKeyFailsTheTaskWithItsReason) {
  const Json error = error_with([](const LlmRequest& /*request*/) {
    return responds(401, "application/json", R"({"error":{"message":"no such key"}})");
  });
  EXPECT_EQ(error.value("code", ""), "unauthorized");
  EXPECT_THAT(message_of(error), AllOf(HasSubstr("401"), HasSubstr("no such key")));
}

TEST(BadInputTest, F47_AModelThatAnswersHtmlFailsTheTask) {
  const Json error = error_with([](const LlmRequest& /*request*/) {
    return responds(200, "text/html", "<html>Welcome</html>");
  });
  EXPECT_THAT(message_of(error), HasSubstr("text/html"));
}

TEST(BadInputTest, F46_AModelWhoseEventsAreBrokenFailsTheTask) {
  const Json error = error_with([](const LlmRequest& /*request*/) {
    return responds(200, "text/event-stream", "data: {\"choices\": [\n\n");
  });
  EXPECT_EQ(error.value("code", ""), "protocol");
}

TEST(BadInputTest, F41_AnAnswerThatIsCutShortIsAnErrorAndNeverAnAnswer) {
  const Json error = error_with([](const LlmRequest& /*request*/) {
    LlmReply reply = calls("write_file", {{"path", "a.txt"}, {"content", "half"}});
    reply.pieces.pop_back();
    reply.cut = true;
    return reply;
  });
  EXPECT_FALSE(message_of(error).empty());
}

TEST(BadInputTest, F37_AModelThatStaysDownFailsTheTaskAndNamesTheProvider) {
  std::string config;
  {
    const ScriptedLlm gone(idle());
    config = config_for(gone, "none") + "[retry]\npatience = \"1s\"\n";
  }
  RealDaemon daemon(config);
  daemon.start();
  const Json ended = daemon.wait_for_end(daemon.run("ask"));
  EXPECT_EQ(ended.at("state"), "failed");
  EXPECT_EQ(ended.at("error").value("code", ""), "unavailable");
  EXPECT_THAT(message_of(ended.at("error")), HasSubstr("scripted"));
}

}  // namespace
}  // namespace tinkerbell

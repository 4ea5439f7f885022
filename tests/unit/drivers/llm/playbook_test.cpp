#include "drivers/llm/playbook.hpp"

#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

Conversation conversation(std::vector<Message> messages) {
  Conversation conversation;
  for (Message& message : messages)
    conversation.add(std::move(message));
  return conversation;
}

/// A goal, one call and its result.
Conversation after_one_call() {
  return conversation({{.role = Role::system, .text = "You are an agent."},
                       {.role = Role::user, .text = "Fix the parser"},
                       {.role = Role::assistant,
                        .tool_calls = {{.id = "1", .name = "read_file", .arguments = "{}"}}},
                       {.role = Role::tool, .text = "int main", .tool_call_id = "1"}});
}

/// Whether a rule with this condition answers.
bool fits(const std::string& when, const Conversation& conversation) {
  const auto playbook =
      parse_playbook(R"({"rules":[{"when":)" + when + R"(,"reply":{"text":"yes"}}]})");
  EXPECT_TRUE(playbook) << playbook.error().message;
  return playbook_reply(*playbook, conversation).text == "yes";
}

std::string complaint(const std::string& text) {
  const auto playbook = parse_playbook(text);
  return playbook ? "" : playbook.error().message;
}

PlaybookReply only_reply(const std::string& reply, const Conversation& conversation) {
  return playbook_reply(*parse_playbook(R"({"rules":[{"reply":)" + reply + "}]}"), conversation);
}

TEST(Playbook, TheFirstRuleThatFitsAnswers) {
  const auto playbook = parse_playbook(R"({"name":"p","rules":[
      {"when":{"turn":0},"reply":{"text":"begin"}},
      {"when":{"turn":1},"reply":{"text":"go on"}},
      {"reply":{"text":"else"}}]})");
  ASSERT_TRUE(playbook);
  EXPECT_EQ(playbook_reply(*playbook, {}).text, "begin");
  EXPECT_EQ(playbook_reply(*playbook, after_one_call()).text, "go on");
}

TEST(Playbook, EveryConditionCanHoldAndFail) {
  const Conversation seen = after_one_call();
  EXPECT_TRUE(fits("{}", seen));
  EXPECT_TRUE(fits(R"({"turn":1})", seen));
  EXPECT_FALSE(fits(R"({"turn":2})", seen));
  EXPECT_TRUE(fits(R"({"last_role":"tool"})", seen));
  EXPECT_FALSE(fits(R"({"last_role":"user"})", seen));
  EXPECT_TRUE(fits(R"({"last_contains":"main"})", seen));
  EXPECT_FALSE(fits(R"({"last_contains":"parser"})", seen));
  EXPECT_TRUE(fits(R"({"last_lacks":"parser"})", seen));
  EXPECT_FALSE(fits(R"({"last_lacks":"main"})", seen));
  EXPECT_TRUE(fits(R"({"any_contains":"parser"})", seen));
  EXPECT_FALSE(fits(R"({"any_contains":"lexer"})", seen));
  EXPECT_TRUE(fits(R"({"called":"read_file"})", seen));
  EXPECT_FALSE(fits(R"({"called":"write_file"})", seen));
  EXPECT_TRUE(fits(R"({"goal_contains":"parser"})", seen));
  EXPECT_FALSE(fits(R"({"goal_contains":"agent"})", seen));
}

TEST(Playbook, AllConditionsOfARuleMustHold) {
  EXPECT_TRUE(fits(R"({"turn":1,"last_role":"tool"})", after_one_call()));
  EXPECT_FALSE(fits(R"({"turn":1,"last_role":"user"})", after_one_call()));
}

TEST(Playbook, AnEmptyConversationFitsNothingAboutItsMessages) {
  EXPECT_TRUE(fits(R"({"turn":0,"last_lacks":"x"})", {}));
  EXPECT_FALSE(fits(R"({"last_role":"user"})", {}));
  EXPECT_FALSE(fits(R"({"called":"read_file"})", {}));
}

TEST(Playbook, WhereNoRuleFitsItSaysSo) {
  const PlaybookReply reply = playbook_reply({}, after_one_call());
  EXPECT_EQ(reply.text, "offline: no rule matches");
  EXPECT_TRUE(reply.calls.empty());
}

TEST(Playbook, FillsInTheLastMessageAndTheGoal) {
  const PlaybookReply reply = only_reply(
      R"({"text":"$${goal}: ${last} ${last","calls":[
          {"name":"f","arguments":{"a":["${last}",1],"b":{"c":"<${goal}>"}}}]})",
      after_one_call());
  EXPECT_EQ(reply.text, "$Fix the parser: int main ${last");
  EXPECT_EQ(reply.calls.at(0).arguments,
            *parse_json(R"({"a":["int main",1],"b":{"c":"<Fix the parser>"}})"));
}

TEST(Playbook, DoesNotFillInWhatAValueBroughtIn) {
  EXPECT_EQ(only_reply(R"({"text":"${last}"})", conversation({{.text = "${goal}"}})).text,
            "${goal}");
}

TEST(Playbook, MistakesAreNamedWithTheirPlace) {
  EXPECT_THAT(complaint("{"), HasSubstr("not valid JSON"));
  EXPECT_THAT(complaint(R"({"rule":[]})"), HasSubstr("unknown key \"rule\""));
  EXPECT_EQ(complaint(R"({"rules":[{},{"when":{"last_contain":"x"}}]})"),
            "rules: element 1: when: unknown key \"last_contain\"");
  EXPECT_EQ(complaint(R"({"rules":[{"when":{"turn":-1}}]})"),
            "rules: element 0: when: turn: number out of range");
  EXPECT_THAT(complaint(R"({"rules":[{"when":{"last_role":"robot"}}]})"), HasSubstr("robot"));
  EXPECT_EQ(complaint(R"({"rules":[{"reply":{"calls":[{"name":""}]}}]})"),
            "rules: element 0: reply: calls: a call without a name");
  EXPECT_EQ(complaint(R"({"rules":[{"reply":{"calls":[{"name":"f","arguments":[]}]}}]})"),
            "rules: element 0: reply: calls: the arguments of f are no object");
  EXPECT_EQ(complaint(R"({"rules":[{"reply":{"delay_ms":60001}}]})"),
            "rules: element 0: reply: delay_ms: not between 0 and 60000");
}

TEST(Playbook, IsReadFromAFile) {
  const TempDir dir;
  const std::string path = dir / "p.json";
  const auto missing = load_playbook(path);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr(path));
  dir.write("p.json", R"({"rules":[{}]})");
  const auto playbook = load_playbook(path);
  ASSERT_TRUE(playbook) << playbook.error().message;
  EXPECT_THAT(playbook->rules, SizeIs(1));
  dir.write("p.json", "[]");
  EXPECT_THAT(load_playbook(path).error().message, HasSubstr("p.json\": expected an object"));
}

}  // namespace
}  // namespace tinkerbell

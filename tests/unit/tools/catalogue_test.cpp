#include "tinkerbell/tools/catalogue.hpp"

#include "tinkerbell/base/fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

using testing::ElementsAre;

std::vector<std::string> names_of(const ToolList& tools) {
  std::vector<std::string> names;
  for (const ToolSchema& tool : tools)
    names.push_back(tool.name);
  return names;
}

TEST(AgentTools, ComeInAFixedOrder) {
  EXPECT_THAT(names_of(agent_tools()),
              ElementsAre("read_file", "list_files", "search_files", "write_file", "edit_file",
                          "apply_patch", "move_file", "remove_file", "run_program", "read_output",
                          "save_output", "git_status", "git_diff", "git_log", "git_commit",
                          "fetch_url", "http_request", "ask_user", "update_plan", "use_skill",
                          "note", "start_task", "wait", "send_message", "finish"));
}

TEST(AgentTools, AreSmallEnoughForEveryPrompt) {
  EXPECT_LT(dump_json(to_json_value(agent_tools())).size(), 11'264U);
}

TEST(AgentTools, RefuseArgumentsThatTheyDoNotName) {
  for (const ToolSchema& tool : agent_tools()) {
    EXPECT_EQ(tool.parameters.at("type"), "object") << tool.name;
    EXPECT_EQ(tool.parameters.at("additionalProperties"), false) << tool.name;
  }
}

TEST(AgentTools, RequireOnlyArgumentsThatTheyDescribe) {
  for (const ToolSchema& tool : agent_tools()) {
    for (const Json& name : tool.parameters.value("required", Json::array())) {
      EXPECT_TRUE(tool.parameters.at("properties").contains(name.get<std::string>()))
          << tool.name << ' ' << name;
    }
  }
}

TEST(AgentTools, EachSaysWhichCommandsItComesTo) {
  for (const ToolSchema& tool : agent_tools()) {
    const auto commands = commands_of({tool.name});
    ASSERT_TRUE(commands) << tool.name;
    EXPECT_EQ(commands->empty(), tool.name == "finish") << tool.name;
  }
  EXPECT_EQ(commands_of({"fly"}).error().message, "there is no tool \"fly\"");
}

TEST(AgentTools, FinishTakesWhatTheOutputSchemaSays) {
  const Json schema = {{"type", "object"}, {"required", {"n"}}};
  const ToolList tools = agent_tools(schema);
  EXPECT_EQ(names_of(tools), names_of(agent_tools()));
  EXPECT_EQ(tools.all().back().parameters, schema);
  const auto request = parse_tool_call({"c", "finish", R"({"n":[1]})"}, tools);
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<Finish>(*request), (Finish{{{"n", {1}}}}));
  EXPECT_EQ(parse_tool_call({"c", "finish", "{}"}, tools).error().message, "finish: missing \"n\"");
}

}  // namespace
}  // namespace tinkerbell

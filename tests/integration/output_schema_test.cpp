#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

/// An agent that is to return JSON of a schema, with a real daemon.
namespace tinkerbell {
namespace {

using testing::HasSubstr;

constexpr std::string_view kSchema = R"({
  "type": "object",
  "properties": {"summary": {"type": "string"},
                 "colours": {"type": "array", "items": {"$ref": "#/$defs/colour"}}},
  "required": ["summary", "colours"],
  "additionalProperties": false,
  "$defs": {"colour": {"enum": ["red", "green"]}}
})";

TEST(OutputSchemaTest, AnAgentReturnsJsonOfTheSchemaThatItWasGiven) {
  const Json output = {{"summary", "one"}, {"colours", {"red"}}};
  ScriptedLlm model(ScriptedLlm::in_turn(
      {says("There is one colour, red."), calls("finish", {{"summary", "one"}, {"colours", "red"}}),
       calls("read_file", {{"path", "README"}}), calls("finish", output)}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::string file = daemon.workspace() + "/schema.json";
  std::ofstream(file) << kSchema;

  const Finished run = daemon.cli({"--json", "run", "which colours?", "-w", daemon.workspace(),
                                   "--output-schema", file, "--wait"});
  ASSERT_EQ(run.exit, 0) << run.err;
  EXPECT_EQ(*parse_json(parse_json(run.out)->at("result").get<std::string>()), output);

  const std::vector<LlmRequest> ledger = model.ledger();
  ASSERT_EQ(ledger.size(), 4);
  const Json& finish = ledger[0].body.at("tools").back().at("function");
  EXPECT_EQ(finish.at("name"), "finish");
  EXPECT_EQ(finish.at("parameters"), *parse_json(kSchema));
  EXPECT_THAT(ledger[1].last(), HasSubstr("end with a call of finish"));
  EXPECT_EQ(ledger[2].last(), "error: finish: \"colours\" must be an array, not a string");
}

TEST(OutputSchemaTest, WhatIsNoSchemaOfAnObjectIsRefused) {
  ScriptedLlm model(ScriptedLlm::in_turn({}));
  RealDaemon daemon(config_for(model, "none"));
  daemon.start();
  const std::string file = daemon.workspace() + "/schema.json";
  for (const std::string_view schema : {R"({"type": "array"})", "7", "{", "[]", "{}"}) {
    std::ofstream(file) << schema;
    const Finished run = daemon.cli(
        {"run", "which colours?", "-w", daemon.workspace(), "--output-schema", file, "--detach"});
    EXPECT_EQ(run.exit, 65) << schema;
    EXPECT_THAT(run.err, HasSubstr("schema")) << schema;
  }
  EXPECT_EQ(daemon.curl("/v1/tasks").body.at("tasks").size(), 0);
}

}  // namespace
}  // namespace tinkerbell

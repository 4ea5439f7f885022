#include "unit/drivers/mcp/mcp_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace tinkerbell {
namespace {

using testing::HasSubstr;

std::filesystem::path directory_of_servers() {
  return source_root() / "build/mcp_servers";
}

/// The servers that the protocol's authors wrote, as npm has them.
class ReferenceServers : public McpFixture {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(directory_of_servers() / "installed")) {
      GTEST_SKIP()
          << "they are not installed: `scripts/setup test` does that where npm reaches its "
             "registry";
    }
  }

  void be_server(const std::string& name, const std::string& argument) {
    const std::filesystem::path modules = directory_of_servers() / "node_modules";
    const bool own_node = std::filesystem::exists(modules / ".bin/node");
    server().program.argv = {own_node ? (modules / ".bin/node").string() : "node",
                             modules / "@modelcontextprotocol" / name / "dist/index.js"};
    if (!argument.empty()) server().program.argv.push_back(argument);
  }
};

TEST_F(ReferenceServers, FilesOfTheWorkspaceAreReadAndWritten) {
  be_server("server-filesystem", ".");
  workspace_.write("a.txt", "hello");
  trust_all();
  const auto read = end(begin(tool("read_text_file", {{"path", "a.txt"}})));
  ASSERT_TRUE(read) << read.error().message << logger_.text;
  EXPECT_FALSE(read->is_error) << read->text;
  EXPECT_THAT(read->text, HasSubstr("hello"));
  const auto written = end(begin(tool("write_file", {{"path", "b.txt"}, {"content", "there"}})));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(workspace_.read("b.txt"), "there");
  const auto outside = end(begin(tool("read_text_file", {{"path", "/etc/hostname"}})));
  ASSERT_TRUE(outside) << outside.error().message;
  EXPECT_TRUE(outside->is_error) << outside->text;
}

TEST_F(ReferenceServers, WhatIsRememberedIsFoundAgain) {
  be_server("server-memory", {});
  server().program.env["MEMORY_FILE_PATH"] = workspace_ / "memory.jsonl";
  trust_all();
  const Json entity{{"name", "Ada"}, {"entityType", "person"}, {"observations", {"likes engines"}}};
  ASSERT_TRUE(end(begin(tool("create_entities", {{"entities", {entity}}}))));
  driver_.reset();  // another process
  const auto found = end(begin(tool("search_nodes", {{"query", "engines"}})));
  ASSERT_TRUE(found) << found.error().message << logger_.text;
  EXPECT_THAT(found->text, HasSubstr("Ada"));
}

TEST_F(ReferenceServers, EverythingAnswersInManyForms) {
  be_server("server-everything", "stdio");
  trust_all();
  const auto echo = end(begin(tool("echo", {{"message", "hello"}})));
  ASSERT_TRUE(echo) << echo.error().message << logger_.text;
  EXPECT_THAT(echo->text, HasSubstr("hello"));
  const auto image = end(begin(tool("get-tiny-image")));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_THAT(image->text, HasSubstr("bytes of base64 left out]"));
}

}  // namespace
}  // namespace tinkerbell

#include "tinkerbell/policy/breakpoint.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tinkerbell {
namespace {

bool stops(std::string_view pattern, const TaskCommand& command, const Facts& facts = {}) {
  const Result<Breakpoint> breakpoint = breakpoint_from(pattern);
  EXPECT_TRUE(breakpoint) << breakpoint.error().message;
  return stops_before(*breakpoint, command, facts);
}

TaskCommand run(std::vector<std::string> argv) {
  return AwaitProcess{.argv = std::move(argv)};
}

TaskCommand edit(std::string path) {
  return AwaitFileEdit{.path = std::move(path), .old_text = "a", .new_text = "b"};
}

TEST(Breakpoint, StopsBeforeACommandByItsName) {
  EXPECT_TRUE(stops("file.edit", edit("a")));
  EXPECT_TRUE(stops("file.*", edit("a")));
  EXPECT_TRUE(stops("*", Sleep{}));
  EXPECT_FALSE(stops("file.edit", AwaitFileRead{.path = "a"}));
}

TEST(Breakpoint, StopsBeforeAnyOfSeveralNames) {
  EXPECT_TRUE(stops("file.edit file.write", edit("a")));
  EXPECT_FALSE(stops("file.edit file.write", AwaitFileRead{.path = "a"}));
}

TEST(Breakpoint, StopsBeforeAProgramByAnyOfItsNames) {
  EXPECT_TRUE(stops("program=git", run({"git", "status"})));
  EXPECT_TRUE(stops("program=git", run({"/usr/bin/git"})));
  EXPECT_TRUE(stops("program=git", run({"./g"}), {.object = "/usr/bin/git"}));
  EXPECT_FALSE(stops("program=git", run({"gitk"})));
  EXPECT_FALSE(stops("program=git", edit("git")));
}

TEST(Breakpoint, StopsBeforeAProgramWithTheseFirstArguments) {
  EXPECT_TRUE(stops("program=git push", run({"git", "push", "--force"})));
  EXPECT_FALSE(stops("program=git push", run({"git", "status"})));
  EXPECT_FALSE(stops("program=git push", run({"git"})));
}

TEST(Breakpoint, StopsBeforeAFileByThePathThatWasGivenAndByTheOneThatItLeadsTo) {
  EXPECT_TRUE(stops("path=src/**", edit("src/a/b.cpp")));
  EXPECT_TRUE(stops("path=src/**", edit("link.cpp"), {.object = "src/a.cpp"}));
  EXPECT_TRUE(stops("file.edit path=src/**", edit("./src/a.cpp")));
  EXPECT_FALSE(stops("file.write path=src/**", edit("src/a.cpp")));
  EXPECT_FALSE(stops("path=src/**", edit("docs/a.md")));
}

TEST(Breakpoint, StopsBeforeAMoveByAnyOfItsPathsAndBeforeARemovalByAllBelow) {
  const TaskCommand move = AwaitFileMove{.path = "a", .to = "src/b"};
  EXPECT_TRUE(stops("path=src/**", move));
  EXPECT_TRUE(stops("path=a", move));
  EXPECT_FALSE(stops("file.write path=a", move));
  const Facts below{.object = "d", .changes = {{.change = {.path = "d/src/x"}}}};
  EXPECT_TRUE(stops("file.remove path=**/src/*", AwaitFileRemove{.path = "d"}, below));
  EXPECT_TRUE(stops("path=d/**", AwaitFileRestore{}, below));
  EXPECT_FALSE(stops("path=e/**", AwaitFileRestore{}, below));
}

TEST(Breakpoint, StopsBeforeCommandsThatAreDoneTogetherByAnyOfThem) {
  const auto reading = [](const std::string& path) {
    return PartCommand{"file.read", arguments_json(AwaitFileRead{.path = path})};
  };
  const Together both{{reading("a"), reading("src/b")}};
  EXPECT_TRUE(stops("file.read path=src/**", both));
  EXPECT_TRUE(stops("task.together", both));
  EXPECT_FALSE(stops("file.list", both));
  EXPECT_FALSE(stops("path=src/**", Together{{reading("a")}}));
}

TEST(Breakpoint, StopsBeforeAHost) {
  const TaskCommand ask = AwaitLLMResponse{.model = "default"};
  EXPECT_TRUE(stops("host=*.example.com", ask, {.host = "api.example.com"}));
  EXPECT_FALSE(stops("host=api.example.com", ask, {.host = "api.example.org"}));
  EXPECT_TRUE(stops("host=api.example.com", ask, {.host = "127.0.0.1 api.example.com"}));
  EXPECT_FALSE(stops("host=*", run({"true"})));
}

TEST(Breakpoint, RefusesWhatCouldNeverMatch) {
  for (const std::string_view pattern :
       {"", "   ", "fil.write", "colour=red", "program=", "path=", "host=", "program=git path=a",
        "path=a host=b", "program=... x"}) {
    const Result<Breakpoint> breakpoint = breakpoint_from(pattern);
    ASSERT_FALSE(breakpoint) << pattern;
    EXPECT_EQ(breakpoint.error().code, Errc::invalid) << pattern;
  }
  EXPECT_EQ(breakpoint_from(std::string(5'000, 'x')).error().code, Errc::too_large);
}

}  // namespace
}  // namespace tinkerbell

#include "tinkerbell/policy/standing_rule.hpp"

#include "tinkerbell/policy/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {
namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kWorkspace = "/work";
constexpr std::string_view kSandbox = "bubblewrap";

TaskCommand run(Words argv) {
  return AwaitProcess{.argv = std::move(argv)};
}

/// The program as a driver would resolve it, where all that `argv` may mean is there.
Facts installed(const std::string& name, const Words& argv = {}) {
  Facts facts{
      .object = "/usr/bin/" + name, .object_sha256 = "5a5a", .sandbox = std::string(kSandbox)};
  for (const std::string& word : argv)
    facts.files.push_back({.path = word, .state = "sha256 5a"});
  return facts;
}

Facts file(std::string path) {
  return {.object = std::move(path)};
}

RuleOffer offered(const TaskCommand& command, const Facts& facts, const Rules& rules = {}) {
  return offer_rule(command, facts, std::string(kWorkspace), rules);
}

StandingRule rule_of(const TaskCommand& command, const Facts& facts) {
  return offered(command, facts).rule.value_or(StandingRule{.command = "(none)"});
}

StandingRule rule_of(const Words& argv) {
  return rule_of(run(argv), installed(argv.front(), argv));
}

bool covered(const StandingRule& rule, const Words& argv) {
  return covers(rule, run(argv), installed(argv.front(), argv), kWorkspace);
}

Verdict judged(const StandingRule& rule, const TaskCommand& command, const Facts& facts,
               const Rules& rules = {}, WallTime now = {}) {
  return decide(command, facts, rules,
                {.standing = {.rules = {&rule, 1}, .workspace = kWorkspace, .now = now}});
}

struct Case {
  Words approved;
  Words named;      ///< The words that the rule names.
  bool with_files;  ///< Files may stand behind them.
};

TEST(StandingRule, NamesEveryWordUpToTheLastThatIsNotPlainlyAFile) {
  for (const Case& each : std::vector<Case>{
           {{"cargo", "test"}, {"cargo", "test"}, false},
           {{"git", "stash"}, {"git", "stash"}, false},
           {{"git", "add", "src/a.cpp"}, {"git", "add"}, true},
           {{"git", "diff", "--stat", "src/a.cpp"}, {"git", "diff", "--stat", "src/a.cpp"}, false},
           {{"git", "diff", "--stat", "HEAD", "a.cpp"}, {"git", "diff", "--stat", "HEAD"}, true},
           {{"cc", "-o", "out.o", "a.c", "b.c"}, {"cc", "-o", "out.o"}, true},
           {{"rm", "a.txt"}, {"rm"}, true},
           {{"rm", "LICENSE"}, {"rm", "LICENSE"}, false},
           {{"rm", "../a.txt"}, {"rm", "../a.txt"}, false},
           {{"rm", "/work/a.txt"}, {"rm", "/work/a.txt"}, false},
           {{"cc", "@args.txt"}, {"cc", "@args.txt"}, false},
           {{"dd", "of=a/b"}, {"dd", "of=a/b"}, false},
           {{"curl", "http://a.b/c"}, {"curl", "http://a.b/c"}, false},
           {{"cat", "~/.ssh"}, {"cat", "~/.ssh"}, false},
           {{"cat", "a.txt", "--", "-b.txt"}, {"cat", "a.txt", "--", "-b.txt"}, false},
           {{"cat", "a.txt", "--", "b.txt"}, {"cat", "a.txt", "--", "b.txt"}, false},
           {{"make", "a.o"}, {"make", "a.o"}, false},          // carriers
           {{"python3", "a.py"}, {"python3", "a.py"}, false},  //
           {{"sh", "-c", "ls a.b"}, {"sh", "-c", "ls a.b"}, false},
           {{"env", "ls", "a.b"}, {"env", "ls", "a.b"}, false},
       }) {
    const StandingRule rule = rule_of(each.approved);
    EXPECT_EQ(rule.argv, each.named) << testing::PrintToString(each.approved);
    EXPECT_EQ(rule.with_files, each.with_files) << testing::PrintToString(each.approved);
    EXPECT_TRUE(covered(rule, each.approved)) << testing::PrintToString(each.approved);
  }
}

TEST(StandingRule, AWordThatIsNoFileMayBeABranchAndIsNamed) {
  const Words words{"git", "checkout", "feature/x"};
  const StandingRule branch = rule_of(run(words), installed("git"));
  EXPECT_EQ(branch.argv, words);
  EXPECT_FALSE(branch.with_files);
  const StandingRule file = rule_of(words);
  EXPECT_TRUE(file.with_files);
  const TaskCommand other = run({"git", "checkout", "origin/main"});
  EXPECT_FALSE(covers(file, other, installed("git"), kWorkspace));
}

TEST(StandingRule, S22_WhatOtherProgramsActOnIsNoFileOfARule) {
  const StandingRule copy = rule_of(Words{"cp", "a.txt", "b.txt"});
  EXPECT_TRUE(covered(copy, {"cp", "c.txt", "d.txt"}));
  for (const char* const path : {".git/HEAD", "sub/.git/config", ".envrc", ".vscode/tasks.json"})
    EXPECT_FALSE(covered(copy, {"cp", "a.txt", path})) << path;
}

TEST(StandingRule, HoldsForAModelThatMayBeMisledOnlyIfItWasMadeOfSuchAQuestion) {
  constexpr Taint kMisled{.model = true, .outside = true};
  const TaskCommand deploy = run({"deploy"});
  Facts bare = installed("deploy");
  bare.sandbox = std::string(kNoSandbox);
  const auto judged_for = [&](const Taint& asked, const Taint& now) {
    const StandingRule rule = *offer_rule(deploy, bare, std::string(kWorkspace), {}, asked).rule;
    return decide(deploy, bare, {},
                  {.standing = {.rules = {&rule, 1}, .workspace = kWorkspace}, .taint = now})
        .decision;
  };
  EXPECT_EQ(judged_for({}, {}), Decision::allow);
  EXPECT_EQ(judged_for({}, kMisled), Decision::ask);
  EXPECT_EQ(judged_for(kMisled, kMisled), Decision::allow);
  EXPECT_EQ(judged_for(kMisled, {}), Decision::allow);
  const RuleOffer offer = offer_rule(deploy, bare, std::string(kWorkspace), {}, kMisled);
  EXPECT_THAT(in_words(*offer.rule), testing::HasSubstr("also once the model has read"));
}

TEST(StandingRule, AllowsNoWordThatItDoesNotName) {
  const StandingRule add = rule_of(Words{"git", "add", "a.cpp"});
  EXPECT_TRUE(covered(add, {"git", "add", "b.cpp", "src/c.cpp"}));
  for (const Words& hostile : std::vector<Words>{
           {"git", "add"},
           {"git", "add", "-A"},
           {"git", "add", "a.cpp", "-A"},
           {"git", "add", "--", "a.cpp"},
           {"git", "add", ""},
           {"git", "add", "a.cpp", ""},
           {"git", "add", "../a.cpp"},
           {"git", "add", "a/../../b"},
           {"git", "add", "/etc/passwd"},
           {"git", "add", "~/a.cpp"},
           {"git", "add", "@a.cpp"},
           {"git", "add", "+a.cpp"},
           {"git", "add", "a=b.cpp"},
           {"git", "add", "https://a.b"},
           {"git", "add", "host:a.cpp"},
           {"git", "push", "a.cpp"},
           {"git", "-c", "core.pager=x", "add", "a.cpp"},
           {"git"},
           {"./git", "add", "a.cpp"},
           {"/usr/bin/git", "add", "a.cpp"},
       }) {
    EXPECT_FALSE(covers(add, run(hostile), installed("git", hostile), kWorkspace))
        << testing::PrintToString(hostile);
  }
  const StandingRule stash = rule_of(Words{"git", "stash"});
  EXPECT_FALSE(covered(stash, {"git", "stash", "drop"}));
  EXPECT_FALSE(covered(stash, {"git", "stash", "a.cpp"}));
}

TEST(StandingRule, BindsWhatTheDriverFound) {
  const Words argv{"git", "add", "a.cpp"};
  const StandingRule rule = rule_of(argv);
  Facts facts = installed("git", argv);
  EXPECT_TRUE(covers(rule, run(argv), facts, kWorkspace));
  EXPECT_FALSE(covers(rule, run(argv), facts, "/elsewhere"));
  facts.object_sha256 = "another: an upgrade";
  EXPECT_TRUE(covers(rule, run(argv), facts, kWorkspace));
  facts.object = "/usr/local/bin/git";
  EXPECT_FALSE(covers(rule, run(argv), facts, kWorkspace));
  facts = installed("git", argv);
  facts.sandbox = kNoSandbox;
  EXPECT_FALSE(covers(rule, run(argv), facts, kWorkspace));
  facts = installed("git", argv);
  facts.host = "api.example.com";
  EXPECT_FALSE(covers(rule, run(argv), facts, kWorkspace));
  facts = installed("git", argv);
  facts.draft = TaskId{3};
  EXPECT_FALSE(covers(rule, run(argv), facts, kWorkspace));
  facts = installed("git", argv);
  EXPECT_FALSE(covers(rule, AwaitProcess{.argv = argv, .cwd = "sub"}, facts, kWorkspace));
  EXPECT_FALSE(covers(rule, AwaitProcess{.argv = argv, .env = {{"A", "b"}}}, facts, kWorkspace));
}

TEST(StandingRule, NamesAllWordsOfAProgramWithoutASandbox) {
  Facts facts = installed("git");
  facts.sandbox = kNoSandbox;
  const StandingRule rule = rule_of(run({"git", "add", "a.cpp"}), facts);
  EXPECT_EQ(rule.argv, (Words{"git", "add", "a.cpp"}));
  EXPECT_FALSE(rule.with_files);
  EXPECT_NE(in_words(rule).find("WITHOUT A SANDBOX"), std::string::npos);
}

TEST(StandingRule, HoldsForAProgramOfTheWorkspaceOnlyAsItIs) {
  Facts facts{.object = "/work/test.sh", .object_sha256 = "aaaa", .sandbox = std::string(kSandbox)};
  const TaskCommand command = run({"./test", "a.txt"});
  const StandingRule rule = rule_of(command, facts);
  EXPECT_TRUE(covers(rule, command, facts, kWorkspace));
  facts.object_sha256 = "bbbb";
  EXPECT_FALSE(covers(rule, command, facts, kWorkspace));
}

TEST(StandingRule, IsForOneFileOrOnRequestForItsDirectory) {
  const TaskCommand command = AwaitFileWrite{.path = "docs/a.md", .content = "x"};
  const StandingRule rule = rule_of(command, file("docs/a.md"));
  EXPECT_EQ(in_words(rule), "write docs/a.md; in /work");
  const auto writes = [](const StandingRule& by, const std::string& path) {
    return covers(by, AwaitFileWrite{.path = path, .content = "y"}, file(path), kWorkspace);
  };
  EXPECT_TRUE(writes(rule, "docs/a.md"));
  EXPECT_FALSE(writes(rule, "docs/b.md"));
  EXPECT_FALSE(covers(rule, AwaitFileRemove{.path = "docs/a.md"}, file("docs/a.md"), kWorkspace));

  const std::optional<StandingRule> wider = for_directory(rule);
  ASSERT_TRUE(wider);
  EXPECT_EQ(in_words(*wider), "write any file below docs/; in /work");
  EXPECT_TRUE(writes(*wider, "docs/b.md"));
  EXPECT_TRUE(writes(*wider, "docs/deep/c.md"));
  EXPECT_FALSE(writes(*wider, "docs2/a.md"));
  EXPECT_FALSE(writes(*wider, "docs"));
  EXPECT_FALSE(writes(*wider, "docs/../a.md"));
  EXPECT_FALSE(covers(*wider, AwaitFileWrite{.path = "docs/link"}, file("src/a"), kWorkspace));
  EXPECT_FALSE(for_directory(*wider));
  EXPECT_FALSE(for_directory(rule_of(Words{"git", "status"})));
}

TEST(StandingRule, IsNotMadeWhereItWouldNotHold) {
  Rules asks;
  asks.rules.push_back({.name = "careful", .decision = Decision::ask, .commands = {"*"}});
  const std::vector<std::pair<RuleOffer, std::string>> none{
      {offered(AwaitFileWrite{.path = ".git/config"}, file(".git/config")), "protected path"},
      {offered(AwaitFileWrite{.path = "a/.envrc"}, file("a/.envrc")), "protected path"},
      {offered(run({"git", "status"}), installed("git"), asks), "\"careful\" asks"},
      {offered(AwaitFileWrite{.path = "link"}, file("a.txt")), "several names"},
      {offered(AwaitFileRemove{.path = "d", .recursive = true},
               {.object = "d", .changes = {{.change = {.path = "d/x"}}}}),
       "more than one file"},
      {offered(AwaitFileMove{.path = "a", .to = "b"}, file("a")), ""},
      {offered(AwaitFileRestore{}, {.changes = {{}}}), ""},
      {offered(AwaitDraftAccept{}, {.changes = {{}}}), ""},
      {offered(AwaitDraftDrop{}, {}), ""},
      {offered(AwaitProcess{.argv = {"git"}, .env = {{"GIT_PAGER", "x"}}}, installed("git")),
       "environment"},
      {offered(run({"git", std::string(5'000, 'x')}), installed("git")), "too long"},
  };
  for (const auto& [offer, why] : none) {
    EXPECT_FALSE(offer.rule) << why;
    EXPECT_NE(offer.why_not.find(why), std::string::npos) << offer.why_not;
    EXPECT_EQ(offer.why_not.empty(), std::string_view(why).empty()) << offer.why_not;
  }
}

TEST(StandingRule, AllowsWhatNothingElseAsksOrDenies) {
  const TaskCommand command = AwaitFileWrite{.path = "docs/a.md", .content = "x"};
  StandingRule rule = *for_directory(rule_of(command, file("docs/a.md")));
  rule.number = 3;
  rule.by_uid = 1'000;
  const Verdict allowed = judged(rule, command, file("docs/a.md"));
  EXPECT_EQ(allowed.decision, Decision::allow);
  EXPECT_EQ(allowed.rule, "standing rule 3, by uid 1000 on 1970-01-01");
  EXPECT_EQ(allowed.standing_rule, 3U);

  for (const Decision decision : {Decision::ask, Decision::deny}) {
    Rules rules;
    rules.rules.push_back({.name = "no", .decision = decision, .paths = {"docs/**"}});
    EXPECT_EQ(judged(rule, command, file("docs/a.md"), rules).decision, decision);
  }
  const TaskCommand guarded = AwaitFileWrite{.path = "docs/.git/config", .content = "x"};
  EXPECT_EQ(judged(rule, guarded, file("docs/.git/config")).decision, Decision::ask);
  EXPECT_EQ(judged(rule, command, {.object = "docs/a.md", .outside = true}).decision,
            Decision::deny);
}

TEST(StandingRule, AllowsNothingOnceItHasExpired) {
  const TaskCommand command = AwaitFileWrite{.path = "a.md", .content = "x"};
  StandingRule rule = rule_of(command, file("a.md"));
  rule.expires_unix_ns = 1'000;
  const auto at = [&](std::int64_t now) {
    return judged(rule, command, file("a.md"), {}, wall_from_unix_nanoseconds(now)).decision;
  };
  EXPECT_EQ(at(999), Decision::allow);
  EXPECT_EQ(at(1'000), Decision::ask);
}

TEST(StandingRule, SaysAllThatItAllowsOnOneVisibleLine) {
  EXPECT_EQ(in_words(rule_of(Words{"git", "add", "a.cpp"})),
            "run git add FILE… (files of the workspace, no further flags); program /usr/bin/git; "
            "in the sandbox; in /work");
  EXPECT_EQ(in_words(rule_of(Words{"git", "log", "a b\n\x1b[2J"})).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace tinkerbell

#include "tinkerbell/policy/policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using Words = std::vector<std::string>;

TaskCommand run(Words argv) {
  return AwaitProcess{.argv = std::move(argv)};
}

TaskCommand write(std::string path) {
  return AwaitFileWrite{.path = std::move(path), .content = "x"};
}

/// The program as a driver would resolve it.
Facts installed(const std::string& name) {
  return {.object = "/usr/bin/" + name, .sandbox = "bubblewrap"};
}

Rule argv_rule(Decision decision, std::vector<Words> argv) {
  return {.name = "programs", .decision = decision, .argv = std::move(argv)};
}

Rule path_rule(Decision decision, Words paths) {
  return {.name = "paths", .decision = decision, .paths = std::move(paths)};
}

Rule command_rule(Decision decision, Words commands) {
  return {.name = "commands", .decision = decision, .commands = std::move(commands)};
}

Decision decided(const TaskCommand& command, const Facts& facts, std::vector<Rule> rules) {
  return decide(command, facts, Rules{std::move(rules)}).decision;
}

/// Judges `argv` as an installed program of its own name.
Decision program(Words argv, std::vector<Rule> rules) {
  const Facts facts = installed(argv[0]);
  return decided(run(std::move(argv)), facts, std::move(rules));
}

TEST(Policy, RunsReadsModelCallsAndWhatStaysInTheDaemon) {
  for (const TaskCommand& command : std::vector<TaskCommand>{GetTid{},
                                                             Yield{},
                                                             Hear{},
                                                             Spawn{},
                                                             Join{},
                                                             Kill{},
                                                             Send{},
                                                             Receive{},
                                                             Sleep{},
                                                             Now{},
                                                             Random{},
                                                             AwaitFileRead{.path = "a"},
                                                             AwaitFileStat{.path = "a"},
                                                             AwaitFileList{},
                                                             AwaitGuidance{},
                                                             AwaitSkill{},
                                                             UpdatePlan{},
                                                             AwaitToolList{},
                                                             AwaitFileSearch{},
                                                             AwaitUserApproval{},
                                                             AwaitUserAnswer{},
                                                             AwaitLLMResponse{}}) {
    const Verdict verdict = decide(command, {}, {});
    EXPECT_EQ(verdict.decision, Decision::allow) << name_of(command);
    EXPECT_TRUE(verdict.rule.starts_with("default: ")) << verdict.rule;
  }
}

TEST(Policy, AsksBeforeChangesAndPrograms) {
  EXPECT_EQ(decide(write("a"), {}, {}).rule, "default: file changes ask");
  EXPECT_EQ(decided(AwaitFileEdit{.path = "a"}, {}, {}), Decision::ask);
  EXPECT_EQ(decide(run({"ls"}), installed("ls"), {}).rule, "default: programs ask");
  EXPECT_EQ(program({"ls"}, {}), Decision::ask);
}

TEST(Policy, ToolsOfServersAskUnlessARuleNamesThem) {
  const AwaitTool call{.server = "s", .tool = "t", .effect = EffectClass::pure};
  const Facts in_draft{.sandbox = "bubblewrap", .draft = TaskId{1}};
  EXPECT_EQ(decide(call, in_draft, {}).rule, "default: tools of servers ask");
  EXPECT_EQ(decide(AwaitToolTrust{}, in_draft, {}).rule, "default: trusting a tool asks");
  const auto with = [](Decision decision, std::string tool) {
    return std::vector<Rule>{{.name = "r", .decision = decision, .tools = {std::move(tool)}}};
  };
  EXPECT_EQ(decided(call, {}, with(Decision::allow, "s__*")), Decision::allow);
  EXPECT_EQ(decided(call, {}, with(Decision::allow, "s__u")), Decision::ask);
  EXPECT_EQ(decided(call, {}, with(Decision::deny, "s__t")), Decision::deny);
  EXPECT_EQ(decided(write("a"), {}, with(Decision::allow, "*")), Decision::ask)
      << "it is about tools alone";
}

TEST(Policy, InADraftChangesAndSandboxedProgramsRun) {
  const Facts file{.object = "a", .draft = TaskId{1}};
  EXPECT_EQ(decide(write("a"), file, {}).rule, "default: changes in a draft run");
  EXPECT_EQ(decided(write("a"), file, {}), Decision::allow);
  EXPECT_EQ(decided(write(".envrc"), {.object = ".envrc", .draft = TaskId{1}}, {}), Decision::ask);
  EXPECT_EQ(decided(write("a"), file, {path_rule(Decision::deny, {"**"})}), Decision::deny);
  Facts sandboxed = installed("ls");
  sandboxed.sandbox = "bubblewrap";
  EXPECT_EQ(decided(run({"ls"}), sandboxed, {}), Decision::ask) << "the control: in the workspace";
  sandboxed.draft = TaskId{1};
  EXPECT_EQ(decided(run({"ls"}), sandboxed, {}), Decision::allow);
  EXPECT_EQ(decided(run({"ls"}), sandboxed, {argv_rule(Decision::ask, {{"ls"}})}), Decision::ask);
  sandboxed.sandbox = kNoSandbox;
  EXPECT_EQ(decided(run({"ls"}), sandboxed, {}), Decision::ask);
}

TEST(Policy, ADraftAsksFirstWhereMuchMustBeCopied) {
  Facts facts{.object = "/work", .draft = TaskId{1}, .copy = CopyCost{.files = 3, .bytes = 100}};
  EXPECT_EQ(decide(AwaitDraftOpen{}, facts, {.draft_bytes_unasked = 100}).decision,
            Decision::allow);
  EXPECT_EQ(decide(AwaitDraftOpen{}, facts, {.draft_bytes_unasked = 99}).rule,
            "default: large drafts ask");
  facts.copy->shared = true;
  EXPECT_EQ(decide(AwaitDraftOpen{}, facts, {.draft_bytes_unasked = 99}).decision, Decision::allow);
}

TEST(Policy, AcceptingADraftAsksIfThereIsAnythingInIt) {
  EXPECT_EQ(decided(AwaitDraftOpen{}, {}, {}), Decision::allow);
  EXPECT_EQ(decided(AwaitDraftAccept{}, {.draft = TaskId{1}}, {}), Decision::allow);
  const Facts some{.draft = TaskId{1}, .changes = {DraftChange{.change = {.path = "a"}}}};
  EXPECT_EQ(decided(AwaitDraftAccept{}, some, {}), Decision::ask);
  EXPECT_EQ(decided(AwaitDraftDrop{}, {.draft = TaskId{1}}, {}), Decision::ask);
}

TEST(Policy, S22_KnowsWhatOtherProgramsActOn) {
  for (const char* path : {".git/config", ".GIT/HEAD", "sub/.git", ".envrc", ".vscode/tasks.json"})
    EXPECT_TRUE(is_protected_path(path)) << path;
  for (const char* path : {"git/config", "a.envrc", ".vscode/other.json"})
    EXPECT_FALSE(is_protected_path(path)) << path;
}

TEST(Policy, NamesTheRuleThatDecides) {
  Rule rule = path_rule(Decision::allow, {"docs/**"});
  rule.name = "docs are free";
  EXPECT_EQ(decide(write("docs/a"), {.object = "docs/a"}, {{rule}}).rule, "docs are free");
}

TEST(Policy, DeniesWhatLeavesTheWorkspaceWhateverARuleSays) {
  const std::vector<Rule> all{command_rule(Decision::allow, {"*"})};
  const Verdict verdict = decide(AwaitFileRead{.path = "link"}, {.outside = true}, {all});
  EXPECT_EQ(verdict.decision, Decision::deny);
  EXPECT_EQ(verdict.rule, "built-in: outside the workspace");
  EXPECT_EQ(decided(AwaitFileRead{.path = "a/../../etc"}, {}, all), Decision::deny);
  EXPECT_EQ(decided(AwaitProcess{.argv = {"ls"}, .cwd = ".."}, installed("ls"), all),
            Decision::deny);
}

TEST(Policy, AppliesPathsToFilesOnlyAndArgvToProgramsOnly) {
  EXPECT_EQ(program({"ls"}, {path_rule(Decision::allow, {"**"})}), Decision::ask);
  EXPECT_EQ(decided(write("ls"), {}, {argv_rule(Decision::allow, {{"ls"}})}), Decision::ask);
  EXPECT_EQ(decided(Sleep{}, {}, {path_rule(Decision::deny, {"**"})}), Decision::allow);
}

TEST(Policy, AppliesEveryGivenCondition) {
  Rule rule = path_rule(Decision::allow, {"docs/**"});
  rule.commands = {"file.edit"};
  EXPECT_EQ(decided(AwaitFileEdit{.path = "docs/a"}, {}, {rule}), Decision::allow);
  EXPECT_EQ(decided(write("docs/a"), {}, {rule}), Decision::ask);
  EXPECT_EQ(decided(AwaitFileEdit{.path = "src/a"}, {}, {rule}), Decision::ask);
  EXPECT_EQ(decided(write("a"), {}, {command_rule(Decision::allow, {"file.*"})}), Decision::allow);
}

TEST(Policy, S23_LetsDenyBeatAskAndAskBeatAllowInAnyOrder) {
  std::vector<Rule> rules{command_rule(Decision::allow, {"*"}), command_rule(Decision::ask, {"*"}),
                          command_rule(Decision::deny, {"file.write"})};
  std::ranges::sort(rules, {}, &Rule::decision);
  do {
    EXPECT_EQ(decided(write("a"), {}, rules), Decision::deny);
    EXPECT_EQ(decided(AwaitFileEdit{.path = "a"}, {}, rules), Decision::ask);
  } while (std::ranges::next_permutation(rules, {}, &Rule::decision).found);
}

// ---- paths ----

TEST(Policy, SeesThroughDotsInAPath) {
  const std::vector<Rule> docs{path_rule(Decision::allow, {"docs/**"})};
  EXPECT_EQ(decided(write("./docs//a"), {}, docs), Decision::allow);
  EXPECT_EQ(decided(write("docs/../src/a"), {}, docs), Decision::ask);
  EXPECT_EQ(decided(write("docs/x/../../.git/config"), {}, docs), Decision::ask);
  EXPECT_EQ(decided(write("/docs/a"), {}, docs), Decision::ask);
}

TEST(Policy, JudgesALinkByBothOfItsNames) {
  const Facts through_link{.object = "src/a"};
  EXPECT_EQ(decided(write("docs/link"), through_link, {path_rule(Decision::allow, {"docs/**"})}),
            Decision::ask);
  EXPECT_EQ(decided(write("docs/link"), through_link, {path_rule(Decision::deny, {"src/**"})}),
            Decision::deny);
}

TEST(Policy, S22_AsksBeforeProtectedPathsEvenWhereARuleAllows) {
  const std::vector<Rule> all{command_rule(Decision::allow, {"*"}),
                              path_rule(Decision::allow, {"**"})};
  for (const char* path : {".git", ".git/config", ".git/hooks/pre-commit", ".git/hooks/new/deep",
                           "sub/.git", "sub/.git/config", "./.git//config", "a/../.git/config",
                           ".GIT/config", ".git/info/x", ".tinkerbell/rules.toml",
                           "sub/.tinkerbell", ".envrc", ".vscode/tasks.json", ".github/hooks/x"}) {
    EXPECT_EQ(decide(write(path), {}, {all}).rule, "built-in: protected path") << path;
    EXPECT_EQ(decided(AwaitFileEdit{.path = path}, {}, all), Decision::ask) << path;
    EXPECT_EQ(decided(write("innocent"), {.object = path}, all), Decision::ask) << path;
    EXPECT_EQ(decided(AwaitFileRead{.path = path}, {}, all), Decision::allow) << path;
  }
  EXPECT_EQ(decided(write(".gitignore"), {}, all), Decision::allow);
  EXPECT_EQ(decided(write(".git/config"), {}, {path_rule(Decision::deny, {"**"})}), Decision::deny);
}

// ---- several paths at once ----

Facts changing(Words paths, TaskId draft = kNoTask) {
  Facts facts{.draft = draft};
  if (!paths.empty()) facts.object = paths[0];
  for (std::string& path : paths)
    facts.changes.push_back({.change = {.path = std::move(path)}});
  return facts;
}

TaskCommand move(std::string path, std::string to) {
  return AwaitFileMove{.path = std::move(path), .to = std::move(to)};
}

TaskCommand remove(std::string path) {
  return AwaitFileRemove{.path = std::move(path), .recursive = true};
}

TEST(Policy, LetsATaskReadWhatWasKeptForItUnlessARuleDoesNot) {
  const AwaitContentRead read{.sha256 = std::string(64, 'a')};
  EXPECT_EQ(decided(read, {}, {}), Decision::allow);
  EXPECT_EQ(decided(read, {}, {{.decision = Decision::deny, .commands = {"content.*"}}}),
            Decision::deny);
}

TEST(Policy, AsksBeforeMovesAndRemovalsButNotInADraft) {
  for (const TaskCommand& command : {move("a", "b"), remove("a")}) {
    EXPECT_EQ(decide(command, changing({"a"}), {}).rule, "default: file changes ask");
    EXPECT_EQ(decided(command, changing({"a"}, TaskId{1}), {}), Decision::allow);
  }
  EXPECT_EQ(decided(AwaitFileRestore{}, changing({"a"}), {}), Decision::ask);
  EXPECT_EQ(decided(AwaitFileRestore{}, changing({"a"}, TaskId{1}), {}), Decision::ask);
  EXPECT_EQ(decided(AwaitFileRestore{}, {}, {}), Decision::allow);
}

/// A patch that renames `path` to `to`.
TaskCommand patch(std::string path, std::string to) {
  return AwaitFilePatch{.files = {{.path = std::move(path), .to = std::move(to)}}};
}

TEST(Policy, APatchIsJudgedByEachOfItsPathsAsAMoveIs) {
  EXPECT_EQ(decide(patch("a", "a"), changing({"a"}), {}).rule, "default: file changes ask");
  EXPECT_EQ(decided(patch("a", "a"), changing({"a"}, TaskId{1}), {}), Decision::allow);
  const std::vector<Rule> allowed{path_rule(Decision::allow, {"docs/**"})};
  EXPECT_EQ(decided(patch("docs/a", "docs/b"), changing({"docs/a", "docs/b"}), allowed),
            Decision::allow);
  EXPECT_EQ(decided(patch("docs/a", "b"), changing({"docs/a", "b"}), allowed), Decision::ask);
  EXPECT_EQ(decided(patch("docs/a", "docs/l"), changing({"docs/a", "src/b"}), allowed),
            Decision::ask);
  for (const std::string_view name : {"file.write", "file.read", "file.patch"}) {
    Rule rule = path_rule(Decision::deny, {"secret/**"});
    rule.commands = {std::string(name)};
    EXPECT_EQ(decided(patch("secret/a", "b"), changing({"secret/a", "b"}), {rule}), Decision::deny);
    EXPECT_EQ(decided(patch("l/a", "b"), changing({"secret/a", "b"}), {rule}), Decision::deny);
    EXPECT_EQ(decided(patch("a", "secret/b"), changing({"a", "secret/b"}), {rule}), Decision::deny);
  }
  const std::vector<Rule> all{command_rule(Decision::allow, {"*"})};
  for (const auto& [path, to] : {std::pair("", "../b"), {"../a", ""}, {"a", "b/../../c"}})
    EXPECT_EQ(decide(patch(path, to), {}, {all}).rule, "built-in: outside the workspace");
  EXPECT_EQ(decide(patch("a", std::string(5'000, 'x')), {}, {all}).rule,
            "built-in: too large to judge");
}

TEST(Policy, AMoveIsAllowedIfBothItsPathsAreAndForbiddenIfOneIs) {
  const std::vector<Rule> allowed{path_rule(Decision::allow, {"docs/**"})};
  EXPECT_EQ(decided(move("docs/a", "docs/b"), changing({"docs/a", "docs/b"}), allowed),
            Decision::allow);
  EXPECT_EQ(decided(move("docs/a", "b"), changing({"docs/a", "b"}), allowed), Decision::ask);
  EXPECT_EQ(decided(move("a", "docs/b"), changing({"a", "docs/b"}), allowed), Decision::ask);
  EXPECT_EQ(decided(move("docs/a", "docs/l/b"), changing({"docs/a", "src/b"}), allowed),
            Decision::ask)
      << "it is judged by where it goes";
  for (const Decision decision : {Decision::deny, Decision::ask}) {
    const std::vector<Rule> rules{path_rule(decision, {"docs/**"}),
                                  command_rule(Decision::allow, {"*"})};
    EXPECT_EQ(decided(move("docs/a", "b"), changing({"docs/a", "b"}), rules), decision);
    EXPECT_EQ(decided(move("a", "docs/b"), changing({"a", "docs/b"}), rules), decision);
    EXPECT_EQ(decided(move("l/a", "b"), changing({"docs/a", "b"}), rules), decision);
    EXPECT_EQ(decided(move("a", "b"), changing({"a", "b"}), rules), Decision::allow);
  }
}

TEST(Policy, WhatIsBelowADirectoryIsJudgedWithIt) {
  const Facts facts = changing({"d", "d/a", "d/secret/b"});
  EXPECT_EQ(decided(remove("d"), facts, {path_rule(Decision::deny, {"d/secret/**"})}),
            Decision::deny);
  EXPECT_EQ(decided(remove("d"), facts, {path_rule(Decision::allow, {"d", "d/a"})}), Decision::ask);
  EXPECT_EQ(decided(remove("d"), facts, {path_rule(Decision::allow, {"d", "d/**"})}),
            Decision::allow);
}

TEST(Policy, WhatMayNotBeWrittenIsNeitherMovedNorRemovedNorTakenBack) {
  Rule rule = path_rule(Decision::deny, {"locked/**"});
  rule.commands = {"file.write"};
  const Facts facts = changing({"locked/a"});
  EXPECT_EQ(decided(move("locked/a", "b"), facts, {rule}), Decision::deny);
  EXPECT_EQ(decided(remove("locked/a"), facts, {rule}), Decision::deny);
  EXPECT_EQ(decided(AwaitFileRestore{}, facts, {rule}), Decision::deny);
  EXPECT_EQ(decided(AwaitFileEdit{.path = "locked/a"}, {}, {rule}), Decision::ask);
  rule.decision = Decision::allow;
  EXPECT_EQ(decided(remove("locked/a"), facts, {rule}), Decision::ask);
  // A rule about all writing is one about this, too.
  EXPECT_EQ(decided(remove("a"), changing({"a"}), {command_rule(Decision::deny, {"file.write"})}),
            Decision::deny);
}

TEST(Policy, WhatMayNotBeReadIsNotMovedToWhereItMay) {
  Rule rule = path_rule(Decision::deny, {"secret/**"});
  rule.commands = {"file.read"};
  EXPECT_EQ(decided(move("secret/a", "b"), changing({"secret/a", "b"}), {rule}), Decision::deny);
  EXPECT_EQ(decided(move("d", "b"), changing({"d", "secret/a"}), {rule}), Decision::deny);
  EXPECT_EQ(decided(remove("secret/a"), changing({"secret/a"}), {rule}), Decision::ask);
}

TEST(Policy, S22_AsksBeforeProtectedPathsAreMovedRemovedOrTakenBack) {
  const std::vector<Rule> all{command_rule(Decision::allow, {"*"}),
                              path_rule(Decision::allow, {"**"})};
  const Rules rules{all};
  const auto guarded = [&](const TaskCommand& command, Words paths) {
    return decide(command, changing(std::move(paths), TaskId{1}), rules).rule ==
           "built-in: protected path";
  };
  EXPECT_TRUE(guarded(remove(".git"), {".git"}));
  EXPECT_TRUE(guarded(remove(".envrc"), {".envrc"}));
  EXPECT_TRUE(guarded(remove("sub"), {"sub", "sub/.envrc"}));
  EXPECT_TRUE(guarded(move("x", ".git/hooks/x"), {"x", ".git/hooks/x"}));
  EXPECT_TRUE(guarded(move("x", "l/x"), {"x", ".git/hooks/x"}));
  EXPECT_TRUE(guarded(move(".git", "x"), {".git", "x"}));
  EXPECT_TRUE(guarded(move("d", "e"), {"d", "d/.git/config", "e", "e/.git/config"}));
  EXPECT_TRUE(guarded(AwaitFileRestore{}, {".git/hooks/x"}));
  EXPECT_TRUE(guarded(patch("", "sub/.envrc"), {"sub/.envrc"}));
  EXPECT_TRUE(guarded(patch("l/x", "l/x"), {".git/hooks/x"}));
  EXPECT_FALSE(guarded(remove("sub"), {"sub", "sub/envrc"}));
}

TEST(Policy, DeniesAMoveOfWhichAnyPathLeavesTheWorkspaceOrIsTooLong) {
  const std::vector<Rule> all{command_rule(Decision::allow, {"*"})};
  for (const auto& [path, to] : {std::pair("a", "../b"), {"../a", "b"}, {"a", "b/../../c"}})
    EXPECT_EQ(decide(move(path, to), {}, {all}).rule, "built-in: outside the workspace");
  EXPECT_EQ(decide(move("a", std::string(5'000, 'x')), {}, {all}).rule,
            "built-in: too large to judge");
}

TEST(Policy, AListShowsNoNamesThatARuleRestricts) {
  const auto shows = [](const std::string& start, const std::string& entry, const Rule& rule) {
    return may_show(AwaitFileList{.path = start, .recursive = true}, {.object = start}, entry,
                    {{rule}});
  };
  const Rule denied = path_rule(Decision::deny, {"secret/**"});
  EXPECT_FALSE(shows(".", "secret/a", denied));
  EXPECT_TRUE(shows(".", "secret", denied)) << "the glob names what is in it";
  EXPECT_TRUE(shows(".", "open/a", denied));
  EXPECT_TRUE(shows("secret/deep", "secret/deep/a", denied)) << "that place was judged";
  Rule reading = denied;
  reading.commands = {"file.read"};
  EXPECT_TRUE(shows(".", "secret/a", reading)) << "a name is not content";
  reading.commands = {"file.list"};
  EXPECT_FALSE(shows(".", "secret/a", reading));
}

/// An agent may write a file of that name.
TEST(Policy, S14_AnOpenEndIsNoWordThatACarrierMayBeGiven) {
  EXPECT_EQ(program({"perl", "..."}, {argv_rule(Decision::allow, {{"perl", "..."}})}),
            Decision::ask);
  EXPECT_EQ(program({"perl", "-v"}, {argv_rule(Decision::allow, {{"perl", "-v"}})}),
            Decision::allow);
}

TEST(Policy, NamesPrefixesThatWouldNotDoWhatTheySeemTo) {
  const std::vector<Words> good{{"git"}, {"git", "push|pull"}, {"ls", "..."}, {"git", "x", "..."}};
  for (const Words& prefix : good)
    EXPECT_EQ(fault_of_prefix(prefix), "") << prefix[0];
  const std::vector<Words> bad{{},           {""},      {"..."},          {"git", "...", "push"},
                               {"...", "x"}, {"a|..."}, {"git", "x|..."}, {"git", "...", "..."}};
  for (const Words& prefix : bad)
    EXPECT_NE(fault_of_prefix(prefix), "") << prefix.size();
}

TEST(Policy, ASearchShowsNothingOfFilesThatARuleRestricts) {
  const auto shows = [](const std::string& start, const std::string& file, const Rule& rule) {
    return may_show(AwaitFileSearch{.text = "KEY", .path = start}, {.object = start}, file,
                    {{rule}});
  };
  const Rule denied = path_rule(Decision::deny, {"**/.env"});
  EXPECT_FALSE(shows(".", ".env", denied));
  EXPECT_FALSE(shows("app", "app/deep/.env", denied));
  EXPECT_TRUE(shows(".", "app/env", denied));

  Rule reading = denied;
  reading.commands = {"file.read"};
  EXPECT_FALSE(shows(".", ".env", reading)) << "lines are read";
  EXPECT_FALSE(shows(".env", ".env", reading));
  Rule changing = denied;
  changing.commands = {"file.write"};
  EXPECT_TRUE(shows(".", ".env", changing));

  const Rule asked = path_rule(Decision::ask, {"secret/**"});
  EXPECT_FALSE(shows(".", "secret/a", asked));
  EXPECT_FALSE(shows("secret", "secret/a", asked));
  EXPECT_TRUE(shows("secret/deep", "secret/deep/a", asked)) << "that place was asked about";
  EXPECT_TRUE(shows(".", ".env", path_rule(Decision::allow, {"**/.env"})));
  EXPECT_TRUE(shows(".", ".env", command_rule(Decision::ask, {"file.search"})));
}

// ---- programs ----

TEST(Policy, MatchesArgvWordForWordFromTheFront) {
  const std::vector<Rule> git{argv_rule(Decision::allow, {{"git", "status|diff"}, {"ls"}})};
  EXPECT_EQ(program({"git", "status"}, git), Decision::allow);
  EXPECT_EQ(program({"git", "diff", "main"}, git), Decision::allow);
  EXPECT_EQ(program({"ls", "src"}, git), Decision::allow);
  EXPECT_EQ(program({"git", "push"}, git), Decision::ask);
  EXPECT_EQ(program({"git"}, git), Decision::ask);
  EXPECT_EQ(program({"git", "stat"}, git), Decision::ask);
  EXPECT_EQ(program({"git", "status|diff"}, git), Decision::ask);
}

TEST(Policy, AllowsAProgramOnlyWhenItsNameAndItsFileAgree) {
  const std::vector<Rule> git{argv_rule(Decision::allow, {{"git"}})};
  EXPECT_EQ(decided(run({"./git"}), {.object = "/work/git"}, git), Decision::ask);
  EXPECT_EQ(decided(run({"/tmp/git"}), {.object = "/tmp/git"}, git), Decision::ask);
  EXPECT_EQ(decided(run({"git"}), {.object = "/usr/bin/evil"}, git), Decision::ask);
  EXPECT_EQ(decided(run({"git"}), {}, git), Decision::ask);
  EXPECT_EQ(decided(run({"/usr/bin/git"}), installed("git"),
                    {argv_rule(Decision::allow, {{"/usr/bin/git"}})}),
            Decision::allow);
}

TEST(Policy, DeniesAProgramByAnyOfItsNames) {
  const std::vector<Rule> push{argv_rule(Decision::deny, {{"git", "push"}})};
  for (const char* name : {"git", "./git", "/usr/bin/git", "g"}) {
    EXPECT_EQ(decided(run({name, "push", "-f"}), installed("git"), push), Decision::deny) << name;
  }
}

TEST(Policy, S12_FindsNoAllowedTextInsideAWord) {
  const std::vector<Rule> echo{argv_rule(Decision::allow, {{"echo", "allowlisted"}})};
  EXPECT_EQ(program({"echo", "allowlisted"}, echo), Decision::allow);
  EXPECT_EQ(program({"touch canary # echo allowlisted"}, echo), Decision::ask);
  EXPECT_EQ(program({"sh", "-c", "touch canary # echo allowlisted"}, echo), Decision::ask);
  EXPECT_EQ(program({"echo allowlisted"}, echo), Decision::ask);
}

TEST(Policy, S13_NeverAllowsACarrierByItsNameAlone) {
  const Words carriers{"env",    "nice",   "timeout", "xargs",    "nohup",       "setsid",
                       "stdbuf", "sudo",   "busybox", "toybox",   "sh",          "bash",
                       "dash",   "zsh",    "ksh",     "fish",     "python3",     "python3.11",
                       "perl",   "ruby",   "node",    "lua5.4",   "php8.2",      "gawk",
                       "sed",    "find",   "chroot",  "unshare",  "systemd-run", "doas",
                       "time",   "strace", "ssh",     "tclsh8.6", "ionice",      "flock"};
  for (const std::string& carrier : carriers) {
    const std::vector<Rule> named{argv_rule(Decision::allow, {{carrier}}),
                                  argv_rule(Decision::allow, {{carrier, "..."}}),
                                  command_rule(Decision::allow, {"*"})};
    const Verdict verdict = decide(run({carrier, "touch", "canary"}), installed(carrier), {named});
    EXPECT_EQ(verdict.decision, Decision::ask) << carrier;
    EXPECT_NE(verdict.reason, "") << carrier;
  }
}

TEST(Policy, S13_SeesACarrierBehindAnotherName) {
  const std::vector<Rule> all{command_rule(Decision::allow, {"*"})};
  EXPECT_EQ(decided(run({"helper"}), installed("bash"), all), Decision::ask);
  EXPECT_EQ(decided(run({"/bin/sh", "x"}), installed("dash"), all), Decision::ask);
  EXPECT_EQ(program({"helper"}, all), Decision::allow);
}

TEST(Policy, S14_AllowsACarrierWhereARuleNamesEveryWord) {
  const std::vector<Rule> exact{argv_rule(Decision::allow, {{"sh", "-c", "echo 1"}})};
  EXPECT_EQ(program({"sh", "-c", "echo 1"}, exact), Decision::allow);
  EXPECT_EQ(program({"sh", "-c", "touch canary"}, exact), Decision::ask);
  EXPECT_EQ(program({"sh", "-c", "echo 1", "more"}, exact), Decision::ask);
}

TEST(Policy, S15_AllowsNoFlagThatTheRuleDoesNotName) {
  const std::vector<Words> dangerous{
      {"find", ".", "-exec", "touch", "canary", ";"},
      {"find", ".", "-delete"},
      {"find", ".", "-fprintf", "/x", "y"},
      {"git", "log", "--output=/x"},
      {"sed", "w canary"},
      {"sed", "1e touch canary"},
      {"awk", "BEGIN{system(\"touch canary\")}"},
      {"tar", "cf", "/dev/null", "x", "--checkpoint-action=exec=touch canary"},
      {"rg", "--pre", "touch", "x"},
      {"sort", "-o", "canary", "x"},
      {"javac", "-processorpath", "x"},
      {"ls", "--hyperlink=x"},
      {"git", "-c", "core.pager=touch canary", "log"},
      {"less", "x"},
      {"vim", "x"},
      {"make", "SHELL=touch canary"},
      {"rsync", "-e", "touch canary", "a", "b:"},
      {"zip", "-T", "-TT", "touch canary", "a"},
      {"man", "-P", "touch canary", "ls"},
      {"ssh", "-oProxyCommand=touch canary", "x"},
      {"split", "--filter=touch canary", "x"},
      {"wget", "--use-askpass=touch", "x"},
      {"curl", "-o", "canary", "x"},
      {"sqlite3", "x", ".shell touch canary"},
      {"ed", "x"},
      {"cpio", "--rsh-command=touch", "x"}};
  for (const Words& argv : dangerous) {
    EXPECT_EQ(program(argv, {argv_rule(Decision::allow, {{argv[0]}})}), Decision::ask) << argv[0];
  }
}

TEST(Policy, S16_AllowsNoAbbreviatedOrGluedFlag) {
  const std::vector<Rule> log{argv_rule(Decision::allow, {{"git", "log", "--oneline"}})};
  EXPECT_EQ(program({"git", "log", "--oneline", "main"}, log), Decision::allow);
  EXPECT_EQ(program({"git", "log", "--oneline", "--outp=/x"}, log), Decision::ask);
  EXPECT_EQ(program({"git", "log", "--oneline", "-o/x"}, log), Decision::ask);
  EXPECT_EQ(program({"git", "log", "--one"}, log), Decision::ask);
  EXPECT_EQ(program({"git", "log", "--oneline", "--", "-exec"}, log), Decision::ask);
}

TEST(Policy, AllowsFurtherFlagsWhereTheRuleEndsInDots) {
  const std::vector<Rule> list{argv_rule(Decision::allow, {{"ls", "..."}})};
  EXPECT_EQ(program({"ls"}, list), Decision::allow);
  EXPECT_EQ(program({"ls", "-la", "src"}, list), Decision::allow);
}

TEST(Policy, S17_AsksWhenACommandSetsVariables) {
  const Verdict verdict = decide(AwaitProcess{.argv = {"ls"}, .env = {{"LD_PRELOAD", "x.so"}}},
                                 installed("ls"), {{argv_rule(Decision::allow, {{"ls"}})}});
  EXPECT_EQ(verdict.decision, Decision::ask);
  EXPECT_EQ(verdict.reason, "not allowed by \"programs\": it sets environment variables");
}

TEST(Policy, S24_DeniesWhatIsTooLargeToJudge) {
  const std::vector<Rule> all{command_rule(Decision::allow, {"*"})};
  EXPECT_EQ(program(Words(10'000, "ls"), all), Decision::deny);
  EXPECT_EQ(program({"ls", std::string(2 << 20, 'x')}, all), Decision::deny);
  EXPECT_EQ(program({"ls", std::string(200 << 10, 'x')}, all), Decision::deny);
  EXPECT_EQ(program(Words(20, std::string(100 << 10, 'x')), all), Decision::deny);
  EXPECT_EQ(decided(AwaitFileRead{.path = std::string(4'097, 'x')}, {}, all), Decision::deny);
  EXPECT_EQ(decide(AwaitFileRead{.path = std::string(4'097, 'x')}, {}, {all}).reason,
            "a path of 4097 bytes");
}

TEST(Policy, S25_AsksBeforeAnInterpreterHoweverItIsSpelled) {
  const std::vector<Rule> shell{argv_rule(Decision::allow, {{"sh"}, {"sh", "-c"}}),
                                command_rule(Decision::allow, {"process.run"})};
  for (const char* script :
       {"r\\m x", "rm${IFS}x", "echo cm0geA== | base64 -d | sh", "$(printf '\\x72\\x6d') x"}) {
    EXPECT_EQ(program({"sh", "-c", script}, shell), Decision::ask) << script;
  }
}

// ---- any rules at all ----

/// Draws commands and rules from so few words that they often meet.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_(seed) {}

  TaskCommand command() {
    switch (below(4)) {
      case 0:
        return AwaitFileRead{.path = path()};
      case 1:
        return write(path());
      case 2:
        return Sleep{};
      default:
        return run({word(), word(), word()});
    }
  }

  Facts facts(const TaskCommand& command) {
    if (const auto* process = std::get_if<AwaitProcess>(&command)) {
      return installed(below(4) == 0 ? word() : process->argv[0]);
    }
    return {.object = below(4) == 0 ? path() : "", .outside = below(16) == 0};
  }

  Rule rule() {
    Rule rule{.name = "r", .decision = static_cast<Decision>(below(3))};
    if (below(2) == 0) rule.commands = {pick({"*", "file.*", "file.write", "process.run"})};
    if (below(3) == 0) rule.paths = {pick({"**", "a/*", "*", "**/b"})};
    if (below(3) == 0) rule.argv = {{word(), word() + "|" + word()}, {word()}, {word(), "..."}};
    return rule;
  }

  std::vector<Rule> rules() {
    std::vector<Rule> rules(below(4));
    std::ranges::generate(rules, [this] { return rule(); });
    return rules;
  }

  std::size_t below(std::size_t bound) { return engine_() % bound; }

  std::mt19937& engine() { return engine_; }

 private:
  std::string pick(std::initializer_list<const char*> from) {
    return from.begin()[below(from.size())];
  }

  std::string path() { return pick({"a/b", "b", "a", ".git/config", "c/b"}); }

  std::string word() { return pick({"ls", "git", "sh", "-x"}); }

  std::mt19937 engine_;
};

TEST(Policy, S23_JudgesAlikeInWhateverOrderTheRulesStand) {
  Dice dice(32);
  for (int round = 0; round < 10'000; ++round) {
    const TaskCommand command = dice.command();
    const Facts facts = dice.facts(command);
    std::vector<Rule> rules = dice.rules();
    const Decision before = decided(command, facts, rules);
    std::ranges::shuffle(rules, dice.engine());
    ASSERT_EQ(decided(command, facts, rules), before) << "round " << round;
  }
}

TEST(Policy, S23_NeverRunsMoreAfterAnotherDeny) {
  Dice dice(23);
  int denied_more = 0;
  for (int round = 0; round < 100'000; ++round) {
    const TaskCommand command = dice.command();
    const Facts facts = dice.facts(command);
    std::vector<Rule> rules = dice.rules();
    const Decision before = decided(command, facts, rules);

    Rule deny = dice.rule();
    deny.decision = Decision::deny;
    rules.insert(rules.begin() + static_cast<std::ptrdiff_t>(dice.below(rules.size() + 1)), deny);
    const Decision after = decided(command, facts, rules);
    ASSERT_TRUE(after == before || after == Decision::deny) << "round " << round;
    denied_more += after != before ? 1 : 0;
  }
  EXPECT_GT(denied_more, 1'000) << "the rules never met a command";
}

// ---- git ----

const Facts kGit{.sandbox = "bubblewrap"};
const Facts kGitInDraft{.sandbox = "bubblewrap", .draft = TaskId{1}};

TEST(Policy, LooksAtARepositoryRunAndChangesAskWhereThereIsNoDraft) {
  for (const TaskCommand& look : {TaskCommand(AwaitGitStatus{}), TaskCommand(AwaitGitDiff{}),
                                  TaskCommand(AwaitGitLog{}), TaskCommand(AwaitGitBranch{})}) {
    EXPECT_EQ(decide(look, kGit, {}).rule, "default: looks at a repository run");
  }
  for (const TaskCommand& change :
       {TaskCommand(AwaitGitAdd{}), TaskCommand(AwaitGitCommit{.message = "x"}),
        TaskCommand(AwaitGitBranch{.action = GitBranchAction::create, .name = "x"})}) {
    EXPECT_EQ(decided(change, kGit, {}), Decision::ask) << name_of(change);
    EXPECT_EQ(decided(change, kGitInDraft, {}), Decision::allow) << name_of(change);
    EXPECT_EQ(
        decided(change, kGit, {{.name = "r", .decision = Decision::allow, .commands = {"git.*"}}}),
        Decision::allow);
  }
}

TEST(Policy, APushIsAllowedByARuleThatNamesJustThat) {
  const AwaitGitPush push{.branch = "main"};
  const auto under = [&](Words commands) {
    return decided(push, kGitInDraft,
                   {{.name = "r", .decision = Decision::allow, .commands = std::move(commands)}});
  };
  EXPECT_EQ(decide(push, kGitInDraft, {}).rule, "default: pushes ask");
  EXPECT_EQ(under({}), Decision::ask);
  EXPECT_EQ(under({"*"}), Decision::ask);
  EXPECT_EQ(under({"git.*"}), Decision::ask);
  EXPECT_EQ(under({"git.push"}), Decision::allow);
  EXPECT_EQ(decided(push, kGit, {{.name = "r", .decision = Decision::deny, .commands = {"git.*"}}}),
            Decision::deny);
}

TEST(Policy, WhatIsForbiddenToGitAsAProgramIsSoAsACommand) {
  const auto under = [](const TaskCommand& command, Decision decision, Words argv) {
    return decided(command, kGitInDraft,
                   {{.name = "r", .decision = decision, .argv = {std::move(argv)}}});
  };
  const AwaitGitPush push{.branch = "main"};
  EXPECT_EQ(under(push, Decision::deny, {"git", "push"}), Decision::deny);
  EXPECT_EQ(under(push, Decision::deny, {"git", "push", "origin", "main"}), Decision::deny);
  EXPECT_EQ(under(push, Decision::deny, {"git", "commit"}), Decision::ask);
  EXPECT_EQ(under(AwaitGitCommit{}, Decision::ask, {"git", "add|commit"}), Decision::ask);
  EXPECT_EQ(under(AwaitGitAdd{.paths = {"a"}}, Decision::ask, {"git", "add", "a"}), Decision::ask);
  EXPECT_EQ(under(AwaitGitBranch{.action = GitBranchAction::change, .name = "x"}, Decision::ask,
                  {"git", "switch", "x"}),
            Decision::ask);
  EXPECT_EQ(
      under(AwaitGitBranch{.action = GitBranchAction::rewind}, Decision::ask, {"git", "reset"}),
      Decision::ask);
  EXPECT_EQ(decided(AwaitGitCommit{}, kGit,
                    {{.name = "r", .decision = Decision::allow, .argv = {{"git", "commit"}}}}),
            Decision::ask)
      << "what may run as a program may be something else";
}

TEST(Policy, PathsOfGitAreThoseThatTheCommandNames) {
  const auto add = [](Words paths, Decision decision) {
    return decided(AwaitGitAdd{.paths = std::move(paths)}, kGit,
                   {{.name = "r", .decision = decision, .paths = {"docs/**"}}});
  };
  EXPECT_EQ(add({"docs/a", "docs/b"}, Decision::allow), Decision::allow);
  EXPECT_EQ(add({"docs/a", "src/b"}, Decision::allow), Decision::ask);
  EXPECT_EQ(add({}, Decision::allow), Decision::ask) << "all is more than that";
  EXPECT_EQ(add({"src/a", "docs/b"}, Decision::deny), Decision::deny);
  EXPECT_EQ(add({}, Decision::deny), Decision::deny) << "all is that, too";
  EXPECT_EQ(add({"src", "./"}, Decision::deny), Decision::deny);
  EXPECT_EQ(decide(AwaitGitDiff{.paths = {"../x"}}, kGit, {}).rule,
            "built-in: outside the workspace");
}

TEST(Policy, ATaskOfADirectoryHasNoGit) {
  const Narrowing narrowing{.only = {}, .directory = "sub"};
  EXPECT_EQ(decide(AwaitGitStatus{}, kGit, {}, {.narrowing = narrowing}).decision, Decision::deny);
  EXPECT_EQ(
      decide(AwaitGitAdd{.paths = {"sub/a"}}, kGitInDraft, {}, {.narrowing = narrowing}).decision,
      Decision::deny);
}

// ---- requests over the network ----

const Facts kApi{.object = "https://api.example.com:443", .host = "api.example.com"};

Rule host_rule(Decision decision, Words hosts, Words methods = {}) {
  return {
      .name = "r", .decision = decision, .hosts = std::move(hosts), .methods = std::move(methods)};
}

Decision requested(std::string method, std::vector<Rule> rules) {
  return decided(AwaitHttp{.method = std::move(method)}, kApi, std::move(rules));
}

TEST(Policy, ARequestOverTheNetworkAsksInADraftToo) {
  EXPECT_EQ(decide(AwaitHttp{}, kApi, {}).rule, "default: requests over the network ask");
  Facts in_draft = kApi;
  in_draft.draft = TaskId{1};
  EXPECT_EQ(decided(AwaitHttp{}, in_draft, {}), Decision::ask);
}

TEST(Policy, ARequestIsMatchedByItsHostWithItsPortOrWithout) {
  for (const char* glob : {"api.example.com", "*.example.com", "api.example.com:443", "*:443", "*"})
    EXPECT_EQ(requested("GET", {host_rule(Decision::allow, {glob})}), Decision::allow) << glob;
  for (const char* glob :
       {"example.com", "api.example.com:80", "api.example", "*.example.com:8443", "https:*"})
    EXPECT_EQ(requested("GET", {host_rule(Decision::allow, {glob})}), Decision::ask) << glob;
  EXPECT_EQ(decided(AwaitHttp{}, {}, {host_rule(Decision::deny, {"*"})}), Decision::ask)
      << "nobody is talked to";
}

TEST(Policy, ARequestIsMatchedByItsMethod) {
  const std::vector<Rule> reads{host_rule(Decision::allow, {"*.example.com"}, {"GET", "HEAD"})};
  EXPECT_EQ(requested("GET", reads), Decision::allow);
  EXPECT_EQ(requested("POST", reads), Decision::ask);
  EXPECT_EQ(requested("get", reads), Decision::ask);
  EXPECT_EQ(requested("POST", {host_rule(Decision::deny, {}, {"POST"})}), Decision::deny);
  EXPECT_EQ(decided(write("a"), {}, {host_rule(Decision::deny, {}, {"POST"})}), Decision::ask);
}

TEST(Policy, ATaskOfADirectoryCallsNoServerAndPatchesNothingElse) {
  const Rules all{.rules = {{.name = "all", .decision = Decision::allow, .commands = {"*"}}}};
  const Narrowing narrowing{.only = {}, .directory = "sub"};
  const Facts facts{.sandbox = "bubblewrap"};
  const auto narrowed_decision = [&](const TaskCommand& command) {
    return decide(command, facts, all, {.narrowing = narrowing}).decision;
  };
  const AwaitTool call{.server = "s", .tool = "t"};
  EXPECT_EQ(decide(call, facts, all).decision, Decision::allow);
  EXPECT_EQ(narrowed_decision(call), Decision::deny);
  const auto patch = [](std::string from, std::string to) {
    return AwaitFilePatch{.files = {{.path = std::move(from), .to = std::move(to)}}};
  };
  EXPECT_EQ(narrowed_decision(patch("sub/a", "sub/a")), Decision::allow);
  EXPECT_EQ(narrowed_decision(patch("sub/a", "b")), Decision::deny);
  EXPECT_EQ(narrowed_decision(patch("", "subs/b")), Decision::deny);
}

TEST(Policy, HostsOfAModelMustAllBeAllowedAndOneIsEnoughToDeny) {
  const Facts both{.object = "m at https://a.example, https://b.example",
                   .host = "a.example b.example"};
  const AwaitLLMResponse call;
  EXPECT_EQ(decide(call, both, {.rules = {host_rule(Decision::deny, {"b.example"})}}).decision,
            Decision::deny);
  EXPECT_EQ(decide(call, both, {.rules = {host_rule(Decision::allow, {"b.example"})}}).rule,
            "default: model calls run");
  EXPECT_EQ(decide(call, both, {.rules = {host_rule(Decision::allow, {"*.example"})}}).rule, "r");
}

}  // namespace
}  // namespace tinkerbell

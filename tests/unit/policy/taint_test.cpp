#include "tinkerbell/policy/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// What a task has taken in, and what that means for what it asks (HAZARDS S80, S81).

namespace tinkerbell {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kSecretFiles = usual_secret_files();

Taint after(const TaskCommand& command, const Result<Reply>& outcome) {
  Taint taint;
  take_in(taint, command, outcome, kSecretFiles);
  return taint;
}

template <class Command>
Taint after(const Command& command) {
  return after(command, Reply(typename Command::Reply{}));
}

TEST(Taint, S81_WhateverComesFromOutsideTheDaemonMayBeTheWordsOfOthers) {
  EXPECT_TRUE(after(AwaitFileRead{.path = "a"}).outside);
  EXPECT_TRUE(after(AwaitFileList{}).outside) << "names of files are words, too";
  EXPECT_TRUE(after(AwaitFileSearch{}).outside);
  EXPECT_TRUE(after(AwaitFileStat{}).outside);
  EXPECT_TRUE(after(AwaitFileEdit{}).outside) << "its error shows lines of the file";
  EXPECT_TRUE(after(AwaitFilePatch{}).outside);
  EXPECT_TRUE(after(AwaitProcess{.argv = {"git", "log"}}).outside);
  EXPECT_TRUE(after(AwaitHttp{}).outside);
  EXPECT_TRUE(after(AwaitTool{}).outside);
  EXPECT_TRUE(after(AwaitToolList{}).outside) << "descriptions of tools";
  EXPECT_TRUE(after(AwaitSkill{}).outside);
  EXPECT_TRUE(after(AwaitContentRead{}).outside);
  EXPECT_TRUE(after(Receive{}).outside) << "another task may be misled";
  EXPECT_TRUE(after(Join{}).outside);
  EXPECT_TRUE(after(Wait{}).outside);
  EXPECT_TRUE(after(AwaitProcess{.argv = {"make"}}, Error{Errc::timed_out, "its output"}).outside);
}

TEST(Taint, WhatTheOperatorTheDaemonOrTheModelSaysIsNot) {
  EXPECT_EQ(after(AwaitUserAnswer{}), Taint{});
  EXPECT_EQ(after(Hear{}), Taint{});
  EXPECT_EQ(after(Now{}), Taint{});
  EXPECT_EQ(after(Spawn{}), Taint{});
  EXPECT_EQ(after(AwaitFileWrite{.path = ".env"}), Taint{});
  EXPECT_EQ(after(AwaitLLMResponse{}), Taint{.model = true});
  EXPECT_EQ(after(AwaitFileRead{.path = ".env"}, Error{Errc::denied, "the rule forbids this"}),
            Taint{.secrets = true})
      << "a refusal has no words of others";
}

TEST(Taint, GuidanceCountsIfThereIsAny) {
  EXPECT_FALSE(after(AwaitGuidance{}).outside);
  AwaitGuidance::Reply read;
  read.instructions.emplace_back();
  EXPECT_TRUE(after(AwaitGuidance{}, Reply(read)).outside);
  read = {};
  read.notes.emplace_back();
  EXPECT_TRUE(after(AwaitGuidance{}, Reply(read)).outside);
  read = {};
  read.skills.emplace_back();
  EXPECT_TRUE(after(AwaitGuidance{}, Reply(read)).outside);
}

TEST(Taint, OfSeveralCommandsAtOnceEachCounts) {
  const Json read = Json::object({{"path", "config/.env"}});
  const Together both{.parts = {{.name = "time.now", .arguments = Json::object()},
                                {.name = "file.read", .arguments = read}}};
  Together::Reply done{.parts = {{.reply = reply_json(Reply(Now::Reply{}))},
                                 {.reply = reply_json(Reply(AwaitFileRead::Reply{"KEY=1"}))}}};
  EXPECT_EQ(after(both, Reply(done)), (Taint{.outside = true, .secrets = true}));
  EXPECT_EQ(after(both, Error{Errc::cancelled, ""}), Taint{});
}

TEST(Taint, FilesOfSecretsAreKnownByTheirNames) {
  const auto reads = [](std::string path) {
    return after(AwaitFileRead{.path = std::move(path)}).secrets;
  };
  EXPECT_TRUE(reads(".env"));
  EXPECT_TRUE(reads("./a/../.env"));
  EXPECT_TRUE(reads("deploy/.env.production"));
  EXPECT_TRUE(reads("certs/server.pem"));
  EXPECT_TRUE(reads("home/.ssh/config"));
  EXPECT_FALSE(reads(".env.example"));
  EXPECT_FALSE(reads("src/environment.cpp"));
  EXPECT_TRUE(after(AwaitFileMove{.path = ".env", .to = "a.txt"}).secrets) << "to be read there";
  EXPECT_FALSE(after(AwaitFileStat{.path = ".env"}).secrets);
}

TEST(Taint, AFileOfSecretsIsOneByWhateverNameItIsReached) {
  AwaitFileRead::Reply by_link{"KEY=1"};
  by_link.found_at = "deploy/.env";
  EXPECT_TRUE(after(AwaitFileRead{.path = "notes.md"}, Reply(by_link)).secrets);
  EXPECT_TRUE(after(AwaitFileMove{.path = "home/.aws", .to = "aws"}).secrets);
  EXPECT_TRUE(after(AwaitProcess{.argv = {"tar", "cf", "-", ".aws"}}).secrets);
  EXPECT_TRUE(after(AwaitProcess{.argv = {"cat", "credentials"}, .cwd = ".aws"}).secrets);
  EXPECT_TRUE(after(AwaitSkill{.name = "s", .file = "secrets.txt"}).secrets);
  EXPECT_FALSE(after(AwaitProcess{.argv = {"ls", "src"}, .cwd = "docs"}).secrets);
}

TEST(Taint, AProgramThatIsGivenAFileOfSecretsMayShowIt) {
  const auto runs = [](std::vector<std::string> argv) {
    return after(AwaitProcess{.argv = std::move(argv)}).secrets;
  };
  EXPECT_TRUE(runs({"cat", ".env"}));
  EXPECT_TRUE(runs({"sh", "-c", "base64<deploy/.env|rev"}));
  EXPECT_TRUE(runs({"docker", "run", "--env-file=.env", "x"}));
  EXPECT_FALSE(runs({"make", "test"}));
}

TEST(Taint, ASearchThatShowsALineOfAFileOfSecretsHasReadIt) {
  AwaitFileSearch::Reply found;
  found.matches.push_back({.path = "src/main.cpp"});
  EXPECT_FALSE(after(AwaitFileSearch{.text = "KEY"}, Reply(found)).secrets);
  found.matches.push_back({.path = "deploy/.env"});
  EXPECT_TRUE(after(AwaitFileSearch{.text = "KEY"}, Reply(found)).secrets);
}

TEST(Taint, ADiffThatShowsAFileOfSecretsHasReadIt) {
  AwaitGitDiff::Reply diff;
  diff.files.push_back({.path = "src/main.cpp"});
  EXPECT_EQ(after(AwaitGitDiff{}, Reply(diff)), Taint{.outside = true});
  diff.files.push_back({.path = ".env"});
  EXPECT_TRUE(after(AwaitGitDiff{}, Reply(diff)).secrets);
  diff.files = {{.path = "example", .from = ".env"}};
  EXPECT_TRUE(after(AwaitGitDiff{}, Reply(diff)).secrets) << "what it was renamed from";
}

constexpr Taint kMisled{.model = true, .outside = true};
constexpr Taint kMisledWithSecrets{.model = true, .outside = true, .secrets = true};

class TaintedVerdict : public testing::Test {
 protected:
  [[nodiscard]] Verdict verdict(const TaskCommand& command, const Facts& facts,
                                const Taint& taint) const {
    return decide(command, facts, rules, {.taint = taint});
  }

  [[nodiscard]] Decision of_request(const Taint& taint) const {
    return verdict(AwaitHttp{}, request, taint).decision;
  }

  Rules rules{.rules = {{.name = "the api", .decision = Decision::allow, .commands = {"*"}}}};
  Facts request{.object = "https://api.example:443", .host = "api.example"};
};

TEST_F(TaintedVerdict, S80_WhatReachesOutAsksEvenWhereARuleAllowsIt) {
  EXPECT_EQ(of_request({}), Decision::allow);
  EXPECT_EQ(of_request({.outside = true}), Decision::allow) << "no model wishes it";
  EXPECT_EQ(of_request({.model = true}), Decision::allow) << "it has read nothing";
  EXPECT_EQ(of_request(kMisled), Decision::ask);
  EXPECT_THAT(explained(verdict(AwaitHttp{}, request, kMisled)),
              HasSubstr("not allowed by \"the api\": its model has read what others may have"));
}

TEST_F(TaintedVerdict, ARuleMaySayThatItHoldsAllTheSame) {
  rules.rules[0].tainted = true;
  EXPECT_EQ(of_request(kMisled), Decision::allow);
}

TEST_F(TaintedVerdict, S80_WhatHasReadSecretsSendsNothingOutWhateverTheRulesSay) {
  rules.rules[0].tainted = true;
  EXPECT_EQ(of_request(kMisledWithSecrets), Decision::deny);
  EXPECT_EQ(of_request({.model = true, .secrets = true}), Decision::allow);
}

TEST_F(TaintedVerdict, WhatStaysInsideIsJudgedAsEver) {
  for (const Taint& taint : {Taint{}, kMisled, kMisledWithSecrets}) {
    EXPECT_EQ(verdict(AwaitFileWrite{.path = "a"}, {}, taint).decision, Decision::allow);
    EXPECT_EQ(verdict(AwaitFileRead{.path = "a"}, {}, taint).decision, Decision::allow);
    const AwaitTool call{.server = "notes", .tool = "search"};
    EXPECT_EQ(verdict(call, {.sandbox = "bubblewrap"}, taint).decision, Decision::allow);
    const AwaitLLMResponse model;
    EXPECT_EQ(verdict(model, {.host = "models.example"}, taint).decision, Decision::allow);
  }
}

TEST_F(TaintedVerdict, APushReachesOut) {
  rules.rules[0].commands = {"git.push"};
  EXPECT_EQ(verdict(AwaitGitPush{}, {}, {}).decision, Decision::allow);
  EXPECT_EQ(verdict(AwaitGitPush{}, {}, kMisled).decision, Decision::ask);
  EXPECT_EQ(verdict(AwaitGitPush{}, {}, kMisledWithSecrets).decision, Decision::deny);
}

TEST_F(TaintedVerdict, AServerWithTheNetworkAndAProgramWithoutSandboxReachOut) {
  const AwaitTool call{.server = "mail", .tool = "send"};
  const Facts with_network{.sandbox = "bubblewrap", .host = "*"};
  EXPECT_EQ(verdict(call, with_network, {}).decision, Decision::allow);
  EXPECT_EQ(verdict(call, with_network, kMisled).decision, Decision::ask);
  EXPECT_EQ(verdict(call, with_network, kMisledWithSecrets).decision, Decision::deny);
  const AwaitProcess program{.argv = {"make"}};
  rules.rules[0].argv = {{"make"}};
  const auto run = [&](std::string_view sandbox, const Taint& taint) {
    const Facts facts{.object = "/usr/bin/make", .sandbox = std::string(sandbox)};
    return verdict(program, facts, taint).decision;
  };
  EXPECT_EQ(run("bubblewrap", {}), run("bubblewrap", kMisled));
  EXPECT_EQ(run(kNoSandbox, kMisled), Decision::ask);
  EXPECT_EQ(run(kNoSandbox, kMisledWithSecrets), Decision::deny);
}

}  // namespace
}  // namespace tinkerbell

#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"
#include "support/temp_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tinkerbell {
namespace {

/// Programs that stand in for those of a desktop and a telephone.
class OutreachPrograms : public testing::Test {
 protected:
  OutreachPrograms() {
    path_ = std::getenv("PATH");
    EXPECT_EQ(::setenv("PATH", ((home / "bin").string() + ":" + path_).c_str(), 1), 0);
  }

  ~OutreachPrograms() override { EXPECT_EQ(::setenv("PATH", path_.c_str(), 1), 0); }

  [[nodiscard]] std::string program(const std::string& name, const std::string& script) const {
    home.write(name, "#!/bin/sh\ncd " + home.path().string() + "\n" + script);
    EXPECT_EQ(::chmod((home / name).c_str(), 0755), 0);
    return home / name;
  }

  [[nodiscard]] std::string config(const std::string& more) const {
    return config_for(model, usual_sandbox()) + more;
  }

  static std::string example(const std::string& name) {
    return std::string(TINKERBELL_EXAMPLES) + "/outreach/" + name;
  }

  TempDir home;
  ScriptedLlm model{[](const LlmRequest& request) {
    return request.turn() > 0 ? calls("finish", {{"summary", "done"}})
                              : calls("write_file", {{"path", "a<b>.txt"}, {"content", "x"}});
  }};

 private:
  std::string path_;
};

constexpr std::string_view kApproves = "jq -c '{answer: \"approve\", hash: .hash}'\n";

TEST_F(OutreachPrograms, AnswerQuestionsAndAreNamedAsWhoDid) {
  const std::string ask = program("ask", std::string(kApproves));
  RealDaemon daemon(config("[ask]\ncommand = [\"" + ask + "\"]\n"));
  daemon.start();
  EXPECT_EQ(daemon.wait_for_end(daemon.run("write")).at("state"), "completed");
  const Json decided = daemon.curl("/v1/approvals/a1").body;
  EXPECT_EQ(decided.at("state"), "approved");
  EXPECT_NE(decided.at("decided_by").get<std::string>().find("(program " + ask + ")"),
            std::string::npos);
}

TEST_F(OutreachPrograms, AreAskedAgainAfterAKillAndHumansMayBeFaster) {
  const std::string ask = program("ask", "echo asked >> times\nif [ -e ready ]; then\n" +
                                             std::string(kApproves) + "else sleep 1000; fi\n");
  RealDaemon daemon(config("[ask]\ncommand = [\"" + ask + "\"]\n"));
  daemon.start();
  const std::uint64_t first = daemon.run("write");
  (void)daemon.wait_for_question(first);
  ASSERT_TRUE(wait_until([&] { return home.read("times") == "asked\n"; }));
  EXPECT_EQ(daemon.cli({"deny", "a1"}).exit, 0);
  EXPECT_EQ(daemon.wait_for_end(first).at("state"), "completed");
  const std::uint64_t second = daemon.run("write");
  (void)daemon.wait_for_question(second);
  ASSERT_TRUE(wait_until([&] { return home.read("times") == "asked\nasked\n"; }));
  daemon.kill9();
  home.write("ready", "");
  daemon.start();
  EXPECT_EQ(daemon.wait_for_end(second).at("state"), "completed");
  EXPECT_EQ(daemon.curl("/v1/approvals/a2").body.at("state"), "approved");
}

TEST_F(OutreachPrograms, OfTheExamplesTellTheDesktopAndTheTelephone) {
  (void)program("bin/notify-send",
                "for word; do echo \"$word\"; done > shown.new; mv shown.new shown\n");
  RealDaemon daemon(config("[notify]\ncommand = [\"" + example("notify-desktop") + "\"]\n"));
  daemon.start();
  (void)daemon.wait_for_question(daemon.run("write"));
  ASSERT_TRUE(wait_until([&] { return !home.read("shown").empty(); })) << daemon.log();
  EXPECT_EQ(home.read("shown"),
            "--app-name=tinkerbell\n--urgency=critical\n--\nTinkerbell asks: a1\n"
            "write a&lt;b&gt;.txt (1 byte)\n");
}

TEST_F(OutreachPrograms, OfTheExamplesAskOnTheTelephone) {
  home.write("ntfy", "NTFY_URL=https://ntfy.test NTFY_TOPIC=mine NTFY_TOKEN=t ANSWER_TOKEN=a\n");
  // The server: it keeps what is pushed, and says what another and then this question's button did.
  (void)program("bin/curl",
                "case \"$*\" in\n"
                "  *poll=1*) echo \"approve 1234\"; echo \"deny $(cat hash) really\"\n"
                "            echo \"approve $(cat hash)\" ;;\n"
                "  *) cat > pushed; jq -r '.actions[0].body' pushed | cut -d' ' -f2 > hash ;;\n"
                "esac\n");
  RealDaemon daemon(config("[ask]\ncommand = [\"" + example("ask-ntfy") + "\", \"" +
                           (home / "ntfy").string() + "\"]\n[notify]\ncommand = [\"" +
                           example("notify-ntfy") + "\", \"" + (home / "ntfy").string() +
                           "\"]\non = [\"failed\"]\n"));
  daemon.start();
  EXPECT_EQ(daemon.wait_for_end(daemon.run("write")).at("state"), "completed");
  EXPECT_EQ(daemon.file("a<b>.txt"), "x");
  const Result<Json> pushed = parse_json(home.read("pushed"));
  ASSERT_TRUE(pushed);
  EXPECT_EQ(pushed->at("topic"), "mine");
  EXPECT_NE(pushed->at("message").get<std::string>().find("a<b>.txt"), std::string::npos);
}

}  // namespace
}  // namespace tinkerbell

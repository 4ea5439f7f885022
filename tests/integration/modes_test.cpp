#include "support/real_daemon.hpp"
#include "support/scripted_llm.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace tinkerbell {
namespace {

class ScopedUmask {
 public:
  explicit ScopedUmask(mode_t mask) : before_(::umask(mask)) {}

  ScopedUmask(const ScopedUmask&) = delete;
  ScopedUmask& operator=(const ScopedUmask&) = delete;

  ~ScopedUmask() { ::umask(before_); }

 private:
  mode_t before_;
};

mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

LlmReply reply_in(const LlmRequest& request) {
  switch (request.turn()) {
    case 0:
      return calls("write_file", {{"path", "new/written"}, {"content", "x"}});
    case 1:
      return calls("run_program", {{"argv", {"touch", "made"}}});
    default:
      return calls("finish", {{"summary", "done"}});
  }
}

TEST(Modes, WhatAgentsMakeIsReadableAsTheUmaskSaysAndOurStateIsPrivate) {
  const ScopedUmask usual(0022);
  ScriptedLlm model(reply_in);
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  daemon.wait_for_end(daemon.run("make files", true));
  EXPECT_EQ(mode_of(daemon.workspace() + "/new"), 0755U);
  EXPECT_EQ(mode_of(daemon.workspace() + "/new/written"), 0644U);
  EXPECT_EQ(mode_of(daemon.workspace() + "/made"), 0644U);
  EXPECT_EQ(mode_of(daemon.state_dir()), 0700U);
  for (const auto& entry : std::filesystem::directory_iterator(daemon.state_dir()))
    EXPECT_EQ(mode_of(entry.path()) & 0077U, 0U) << entry.path();
}

TEST(Modes, NobodyElseMayChangeWhatAgentsMake) {
  const ScopedUmask open(0);
  ScriptedLlm model(reply_in);
  RealDaemon daemon(config_for(model, usual_sandbox()));
  daemon.start();
  daemon.wait_for_end(daemon.run("make files", true));
  EXPECT_EQ(mode_of(daemon.workspace() + "/new/written"), 0664U);
  EXPECT_EQ(mode_of(daemon.workspace() + "/made"), 0664U);
}

}  // namespace
}  // namespace tinkerbell

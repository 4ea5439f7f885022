#include "cli/exit_code.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace tinkerbell::cli {
namespace {

TEST(ExitCode, OfARequestTellsAScriptWhatToDo) {
  EXPECT_EQ(exit_code_of(Errc::not_found), ExitCode{3});
  EXPECT_EQ(exit_code_of(Errc::invalid), ExitCode{65});
  EXPECT_EQ(exit_code_of(Errc::unavailable), ExitCode{69});
  EXPECT_EQ(exit_code_of(Errc::internal), ExitCode{70});
  EXPECT_EQ(exit_code_of(Errc::io), ExitCode{74});
  EXPECT_EQ(exit_code_of(Errc::rate_limited), ExitCode{75});
  EXPECT_EQ(exit_code_of(Errc::unsupported), ExitCode{76});
  EXPECT_EQ(exit_code_of(Errc::denied), ExitCode{77});
  EXPECT_EQ(exit_code_of(Errc::timed_out), ExitCode{124});
}

TEST(ExitCode, OfARequestThatFailedIsNeverZero) {
  for (std::size_t i = 0; i < kNames<Errc>.size(); ++i)
    EXPECT_NE(exit_code_of(static_cast<Errc>(i)), ExitCode::ok) << kNames<Errc>[i];
}

TEST(ExitCode, OfATaskSaysHowItEnded) {
  const auto code_of = [](std::string state, std::string error) {
    protocol::TaskView task{.state = std::move(state)};
    if (!error.empty()) task.error = protocol::ErrorBody{.code = std::move(error), .message = ""};
    return exit_code_of(task);
  };
  EXPECT_EQ(code_of("completed", ""), ExitCode{0});
  EXPECT_EQ(code_of("failed", ""), ExitCode{1});
  EXPECT_EQ(code_of("failed", "timed_out"), ExitCode{1});
  EXPECT_EQ(code_of("failed", "denied"), ExitCode{5});
  EXPECT_EQ(code_of("failed", "exhausted"), ExitCode{6});
  EXPECT_EQ(code_of("diverged", ""), ExitCode{1});
  EXPECT_EQ(code_of("cancelled", "cancelled"), ExitCode{130});
}

}  // namespace
}  // namespace tinkerbell::cli

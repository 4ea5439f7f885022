#include "cli/asker.hpp"

#include "unit/cli/fake_daemon.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <sstream>

namespace tinkerbell::cli {
namespace {

/// Output that another thread may wait for.
class WatchedOutput final : public std::stringbuf {
 public:
  /// Whether `text` has been written within ten seconds.
  [[nodiscard]] bool waits_for(std::string_view text) {
    std::unique_lock lock(mutex_);
    return written_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return text_.find(text) != std::string::npos; });
  }

 protected:
  std::streamsize xsputn(const char* bytes, std::streamsize count) override {
    const std::scoped_lock lock(mutex_);
    text_.append(bytes, static_cast<std::size_t>(count));
    written_.notify_all();
    return count;
  }

  int overflow(int byte) override {
    const char one = static_cast<char>(byte);
    return xsputn(&one, 1) == 1 ? byte : traits_type::eof();
  }

 private:
  std::mutex mutex_;
  std::condition_variable written_;
  std::string text_;
};

class AskerTest : public ::testing::Test {
 protected:
  AskerTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    input_.reset(ends[0]);
    keyboard_.reset(ends[1]);
    asker_.emplace(
        screen_, input_.get(),
        [this](ApprovalId id, const protocol::DecisionRequest& what) { return decide_(id, what); });
  }

  void type(std::string_view line) const {
    EXPECT_EQ(write(keyboard_.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }

  WatchedOutput written_;
  std::ostream out_{&written_};
  Screen screen_{out_, Terminal{.is_terminal = true, .columns = 80}};
  UniqueFd input_;
  UniqueFd keyboard_;
  std::function<Result<protocol::DecisionView>(ApprovalId, protocol::DecisionRequest)> decide_ =
      [](ApprovalId id, const protocol::DecisionRequest& what) {
        const bool yes = what.answer == protocol::Answer::approve;
        return protocol::DecisionView{
            .id = id, .state = yes ? "approved" : "denied", .by = "uid 1000"};
      };
  std::optional<Asker> asker_;
};

TEST_F(AskerTest, SendsTheAnswerToTheDaemon) {
  asker_->ask(approval_a3());
  ASSERT_TRUE(written_.waits_for("Approve a3?"));
  type("y\n");
  EXPECT_TRUE(written_.waits_for("a3 was approved by uid 1000\n"));
}

TEST_F(AskerTest, AnOutcomeIsAnsweredWithALetterAndNeverWithYes) {
  decide_ = [](ApprovalId id, const protocol::DecisionRequest& what) {
    return protocol::DecisionView{
        .id = id, .state = std::string(name_of(*what.answer)), .by = "uid 1000"};
  };
  protocol::ApprovalView approval = approval_a3();
  approval.kind = "outcome";
  asker_->ask(approval);
  ASSERT_TRUE(written_.waits_for("What became of a3?"));
  type("yes\n");
  ASSERT_TRUE(written_.waits_for("please answer h, r, a or s\n"));
  type("h\n");
  EXPECT_TRUE(written_.waits_for("a3 was resolved as happened by uid 1000\n"));
}

TEST_F(AskerTest, AsksAgainWhenItDoesNotUnderstand) {
  asker_->ask(approval_a3());
  type("perhaps\n");
  EXPECT_TRUE(written_.waits_for("please answer y, t, n or s\nApprove a3?"));
}

TEST_F(AskerTest, AsksOneQuestionAfterTheOther) {
  protocol::ApprovalView next = approval_a3();
  next.id = ApprovalId{4};
  asker_->ask(approval_a3());
  asker_->ask(next);
  type("n\n");
  ASSERT_TRUE(written_.waits_for("a3 was denied by uid 1000\n"));
  ASSERT_TRUE(written_.waits_for("Approve a4?"));
  type("y\n");
  EXPECT_TRUE(written_.waits_for("a4 was approved by uid 1000\n"));
}

TEST_F(AskerTest, TellsWhenAnotherTerminalWasFaster) {
  asker_->ask(approval_a3());
  asker_->withdraw({.id = ApprovalId{3}, .state = "denied", .by = "uid 0"});
  EXPECT_TRUE(
      written_.waits_for("Approve a3? [y]es, for this [t]ask, [n]o or n WHY, [s]how "
                         "again: \r\x1b[Ka3 was denied by uid 0\n"));
}

TEST_F(AskerTest, TellsWhoDecidedWhenTheDaemonRefuses) {
  decide_ = [](ApprovalId, const protocol::DecisionRequest&) {
    return Error{Errc::conflict, "a3 was denied by uid 0 at 20:33"};
  };
  asker_->ask(approval_a3());
  type("y\n");
  EXPECT_TRUE(written_.waits_for("a3: a3 was denied by uid 0 at 20:33\n"));
}

TEST_F(AskerTest, KeepsTheQuestionWhileTheDaemonIsAway) {
  decide_ = [](ApprovalId, const protocol::DecisionRequest&) {
    return Error{Errc::unavailable, "not running"};
  };
  asker_->ask(approval_a3());
  type("y\n");
  EXPECT_TRUE(written_.waits_for("a3: not running\nApprove a3?"));
}

TEST_F(AskerTest, PointsToTheVerbsWhenTheKeyboardIsGone) {
  asker_->ask(approval_a3());
  keyboard_.reset();
  EXPECT_TRUE(written_.waits_for("not answered: `tinkerbell approve a3` or `tinkerbell deny a3`"));
}

}  // namespace
}  // namespace tinkerbell::cli

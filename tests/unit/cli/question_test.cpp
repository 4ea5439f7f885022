#include "cli/question.hpp"

#include "unit/cli/fake_daemon.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tinkerbell::cli {
namespace {

using ::testing::HasSubstr;

protocol::DecisionRequest decision(const Question& question, std::string_view typed) {
  const Question::Meaning meaning = question.understand(typed);
  EXPECT_TRUE(std::holds_alternative<protocol::DecisionRequest>(meaning)) << typed;
  return std::get<protocol::DecisionRequest>(meaning);
}

bool repeats(const Question& question, std::string_view typed) {
  return std::holds_alternative<Question::Repeat>(question.understand(typed));
}

Question shown(protocol::ApprovalView approval) {
  Question question(std::move(approval), 24, 80);
  EXPECT_FALSE(question.next_page().empty());
  EXPECT_TRUE(question.fully_shown());
  return question;
}

TEST(Question, ShowsItsCardInAFrame) {
  Question question(approval_a3(), 24, 80);
  EXPECT_EQ(question.next_page(),
            "│ ? approval a3  run ./test.sh\n"
            "│   for task 12\n"
            "│   by rule: cautious/programs\n"
            "│ run a program\n"
            "│   ./test.sh\n"
            "│ sandbox: bubblewrap");
  EXPECT_EQ(question.next_page(), "");
  EXPECT_EQ(question.prompt(), "Approve a3? [y]es, for this [t]ask, [n]o or n WHY, [s]how again: ");
}

TEST(Question, BindsItsAnswerToWhatWasShown) {
  const Question question = shown(approval_a3());
  const protocol::DecisionRequest once = decision(question, " y ");
  EXPECT_EQ(once, (protocol::DecisionRequest{.answer = protocol::Answer::approve,
                                             .hash = approval_a3().hash}));
  EXPECT_EQ(decision(question, "task").scope, protocol::Scope::task);
  const protocol::DecisionRequest no = decision(question, "n  it is late ");
  EXPECT_EQ(no.answer, protocol::Answer::deny);
  EXPECT_EQ(no.text, "it is late");
}

TEST(Question, ShowsTheRuleThatAnApprovalForGoodWouldMake) {
  protocol::ApprovalView approval = approval_a3();
  approval.always = "run ./test.sh, these words";
  Question question(approval, 24, 80);
  EXPECT_NE(question.next_page().find("│   always: run ./test.sh, these words\n"),
            std::string::npos);
  EXPECT_EQ(question.prompt(),
            "Approve a3? [y]es, for this [t]ask, [a]lways, [n]o or n WHY, [s]how again: ");
  EXPECT_EQ(decision(question, "a").scope, protocol::Scope::always);
  EXPECT_EQ(decision(question, "always").hash, approval.hash);
}

TEST(Question, OffersNoApprovalForGoodThatMakesNoRule) {
  protocol::ApprovalView approval = approval_a3();
  approval.always_not = "it sets environment variables";
  Question question(approval, 24, 80);
  EXPECT_NE(question.next_page().find("always: not possible: it sets environment variables"),
            std::string::npos);
  EXPECT_TRUE(repeats(question, "a"));
}

TEST(Question, TakesOnlyWhatItOffersForAnAnswer) {
  const Question question = shown(approval_a3());
  for (const char* typed : {"", "maybe", "yy", "Y N", "yes please", "\x1b[A"})
    EXPECT_TRUE(repeats(question, typed)) << typed;
  EXPECT_TRUE(std::holds_alternative<Question::ShowAgain>(question.understand("s")));
}

TEST(Question, CorrectsWithWhatItOffers) {
  const auto correction = [](const protocol::ApprovalView& approval) {
    return std::get<Question::Repeat>(shown(approval).understand("maybe")).why;
  };
  protocol::ApprovalView of_task = approval_a3();
  of_task.kind = "question";
  EXPECT_EQ(correction(approval_a3()), "please answer y, t, n or s");
  EXPECT_EQ(correction(of_task), "please answer y, n or s");
}

TEST(Question, S29_ALongCardMustBeShownWholeBeforeItIsApproved) {
  protocol::ApprovalView approval = approval_a3();
  approval.card = std::string(90'000, ' ') + "rm -rf ~" + std::string(12'392, ' ');
  ASSERT_EQ(approval.card.size(), 102'400U);
  Question question(approval, 24, 80);
  EXPECT_FALSE(question.next_page().empty());
  EXPECT_THAT(question.prompt(), HasSubstr("102400 bytes, not fully shown"));
  EXPECT_TRUE(repeats(question, "y"));
  EXPECT_TRUE(repeats(question, "t"));
  EXPECT_TRUE(std::holds_alternative<Question::ShowMore>(question.understand("")));
  EXPECT_EQ(decision(question, "n").answer, protocol::Answer::deny);

  std::string all;
  for (std::string page = question.next_page(); !page.empty(); page = question.next_page())
    all += page;
  EXPECT_THAT(all, HasSubstr("rm -rf ~"));
  EXPECT_EQ(decision(question, "y").answer, protocol::Answer::approve);

  question.rewind();
  EXPECT_TRUE(repeats(question, "y"));
}

TEST(Question, OfAnOutcomeHasThreeAnswersAndYesIsNoneOfThem) {
  protocol::ApprovalView approval = approval_a3();
  approval.kind = "outcome";
  const Question question = shown(approval);
  EXPECT_EQ(question.prompt(),
            "What became of a3? [h]appened, [r]un again, [a]bort, [s]how again: ");
  for (const char* typed : {"", "y", "yes", "t", "n", "run"})
    EXPECT_TRUE(repeats(question, typed)) << typed;
  EXPECT_EQ(
      decision(question, "h"),
      (protocol::DecisionRequest{.answer = protocol::Answer::happened, .hash = approval.hash}));
  EXPECT_EQ(decision(question, "run again").answer, protocol::Answer::run_again);
  EXPECT_EQ(decision(question, "a").answer, protocol::Answer::abort);
  EXPECT_TRUE(std::holds_alternative<Question::ShowAgain>(question.understand("s")));
}

TEST(Question, S29_OfAnOutcomeMustBeShownWholeBeforeItIsResolved) {
  protocol::ApprovalView approval = approval_a3();
  approval.kind = "outcome";
  approval.card.assign(100 * 1024, 'x');
  Question question(approval, 24, 80);
  EXPECT_FALSE(question.next_page().empty());
  EXPECT_THAT(question.prompt(), HasSubstr("[Enter] shows more, [a]bort: "));
  EXPECT_TRUE(repeats(question, "h"));
  EXPECT_TRUE(repeats(question, "r"));
  EXPECT_EQ(decision(question, "a").answer, protocol::Answer::abort);
}

TEST(Question, ForWordsOffersItsChoicesAndTakesOtherWordsAsWell) {
  protocol::ApprovalView approval = approval_a3();
  approval.kind = "answer";
  approval.choices = {"blue", "red"};
  const Question question = shown(approval);
  EXPECT_EQ(question.prompt(), "Answer a3 (blue / red): ");
  EXPECT_TRUE(repeats(question, ""));
  const protocol::DecisionRequest request = decision(question, "n, green");
  EXPECT_EQ(request.answer, protocol::Answer::answer);
  EXPECT_EQ(request.text, "n, green");
}

TEST(Question, OfATaskItselfHasNoScope) {
  protocol::ApprovalView approval = approval_a3();
  approval.kind = "question";
  const Question question = shown(approval);
  EXPECT_TRUE(repeats(question, "t"));
  EXPECT_EQ(decision(question, "y").scope, protocol::Scope::once);
}

}  // namespace
}  // namespace tinkerbell::cli

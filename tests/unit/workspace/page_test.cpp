#include "unit/workspace/workspace_fixture.hpp"

#include "tinkerbell/base/text.hpp"

namespace tinkerbell {
namespace {

class PageTest : public WorkspaceTest {
 protected:
  [[nodiscard]] Result<AwaitFileRead::Reply> page(const AwaitFileRead& wanted) const {
    const Result<WorkspacePath> place = workspace_->resolve("a");
    if (!place) return place.error();
    return workspace_->read_page(*place, wanted, stop_.get_token());
  }

  [[nodiscard]] std::string refusal(const AwaitFileRead& wanted) const {
    const Result<AwaitFileRead::Reply> reply = page(wanted);
    return reply ? "" : reply.error().message;
  }

  std::stop_source stop_;
};

TEST_F(PageTest, BeginsAtALineAndSaysWhereTheNextOneDoes) {
  put("a", "one\ntwo\nthree\nfour");
  const auto middle = page({.line = 2, .lines_max = 2});
  ASSERT_TRUE(middle);
  EXPECT_EQ(middle->text, "two\nthree\n");
  EXPECT_EQ(middle->next_line, 4U);
  EXPECT_EQ(middle->next_column, 0U);
  EXPECT_EQ(middle->bytes, 18U);
  const auto last = page({.line = 4, .lines_max = 2});
  EXPECT_EQ(last->text, "four");
  EXPECT_EQ(last->next_line, 0U);
}

TEST_F(PageTest, IsWholeLinesThatFit) {
  put("a", "one\ntwo\nthree\n");
  const auto reply = page({.bytes_max = 10, .line = 1});
  EXPECT_EQ(reply->text, "one\ntwo\n");
  EXPECT_EQ(reply->next_line, 3U);
  EXPECT_EQ(page({.bytes_max = 14, .line = 1})->next_line, 0U);
}

TEST_F(PageTest, GoesOnWithinALineThatIsLongerThanAPage) {
  put("a", "x\n" + std::string(300'000, 'y') + "\u00e4z\n");
  std::string all;
  AwaitFileRead next{.bytes_max = 100'001, .line = 2};
  for (int pages = 0; pages < 5; ++pages) {
    const auto reply = page(next);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(valid_utf8(reply->text), reply->text);
    all += reply->text;
    next.line = reply->next_line;
    next.column = reply->next_column;
    if (reply->next_line == 0) break;
    EXPECT_EQ(reply->next_line, 2U);
    EXPECT_EQ(reply->next_column, all.size());
  }
  EXPECT_EQ(next.line, 0U);
  EXPECT_EQ(all, std::string(300'000, 'y') + "\u00e4z\n");
}

TEST_F(PageTest, OfAnEmptyFileIsEmpty) {
  put("a", "");
  const auto reply = page({.line = 1});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, "");
  EXPECT_EQ(reply->next_line, 0U);
}

TEST_F(PageTest, BeyondTheEndSaysWhereThatIs) {
  put("a", "one\ntwo\n");
  EXPECT_EQ(refusal({.line = 3}), "a has 2 lines");
  put("a", "one\ntwo");
  EXPECT_EQ(refusal({.line = 9}), "a has 2 lines");
  EXPECT_EQ(refusal({.line = 1, .column = 4}), "line 1 of a has 3 bytes");
  EXPECT_EQ(refusal({.line = 2, .column = 9}), "line 2 of a has 3 bytes");
  EXPECT_EQ(refusal({.line = 0}), "lines are counted from 1");
}

TEST_F(PageTest, FindsLinesBehindManyPiecesOfTheFile) {
  std::string text;
  for (int i = 1; i <= 200'000; ++i)
    text += "line " + std::to_string(i) + "\n";
  put("a", text);
  EXPECT_EQ(page({.line = 150'000, .lines_max = 1})->text, "line 150000\n");
}

TEST_F(PageTest, StopsWhenToldTo) {
  put("a", "x\n");
  stop_.request_stop();
  EXPECT_EQ(code(page({.line = 1})), Errc::cancelled);
}

}  // namespace
}  // namespace tinkerbell

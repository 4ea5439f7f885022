#include "tinkerbell/syscall/approvals.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tinkerbell {
namespace {

class Book : public testing::Test {
 protected:
  void open(std::uint64_t id, std::string card = "card") {
    Question question;
    question.id = ApprovalId{id};
    question.card = std::move(card);
    book.open(std::move(question), Lsn{0});
  }

  void answer(std::uint64_t id) {
    lsn = Lsn{number(lsn) + 1};
    book.answered(ApprovalId{id}, {.text = {}, .hash = {}, .by = {}}, WallTime{}, lsn);
    book.durable(lsn);
  }

  [[nodiscard]] bool remembers(std::uint64_t id) const {
    return book.find_answered(ApprovalId{id}) != nullptr;
  }

  ApprovalBook book;
  Lsn lsn{0};
};

TEST_F(Book, ForgetsTheOldestAnswerAndNotTheOldestQuestion) {
  for (std::uint64_t id = 1; id <= 1'001; ++id)
    open(id);
  for (std::uint64_t id = 2; id <= 1'001; ++id)
    answer(id);
  answer(1);  // it was open for long
  EXPECT_TRUE(remembers(1));
  EXPECT_FALSE(remembers(2));
  EXPECT_TRUE(remembers(3));
}

TEST_F(Book, DoesNotKeepLongCardsForEver) {
  for (std::uint64_t id = 1; id <= 3; ++id) {
    open(id, std::string(3 << 20, 'x'));
    answer(id);
  }
  EXPECT_FALSE(remembers(1));
  EXPECT_TRUE(remembers(2));
  EXPECT_TRUE(remembers(3));
}

TEST_F(Book, SaysWhoWasFasterOnlyWhileItRemembers) {
  open(1, std::string(9 << 20, 'x'));
  answer(1);
  EXPECT_EQ(book.find_unanswered(ApprovalId{1}).error().code, Errc::not_found);
  open(2);
  answer(2);
  EXPECT_EQ(book.find_unanswered(ApprovalId{2}).error().code, Errc::conflict);
}

}  // namespace
}  // namespace tinkerbell

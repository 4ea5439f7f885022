#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/completion.hpp"
#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/base/names.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/source_path.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace tinkerbell {
namespace {

// ---- Completion ----

/// Collects what a completion answers.
struct Answers {
  Completion<int> completion() {
    return Completion<int>([this](Result<int> result) {
      ++count;
      last = std::move(result);
    });
  }

  int count = 0;
  std::optional<Result<int>> last;
};

TEST(Completion, DeliversOnce) {
  Answers answers;
  {
    Completion<int> done = answers.completion();
    done(7);
    EXPECT_FALSE(done);
  }
  EXPECT_EQ(answers.count, 1);
  EXPECT_EQ(**answers.last, 7);
}

TEST(Completion, AnswersAbandonedWhenItIsDropped) {
  Answers answers;
  {
    const Completion<int> done = answers.completion();
  }
  ASSERT_EQ(answers.count, 1);
  EXPECT_EQ(answers.last->error().code, Errc::abandoned);
}

TEST(Completion, AnswersOnlyFromWhereItWasMovedTo) {
  Answers answers;
  {
    Completion<int> first = answers.completion();
    Completion<int> second = std::move(first);
    Completion<int> third;
    third = std::move(second);
    EXPECT_EQ(answers.count, 0);
    third(1);
  }
  EXPECT_EQ(answers.count, 1);
}

TEST(Completion, AnswersAbandonedWhenAnotherTakesItsPlace) {
  Answers old;
  Answers fresh;
  Completion<int> done = old.completion();
  done = fresh.completion();
  EXPECT_EQ(old.last->error().code, Errc::abandoned);
  EXPECT_EQ(fresh.count, 0);
  done(2);
}

TEST(Completion, MayBeReplacedWhileItDelivers) {
  Completion<int> done;
  int seen = 0;
  done = Completion<int>([&](Result<int> first) {
    seen += *first;
    done = Completion<int>([&](Result<int> second) { seen += *second; });
  });
  done(1);
  done(10);
  EXPECT_EQ(seen, 11);
}

// ---- Result and Error ----

TEST(Result, IsAValueOrAnError) {
  const Result<std::string> value = "text";
  ASSERT_TRUE(value);
  EXPECT_EQ(value->size(), 4U);
  const Result<std::string> error = Error{Errc::denied, "no"};
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code, Errc::denied);
  EXPECT_TRUE(Result<void>{});
  EXPECT_FALSE(Result<void>(Error{}));
}

TEST(Result, MovesItsValueOut) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 3);
}

TEST(ResultDeathTest, EndsTheProcessWhenAnErrorIsReadAsAValue) {
  const Result<int> result = Error{};
  EXPECT_DEATH((void)*result, "has_value");
}

TEST(Error, GainsContextOnItsWayUp) {
  EXPECT_EQ((Error{Errc::not_found, "no such file"}.with("open a").with("read")),
            (Error{Errc::not_found, "read: open a: no such file"}));
  const Error busy{Errc::unavailable, "busy", WallTime{std::chrono::seconds{7}}};
  EXPECT_EQ(busy.with("ask").retry_at, busy.retry_at);
}

TEST(Error, TranslatesWhatTheSystemSays) {
  EXPECT_EQ(os_error("open a", ENOENT).code, Errc::not_found);
  EXPECT_EQ(os_error("open a", EACCES).code, Errc::denied);
  EXPECT_EQ(os_error("open a", EXDEV).code, Errc::outside_workspace);
  EXPECT_EQ(os_error("open a", EIO).code, Errc::io);
  EXPECT_EQ(os_error("open a", ENOENT).message, "open a: No such file or directory");
}

TEST(Errc, HasANameForEveryCode) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kNames<Errc>.size(); ++i) {
    const auto code = static_cast<Errc>(i);
    EXPECT_EQ(value_named<Errc>(to_string(code)), code);
    names.insert(to_string(code));
  }
  EXPECT_EQ(names.size(), kNames<Errc>.size());
  EXPECT_EQ(to_string(Errc::unsupported), "unsupported");
  EXPECT_EQ(value_named<Errc>("no such name"), std::nullopt);
}

// ---- ids ----

TEST(TaskId, TellsDurableFromVolatileTasks) {
  EXPECT_TRUE(is_durable(TaskId{12}));
  EXPECT_FALSE(is_durable(kNoTask));
  EXPECT_FALSE(is_durable(TaskId{kVolatileBit | 12}));
  EXPECT_EQ(number(TaskId{12}), 12U);
}

TEST(CommandId, IsOrderedByTaskAndThenByNumber) {
  const CommandId id{TaskId{3}, Seq{7}};
  EXPECT_EQ(next(id.seq), Seq{8});
  EXPECT_LT(id, (CommandId{TaskId{3}, Seq{8}}));
  EXPECT_LT(id, (CommandId{TaskId{4}, Seq{1}}));
  EXPECT_EQ(std::hash<CommandId>{}(id), std::hash<CommandId>{}(CommandId{TaskId{3}, Seq{7}}));
}

// ---- time ----

TEST(Clock, WritesCalendarTimeAsTheStandardWantsIt) {
  EXPECT_EQ(rfc3339(WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(wall_from_unix_nanoseconds(1'795'379'615'123'999'999)),
            "2026-11-22T20:33:35.123Z");
}

TEST(SourcePath, BeginsAtTheSourceRoot) {
  EXPECT_STREQ(source_path("../../src/a.cpp"), "src/a.cpp");
  EXPECT_STREQ(source_path("src/../a.cpp"), "src/../a.cpp");
  EXPECT_STREQ(source_path(""), "");
}

}  // namespace
}  // namespace tinkerbell

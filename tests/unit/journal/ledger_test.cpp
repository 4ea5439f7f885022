#include "sqlite_files.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

/// What was spent, as the store keeps it. Damage: sqlite_damage_test.cpp.

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr WallTime kMidnight = std::chrono::sys_days(std::chrono::year(2026) / 11 / 26);
const std::int64_t kToday = utc_day(kMidnight);

Charge charge(std::uint64_t root, WallTime at, std::string model, std::uint64_t tokens) {
  return {.root = TaskId{root},
          .at = at,
          .model = std::move(model),
          .spent = {.calls = 1, .tokens_in = tokens, .cost = Money::of_trillionths(5)}};
}

LedgerLine line(std::uint64_t root, std::int64_t day, std::string model, std::uint64_t calls,
                std::uint64_t tokens) {
  return {.root = TaskId{root},
          .day = day,
          .model = std::move(model),
          .spent = {.calls = calls, .tokens_in = tokens, .cost = Money::of_trillionths(5) * calls}};
}

class Ledger : public testing::Test {
 protected:
  /// A commit with a new task in it.
  void append(std::vector<Charge> charges) {
    Batch batch = one_record(++last_, "hello", store->state().epoch);
    batch.charges = std::move(charges);
    ASSERT_TRUE(store->append(batch));
  }

  void reopen() {
    store.reset();
    store = open_store(dir.path());
  }

  [[nodiscard]] std::vector<LedgerLine> lines(const LedgerRange& range = {}) const {
    return *store->ledger(range);
  }

  TempDir dir;
  std::unique_ptr<Store> store = open_store(dir.path());

 private:
  std::uint64_t last_ = 0;
};

TEST_F(Ledger, HasALineForEachFamilyDayAndModel) {
  append({charge(1, kMidnight, "small", 10), charge(1, kMidnight, "small", 1)});
  append({charge(1, kMidnight, "large", 20), charge(2, kMidnight, "small", 30)});
  append({charge(1, kMidnight, "small", 100)});
  append({});
  const std::vector<LedgerLine> expected = {line(1, kToday, "large", 1, 20),
                                            line(1, kToday, "small", 3, 111),
                                            line(2, kToday, "small", 1, 30)};
  EXPECT_EQ(lines(), expected);
  reopen();
  EXPECT_EQ(lines(), expected);
  append({charge(2, kMidnight, "small", 3)});
  EXPECT_EQ(lines().back(), line(2, kToday, "small", 2, 33));
}

TEST_F(Ledger, ADayBeginsAtMidnightUtc) {
  append({charge(1, kMidnight - Nanoseconds(1), "small", 1), charge(1, kMidnight, "small", 2),
          charge(1, kMidnight + std::chrono::days(1) - Nanoseconds(1), "small", 4),
          charge(1, kMidnight + std::chrono::days(1), "small", 8)});
  EXPECT_THAT(lines(),
              ElementsAre(line(1, kToday - 1, "small", 1, 1), line(1, kToday, "small", 2, 6),
                          line(1, kToday + 1, "small", 1, 8)));
}

TEST_F(Ledger, IsReadByFamilyAndDays) {
  for (const std::uint64_t root : {1U, 2U}) {
    append({charge(root, kMidnight, "small", 1),
            charge(root, kMidnight + std::chrono::days(1), "small", 2),
            charge(root, kMidnight + std::chrono::days(2), "small", 3)});
  }
  EXPECT_THAT(lines({.root = TaskId{2}, .first_day = kToday + 1, .last_day = kToday + 1}),
              ElementsAre(line(2, kToday + 1, "small", 1, 2)));
  EXPECT_THAT(lines({.first_day = kToday + 2}),
              ElementsAre(line(1, kToday + 2, "small", 1, 3), line(2, kToday + 2, "small", 1, 3)));
  EXPECT_EQ(lines({.root = TaskId{1}}).size(), 3U);
  EXPECT_THAT(lines({.root = TaskId{3}}), IsEmpty());
  EXPECT_THAT(lines({.first_day = kToday, .last_day = kToday - 1}), IsEmpty());
}

TEST_F(Ledger, ASumThatRunsOverStaysAtTheMost) {
  Charge much = charge(1, kMidnight, "small", std::numeric_limits<std::uint64_t>::max() - 1);
  much.spent.cost = Money::of_trillionths(std::numeric_limits<std::int64_t>::max() - 1);
  append({much});
  append({charge(1, kMidnight, "small", 2)});
  reopen();
  const Spending spent = lines().front().spent;
  EXPECT_EQ(spent.calls, 2U);
  EXPECT_EQ(spent.tokens_in, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(spent.cost, Money::of_trillionths(std::numeric_limits<std::int64_t>::max()));
}

TEST_F(Ledger, KeepsWhateverAModelIsCalled) {
  const std::string model = std::string("'); DROP TABLE ledger;--\0 \xff", 27);
  append({charge(1, kMidnight, model, 1), charge(1, kMidnight, "", 2)});
  append({charge(1, kMidnight, model, 4)});
  EXPECT_THAT(lines(), ElementsAre(line(1, kToday, "", 1, 2), line(1, kToday, model, 2, 5)));
}

/// A batch that is another owner's: neither its records nor its charges.
TEST_F(Ledger, HasNothingOfABatchThatWasRefused) {
  append({charge(1, kMidnight, "small", 1)});
  Batch fenced = one_record(2, "hello", Epoch{9});
  fenced.charges = {charge(1, kMidnight, "small", 2)};
  EXPECT_EQ(store->append(fenced).error().code, Errc::conflict);
  reopen();
  EXPECT_THAT(lines(), ElementsAre(line(1, kToday, "small", 1, 1)));
}

Charge asked(std::uint64_t root) {
  return {.root = TaskId{root}, .at = kMidnight, .model = {}, .spent = {.questions = 1}};
}

Charge accepted(std::uint64_t root) {
  return {.root = TaskId{root}, .at = kMidnight, .model = {}, .spent = {.accepted = 1}};
}

TEST_F(Ledger, SaysHowManyTasksWereAcceptedAlsoAfterwards) {
  EXPECT_EQ(store->accepted_work(), AcceptedWork{});
  append({asked(1), asked(2)});
  append({asked(1)});
  EXPECT_EQ(store->accepted_work(), AcceptedWork{});
  append({accepted(1)});
  const std::int64_t since = unix_nanoseconds(kMidnight);
  EXPECT_EQ(store->accepted_work(),
            (AcceptedWork{.tasks = 1, .questions = 2, .since_unix_ns = since}));
  append({asked(1), accepted(1), charge(1, kMidnight, "small", 5)});
  append({accepted(3)});
  reopen();
  EXPECT_EQ(store->accepted_work(),
            (AcceptedWork{.tasks = 2, .questions = 3, .since_unix_ns = since}));
}

TEST_F(Ledger, AcceptsNothingOfABatchThatWasRefused) {
  append({asked(1)});
  Batch fenced = one_record(2, "hello", Epoch{9});
  fenced.charges = {accepted(1)};
  EXPECT_EQ(store->append(fenced).error().code, Errc::conflict);
  EXPECT_EQ(store->accepted_work(), AcceptedWork{});
  reopen();
  EXPECT_EQ(store->accepted_work(), AcceptedWork{});
}

TEST_F(Ledger, IsThereAfterItsProcessWasKilled) {
  store.reset();
  status_of_child([&] {
    const auto doomed = open_store(dir.path());
    Batch batch = one_record(1, "hello", doomed->state().epoch);
    batch.charges = {charge(1, kMidnight, "small", 7)};
    if (!doomed->append(batch)) ::_exit(1);
    (void)::raise(SIGKILL);
  });
  reopen();
  EXPECT_EQ(store->state().last_lsn, Lsn{1});
  EXPECT_THAT(lines(), ElementsAre(line(1, kToday, "small", 1, 7)));
}

}  // namespace
}  // namespace tinkerbell

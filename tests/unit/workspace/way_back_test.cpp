#include "tinkerbell/workspace/way_back.hpp"

#include "tinkerbell/base/hash.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using State = std::optional<FileState>;

constexpr State kNothing = std::nullopt;
constexpr TaskId kTask{7};

State file(const std::string& content, std::uint32_t mode = 0644) {
  return FileState{FileType::file, mode, sha256(content), content.size()};
}

State directory() {
  return FileState{.type = FileType::directory, .mode = 0755};
}

/// A step that stands between two records.
StepChanges step(std::uint32_t seq, Lsn started, Lsn ended, std::vector<FileChange> changes) {
  return {{kTask, Seq{seq}}, started, ended, std::move(changes)};
}

/// One after the other: step n from record 10 n to 10 n + 5.
std::vector<StepChanges> in_turn(std::initializer_list<std::vector<FileChange>> steps) {
  std::vector<StepChanges> all;
  for (const std::vector<FileChange>& changes : steps) {
    const auto seq = static_cast<std::uint32_t>(all.size() + 1);
    all.push_back(step(seq, Lsn{10 * seq}, Lsn{10 * seq + 5}, changes));
  }
  return all;
}

constexpr Lsn after_step(std::uint64_t seq) {
  return seq == 0 ? Lsn{0} : Lsn{10 * seq + 5};
}

TEST(WayBack, NothingFromNothing) {
  const WayBack way = way_back({}, Lsn{0});
  EXPECT_TRUE(way.changes.empty());
  EXPECT_TRUE(way.others.empty());
  EXPECT_TRUE(states_at({}, Lsn{0}).empty());
}

TEST(WayBack, TakesBackEachChangeInTheOrderOfThePaths) {
  const auto steps = in_turn({{{"z", file("1"), file("2")}}, {{"a", kNothing, file("new")}}});
  const WayBack way = way_back(steps, Lsn{0});
  EXPECT_EQ(way.changes,
            (std::vector<FileChange>{{"a", file("new"), kNothing}, {"z", file("2"), file("1")}}));
  EXPECT_TRUE(way.others.empty());
}

TEST(WayBack, LeavesWhatWasThereAtThatStep) {
  const auto steps = in_turn({{{"a", file("1"), file("2")}},
                              {{"a", file("2"), file("3")}, {"b", kNothing, file("b")}},
                              {{"a", file("3"), file("4")}}});
  EXPECT_EQ(way_back(steps, after_step(1)).changes,
            (std::vector<FileChange>{{"a", file("4"), file("2")}, {"b", file("b"), kNothing}}));
  EXPECT_EQ(way_back(steps, after_step(2)).changes,
            (std::vector<FileChange>{{"a", file("4"), file("3")}}));
  EXPECT_TRUE(way_back(steps, after_step(3)).changes.empty());
}

TEST(WayBack, WhatEndsAsItBeganIsNoChange) {
  const auto steps = in_turn({{{"a", kNothing, file("1")}}, {{"a", file("1"), kNothing}}});
  EXPECT_TRUE(way_back(steps, Lsn{0}).changes.empty());
  EXPECT_TRUE(way_back(steps, Lsn{0}).others.empty());
}

TEST(WayBack, GivesBackModesAndKinds) {
  const auto steps = in_turn({{{"a", file("1"), file("1", 0755)}, {"d", file("x"), directory()}}});
  EXPECT_EQ(
      way_back(steps, Lsn{0}).changes,
      (std::vector<FileChange>{{"a", file("1", 0755), file("1")}, {"d", directory(), file("x")}}));
}

TEST(WayBack, DoesNotCareInWhichOrderItIsToldTheSteps) {
  auto steps = in_turn({{{"a", file("1"), file("2")}}, {{"a", file("2"), file("3")}}});
  std::swap(steps[0], steps[1]);
  EXPECT_EQ(way_back(steps, Lsn{0}).changes,
            (std::vector<FileChange>{{"a", file("3"), file("1")}}));
}

TEST(WayBack, EndsAtWhatSomebodyElseWroteBetween) {
  const auto steps = in_turn({{{"a", file("1"), file("2")}},
                              {{"a", file("theirs"), file("3")}},
                              {{"a", file("3"), file("4")}}});
  const WayBack way = way_back(steps, Lsn{0});
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"a", file("4"), file("theirs")}}));
  EXPECT_EQ(way.others, (std::vector<WrittenBetween>{{"a", {kTask, Seq{1}}, {kTask, Seq{2}}}}));
}

TEST(WayBack, EndsAtTheNewestOfThem) {
  const auto steps = in_turn({{{"a", file("1"), file("2")}},
                              {{"a", file("theirs"), file("3")}},
                              {{"a", file("newer"), file("4")}}});
  const WayBack way = way_back(steps, Lsn{0});
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"a", file("4"), file("newer")}}));
  EXPECT_EQ(way.others, (std::vector<WrittenBetween>{{"a", {kTask, Seq{2}}, {kTask, Seq{3}}}}));
}

TEST(WayBack, DoesNotPassWhatWasWrittenAroundTheStepItself) {
  // Whether that was before or after the end of step 1, nobody knows: so it stays.
  const auto steps = in_turn({{{"a", file("1"), file("2")}}, {{"a", file("theirs"), file("3")}}});
  const WayBack way = way_back(steps, after_step(1));
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"a", file("3"), file("theirs")}}));
  EXPECT_EQ(way.others.size(), 1U);
}

TEST(WayBack, DoesNotAskWhoWroteBeforeTheStep) {
  const auto steps = in_turn({{{"a", file("1"), file("2")}},
                              {{"a", file("theirs"), file("3")}},
                              {{"a", file("3"), file("4")}}});
  const WayBack way = way_back(steps, after_step(2));
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"a", file("4"), file("3")}}));
  EXPECT_TRUE(way.others.empty());
}

TEST(WayBack, KeepsTheDirectoryOfWhatSomebodyElseWrote) {
  const auto steps = in_turn({{{"d", kNothing, directory()},
                               {"d/e", kNothing, directory()},
                               {"d/e/a", kNothing, file("1")}},
                              {{"d/e/a", file("theirs"), file("2")}}});
  EXPECT_EQ(way_back(steps, Lsn{0}).changes,
            (std::vector<FileChange>{{"d/e/a", file("2"), file("theirs")}}));
}

TEST(WayBack, BringsBackTheDirectoryOfWhatSomebodyElseWrote) {
  const auto steps = in_turn({{{"d", kNothing, directory()}, {"d/a", kNothing, file("1")}},
                              {{"d", directory(), kNothing}, {"d/a", file("theirs"), kNothing}}});
  EXPECT_EQ(
      way_back(steps, Lsn{0}).changes,
      (std::vector<FileChange>{{"d", kNothing, directory()}, {"d/a", kNothing, file("theirs")}}));
}

TEST(WayBack, ADirectoryOfWhichSomebodyElseOnlyRemovedSomethingGoes) {
  const auto steps = in_turn({{{"d", kNothing, directory()}, {"d/a", kNothing, file("1")}},
                              {{"d/a", kNothing, file("2")}}});
  EXPECT_EQ(way_back(steps, Lsn{0}).changes,
            (std::vector<FileChange>{{"d", directory(), kNothing}, {"d/a", file("2"), kNothing}}));
}

TEST(WayBack, WhereADirectoryStoodThatSomebodyElseReplacedNothingComesBack) {
  const auto steps = in_turn({{{"d/a", file("1"), file("2")}}, {{"d", file("theirs"), file("3")}}});
  const WayBack way = way_back(steps, Lsn{0});
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"d", file("3"), file("theirs")}}));
  EXPECT_EQ(way.others, (std::vector<WrittenBetween>{{"d/a", {kTask, Seq{1}}, {kTask, Seq{2}}}}));
}

TEST(WayBack, WhatIsGoneWithADirectoryThatSomebodyElseReplacedNeedNotGo) {
  const auto steps = in_turn({{{"d", kNothing, directory()}, {"d/a", kNothing, file("1")}},
                              {{"d", file("theirs"), file("2")}}});
  const WayBack way = way_back(steps, Lsn{0});
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"d", file("2"), file("theirs")}}));
  EXPECT_EQ(way.others, (std::vector<WrittenBetween>{{"d", {kTask, Seq{1}}, {kTask, Seq{2}}}}));
}

TEST(WayBack, WhatSomebodyElseWroteAndThenTookAwayWithItsDirectoryStaysAway) {
  const auto steps = in_turn({{{"d", kNothing, directory()}, {"d/a", kNothing, file("1")}},
                              {{"d/a", file("theirs"), file("2")}},
                              {{"d", file("theirs"), kNothing}}});
  const WayBack way = way_back(steps, Lsn{0});
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"d", kNothing, file("theirs")}}));
  EXPECT_EQ(way.others.size(), 2U);
}

// ---- steps that overlap in time ----

TEST(WayBack, TwoProgramsMayTellTheSameChange) {
  const std::vector<StepChanges> steps = {step(1, Lsn{10}, Lsn{20}, {{"a", file("1"), file("2")}}),
                                          step(2, Lsn{11}, Lsn{21}, {{"a", file("1"), file("2")}})};
  const WayBack way = way_back(steps, Lsn{0});
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"a", file("2"), file("1")}}));
  EXPECT_TRUE(way.others.empty());
}

TEST(WayBack, TheSameChangeTwiceIsSomebodyElsesWorkBetweenIfTheyDidNotOverlap) {
  const auto steps = in_turn({{{"a", file("1"), file("2")}}, {{"a", file("1"), file("2")}}});
  const WayBack way = way_back(steps, Lsn{0});
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"a", file("2"), file("1")}}));
  EXPECT_EQ(way.others.size(), 1U);
}

TEST(WayBack, AProgramTellsWhatAnotherStepChangedWithinItsTime) {
  const std::vector<StepChanges> steps = {step(1, Lsn{10}, Lsn{20}, {{"a", file("1"), file("3")}}),
                                          step(2, Lsn{12}, Lsn{18}, {{"a", file("2"), file("3")}})};
  const WayBack way = way_back(steps, Lsn{0});
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"a", file("3"), file("1")}}));
  EXPECT_TRUE(way.others.empty());
}

TEST(WayBack, AProgramThatStartedFirstMayHaveLookedLater) {
  const std::vector<StepChanges> steps = {step(1, Lsn{10}, Lsn{20}, {{"a", file("2"), file("3")}}),
                                          step(2, Lsn{12}, Lsn{18}, {{"a", file("1"), file("2")}})};
  const WayBack way = way_back(steps, Lsn{0});
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"a", file("3"), file("1")}}));
  EXPECT_TRUE(way.others.empty());
}

TEST(WayBack, OneOfThemMustHaveFoundWhatWasLeftBefore) {
  std::vector<StepChanges> steps = {step(1, Lsn{1}, Lsn{2}, {{"a", kNothing, file("1")}}),
                                    step(2, Lsn{10}, Lsn{20}, {{"a", file("2"), file("3")}}),
                                    step(3, Lsn{12}, Lsn{18}, {{"a", file("1"), file("3")}})};
  EXPECT_EQ(way_back(steps, Lsn{0}).changes, (std::vector<FileChange>{{"a", file("3"), kNothing}}));
  EXPECT_TRUE(way_back(steps, Lsn{0}).others.empty());
  steps[2].changes[0].before = file("theirs");
  EXPECT_EQ(way_back(steps, Lsn{0}).others,
            (std::vector<WrittenBetween>{{"a", {kTask, Seq{1}}, {kTask, Seq{2}}}}));
}

TEST(WayBack, AStepThatWasUnderWayThenIsTakenBack) {
  const std::vector<StepChanges> steps = {step(1, Lsn{10}, Lsn{14}, {{"a", file("1"), file("2")}}),
                                          step(2, Lsn{12}, Lsn{18}, {{"a", file("x"), file("3")}})};
  const WayBack way = way_back(steps, Lsn{14});
  EXPECT_EQ(way.changes, (std::vector<FileChange>{{"a", file("3"), file("2")}}));
  EXPECT_TRUE(way.others.empty());
}

// ---- states ----

TEST(StatesAt, AreWhatTheNewestLeftOrTheNextFound) {
  const auto steps = in_turn({{{"a", file("1"), file("2")}},
                              {{"a", file("2"), file("3")}, {"b", kNothing, file("b")}},
                              {{"c", file("c"), kNothing}}});
  using States = std::map<std::string, State>;
  EXPECT_EQ(states_at(steps, Lsn{0}),
            (States{{"a", file("1")}, {"b", kNothing}, {"c", file("c")}}));
  EXPECT_EQ(states_at(steps, after_step(1)),
            (States{{"a", file("2")}, {"b", kNothing}, {"c", file("c")}}));
  EXPECT_EQ(states_at(steps, after_step(2)),
            (States{{"a", file("3")}, {"b", file("b")}, {"c", file("c")}}));
  EXPECT_EQ(states_at(steps, after_step(3)),
            (States{{"a", file("3")}, {"b", file("b")}, {"c", kNothing}}));
}

}  // namespace
}  // namespace tinkerbell

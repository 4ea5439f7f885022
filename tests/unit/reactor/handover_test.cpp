#include "tinkerbell/reactor/handover.hpp"

#include "support/interleaving.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <random>
#include <vector>

namespace tinkerbell {
namespace {

struct Parcel : HandoverLink {
  std::size_t giver = 0;
  std::size_t number = 0;
};

/// Givers that push, and a taker that sleeps whenever it may: the loop's part of the Inbox.
class Trial {
 public:
  Trial(std::size_t givers, std::size_t parcels_each)
      : parcels_(givers, std::vector<Parcel>(parcels_each)), next_(givers, 0) {
    for (std::size_t giver = 0; giver < givers; ++giver)
      threads_.add([this, giver] { give(giver); });
    threads_.add([this] { take_all(); });
  }

  /// Fails the test if anything is lost, doubled, out of its giver's order, or slept through.
  void run(const Interleaving::Choose& choose) {
    EXPECT_TRUE(threads_.run(choose)) << "the taker sleeps, and something lies there";
    for (std::size_t giver = 0; giver < parcels_.size(); ++giver)
      EXPECT_EQ(next_[giver], parcels_[giver].size()) << "of giver " << giver;
    EXPECT_LE(wakes_, sleeps_);
  }

 private:
  void give(std::size_t giver) {
    for (std::size_t number = 0; number < parcels_[giver].size(); ++number) {
      Parcel& parcel = parcels_[giver][number];
      parcel.giver = giver;
      parcel.number = number;
      if (!handover_.push(parcel)) continue;
      ++wakes_;
      threads_.wake(parcels_.size());
    }
  }

  void take_all() {
    std::size_t left = parcels_.size() * parcels_.front().size();
    while (true) {
      for (HandoverLink* link = handover_.take(); link != nullptr; link = link->next) {
        const Parcel& parcel = static_cast<const Parcel&>(*link);
        EXPECT_EQ(parcel.number, next_[parcel.giver]++);
        --left;
      }
      if (left == 0) return;
      if (!handover_.announce_sleep()) continue;
      ++sleeps_;
      if (!threads_.sleep()) return;
    }
  }

  Interleaving threads_;
  Handover<SteppedAtomic> handover_;
  std::vector<std::vector<Parcel>> parcels_;
  std::vector<std::size_t> next_;
  int wakes_ = 0;
  int sleeps_ = 0;
};

#if !__has_feature(thread_sanitizer)  // it does not follow a thread from stack to stack

TEST(Handover, NothingIsLostOrSleptThroughInAnyOrderOfSteps) {
  EveryOrder order;
  int orders = 0;
  do {
    Trial trial(2, 1);
    trial.run([&](std::size_t count) { return order(count); });
    ++orders;
  } while (order.next() && !HasFailure());
  EXPECT_GT(orders, 1'000);
}

TEST(Handover, NothingIsLostOrSleptThroughInManyOrdersOfMoreSteps) {
  for (unsigned seed = 1; seed <= 300 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    std::minstd_rand random(seed);
    Trial trial(3, 4);
    trial.run([&](std::size_t count) { return random() % count; });
  }
}

#endif

TEST(Handover, OnlyTheFirstIsAskedToWakeTheTaker) {
  Handover<> handover;
  std::array<HandoverLink, 3> links;
  EXPECT_FALSE(handover.push(links[0]));
  EXPECT_FALSE(handover.announce_sleep());
  EXPECT_EQ(handover.take(), links.data());
  EXPECT_TRUE(handover.announce_sleep());
  EXPECT_TRUE(handover.announce_sleep());  // still
  EXPECT_TRUE(handover.push(links[1]));
  EXPECT_FALSE(handover.push(links[2]));
  HandoverLink* const oldest = handover.take();
  EXPECT_EQ(oldest, &links[1]);
  EXPECT_EQ(oldest->next, &links[2]);
  EXPECT_EQ(links[2].next, nullptr);
  EXPECT_TRUE(handover.announce_sleep());
  EXPECT_EQ(handover.take(), nullptr);  // awake
  EXPECT_FALSE(handover.push(links[0]));
}

}  // namespace
}  // namespace tinkerbell

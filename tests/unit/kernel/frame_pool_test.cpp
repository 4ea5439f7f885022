#include "tinkerbell/kernel/frame_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <vector>

namespace tinkerbell {
namespace {

constexpr std::size_t kBytes = 128;

/// As many blocks as two dozen slabs hold.
constexpr std::size_t kMany = std::size_t{24} * 2'000;

std::vector<void*> take_many(FramePool& pool, std::size_t count, std::size_t bytes = kBytes) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < count; ++i) {
    blocks.push_back(pool.take(bytes));
    std::memset(blocks.back(), 0x5A, bytes);
  }
  return blocks;
}

TEST(FramePool, BlocksAreAlignedAndNobodyElseHasThem) {
  FramePool pool;
  std::map<std::uintptr_t, std::size_t> taken;
  for (const std::size_t bytes : {1UL, 16UL, 17UL, 500UL, 1024UL, 1025UL, 100'000UL}) {
    for (void* const block : take_many(pool, 3, bytes)) {
      const auto address = reinterpret_cast<std::uintptr_t>(block);
      EXPECT_EQ(address % 16, 0U);
      EXPECT_TRUE(taken.emplace(address, bytes).second);
    }
  }
  std::uintptr_t end = 0;
  for (const auto& [address, bytes] : taken) {
    EXPECT_GE(address, end);
    end = address + bytes;
    pool.give(reinterpret_cast<void*>(address), bytes);
  }
  EXPECT_EQ(pool.counters().blocks, 0U);
}

TEST(FramePool, TheBlockThatCameBackLastIsTakenFirst) {
  FramePool pool;
  const std::vector<void*> blocks = take_many(pool, 3);
  pool.give(blocks[0], kBytes);
  pool.give(blocks[2], kBytes);
  EXPECT_EQ(pool.take(kBytes), blocks[2]);
  EXPECT_EQ(pool.take(kBytes), blocks[0]);
}

TEST(FramePool, AFullSlabGivesAgainWhatCameBack) {
  FramePool pool;
  const std::vector<void*> blocks = take_many(pool, kMany);
  const std::size_t slabs = pool.counters().slabs;
  EXPECT_GE(slabs, 23U);
  pool.give(blocks[0], kBytes);
  pool.give(blocks[kMany / 2], kBytes);
  const std::vector<void*> again = take_many(pool, 2);
  EXPECT_EQ(std::set(again.begin(), again.end()), (std::set{blocks[0], blocks[kMany / 2]}));
  EXPECT_EQ(pool.counters().slabs, slabs);
}

TEST(FramePool, EmptySlabsGoBackButForAFew) {
  FramePool pool;
  std::vector<void*> blocks = take_many(pool, kMany);
  std::ranges::reverse(blocks);
  for (void* const block : blocks)
    pool.give(block, kBytes);
  EXPECT_EQ(pool.counters().blocks, 0U);
  EXPECT_EQ(pool.counters().slabs, 8U);
}

TEST(FramePool, WhatIsKeptServesTheNextBurst) {
  FramePool pool;
  for (int burst = 0; burst < 3; ++burst) {
    for (void* const block : take_many(pool, 8'000))
      pool.give(block, kBytes);
  }
  EXPECT_LE(pool.counters().slabs, 8U);
  EXPECT_EQ(take_many(pool, 8'000).size(), 8'000U);
  EXPECT_LE(pool.counters().slabs, 8U);
}

}  // namespace
}  // namespace tinkerbell

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tinkerbell {

/// Memory for coroutine frames and control blocks: blocks in steps of 16 bytes up to 1 KiB, cut
/// from slabs of 256 KiB, the one given back last taken first; larger ones come from malloc. A slab
/// without a block in use goes back to the system, but for the few that a new burst would need.
///
/// Not synchronized: each thread has its own (frame_pool()), and a block goes back on the thread
/// that took it. Under AddressSanitizer every block is a malloc of its own, so that a use after its
/// end is seen.
class FramePool {
 public:
  struct Counters {
    std::size_t blocks = 0;  ///< In use.
    std::size_t slabs = 0;   ///< Mapped.
  };

  constexpr FramePool() = default;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool() = default;  // trivial: see frame_pool()

  /// `bytes` (at least 1), aligned to 16. Throws std::bad_alloc.
  [[nodiscard]] void* take(std::size_t bytes) {
    ++blocks_;
    if (bytes <= kPooledMax) [[likely]] {
      Slab* const slab = available_[(bytes - 1) / kStep];
      if (slab != nullptr && slab->free != nullptr) [[likely]] {
        Block* const block = slab->free;
        slab->free = block->next;
        ++slab->used;
        return block;
      }
    }
    return take_untouched(bytes);
  }

  /// Gives back what take(bytes) gave.
  void give(void* taken, std::size_t bytes) noexcept {
    --blocks_;
    if (bytes > kPooledMax) [[unlikely]]
      return give_large(taken);
#ifndef NDEBUG
    std::memset(taken, kPoison, bytes);
#endif
    Slab& slab = *slab_of(taken);
    auto* const block = static_cast<Block*>(taken);
    block->next = slab.free;
    slab.free = block;
    if (--slab.used <= slab.settled_at) [[unlikely]]
      settle(slab);
  }

  [[nodiscard]] Counters counters() const { return {.blocks = blocks_, .slabs = slabs_}; }

 private:
  static constexpr std::size_t kStep = 16;
  static constexpr std::size_t kPooledMax = 1024;
  static constexpr std::size_t kSlabBytes = 256 << 10;
  static constexpr std::uint32_t kSparesMax = 8;
  static constexpr int kPoison =
      0xDD;  ///< What a block is full of in debug builds once it is back.

  struct Block {
    Block* next;
  };

  /// Head of a slab. Slabs that may have blocks to give hang in the list of their size.
  struct alignas(64) Slab {
    Block* free = nullptr;           ///< Given back.
    std::byte* untouched = nullptr;  ///< Never given yet, up to `end`.
    std::byte* end = nullptr;
    std::uint32_t used = 0;
    std::uint32_t settled_at =
        0;  ///< give() settles a slab that has so many blocks in use or less.
    std::uint32_t block_bytes = 0;
    bool spare = false;  ///< One of those that are kept when they are empty.
    Slab* previous = nullptr;
    Slab* next = nullptr;
  };

  static constexpr std::uint32_t kWhenEmpty = 0;
  static constexpr std::uint32_t kAtOnce = UINT32_MAX;  ///< It is full, and in no list.

  [[nodiscard]] static Slab* slab_of(void* block) noexcept {
    return reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(block) & ~(kSlabBytes - 1));
  }

  [[nodiscard]] void* take_untouched(std::size_t bytes);
  void give_large(void* taken) noexcept;
  [[nodiscard]] Slab* new_slab(std::size_t bytes);
  void settle(Slab& slab) noexcept;

  std::array<Slab*, kPooledMax / kStep> available_{};
  std::size_t blocks_ = 0;
  std::size_t slabs_ = 0;
  std::uint32_t spares_ = 0;
};

/// The pool of the calling thread. Its slabs outlive the thread.
[[nodiscard]] inline FramePool& frame_pool() {
  static thread_local constinit FramePool pool;
  return pool;
}

/// Base of what lives in the pool.
struct Pooled {
#if defined(__has_feature) && __has_feature(address_sanitizer)
#else
  [[nodiscard]] static void* operator new(std::size_t bytes) { return frame_pool().take(bytes); }

  static void operator delete(void* taken, std::size_t bytes) noexcept {
    frame_pool().give(taken, bytes);
  }
#endif
};

}  // namespace tinkerbell

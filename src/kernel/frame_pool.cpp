#include "tinkerbell/kernel/frame_pool.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace tinkerbell {

namespace {

std::byte* pages(std::size_t bytes) {
  void* const mapped =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(mapped);
}

/// `bytes` of memory at a multiple of `bytes`: twice as much is mapped, and what is over given
/// back.
std::byte* aligned_pages(std::size_t bytes) {
  std::byte* const mapped = pages(2 * bytes);
  const std::size_t over = reinterpret_cast<std::uintptr_t>(mapped) % bytes;
  const std::size_t before = over == 0 ? 0 : bytes - over;
  if (before > 0) ::munmap(mapped, before);
  ::munmap(mapped + before + bytes, bytes - before);
  return mapped + before;
}

}  // namespace

/// A block that nobody had before; a large one; or one that was given back into a slab further down
/// the list.
void* FramePool::take_untouched(std::size_t bytes) {
  if (bytes > kPooledMax) return ::operator new(bytes);
  Slab*& available = available_[(bytes - 1) / kStep];
  while (available != nullptr && available->free == nullptr &&
         available->untouched == available->end) {
    available->settled_at = kAtOnce;
    available = std::exchange(available->next, nullptr);
    if (available != nullptr) available->previous = nullptr;
  }
  if (available == nullptr) available = new_slab(bytes);
  Slab& slab = *available;
  ++slab.used;
  if (slab.free != nullptr) return std::exchange(slab.free, slab.free->next);
  return std::exchange(slab.untouched, slab.untouched + slab.block_bytes);
}

void FramePool::give_large(void* taken) noexcept {
  ::operator delete(taken);
}

FramePool::Slab* FramePool::new_slab(std::size_t bytes) {
  std::byte* const memory = aligned_pages(kSlabBytes);
  auto* const slab = new (memory) Slab;
  const std::size_t block_bytes = (bytes + kStep - 1) / kStep * kStep;
  slab->block_bytes = static_cast<std::uint32_t>(block_bytes);
  slab->untouched = memory + sizeof(Slab);
  slab->end = slab->untouched + (kSlabBytes - sizeof(Slab)) / block_bytes * block_bytes;
  ++slabs_;
  return slab;
}

/// A block has come back into a slab that was full, or it was the last one in use.
void FramePool::settle(Slab& slab) noexcept {
  Slab*& available = available_[slab.block_bytes / kStep - 1];
  if (slab.settled_at == kAtOnce) {
    slab.settled_at = kWhenEmpty;
    slab.next = available;
    if (available != nullptr) available->previous = &slab;
    available = &slab;
  }
  if (slab.used > 0 || slab.spare) return;
  if (spares_ < kSparesMax) {
    ++spares_;
    slab.spare = true;
    return;
  }
  (slab.previous != nullptr ? slab.previous->next : available) = slab.next;
  if (slab.next != nullptr) slab.next->previous = slab.previous;
  ::munmap(&slab, kSlabBytes);
  --slabs_;
}

}  // namespace tinkerbell

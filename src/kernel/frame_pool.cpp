#include "tinkerbell/kernel/frame_pool.hpp"

#include <sys/mman.h>

#include <new>

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

void* FramePool::take_large(std::size_t bytes) {
  void* const block = ::operator new(bytes);
  ++blocks_;
  return block;
}

void FramePool::give_large(void* taken) noexcept {
  ::operator delete(taken);
  --blocks_;
}

void FramePool::add_slab(Slab*& available, std::size_t bytes) {
  std::byte* const memory = aligned_pages(kSlabBytes);
  auto* const slab = new (memory) Slab;
  const std::size_t block_bytes = (bytes + kStep - 1) / kStep * kStep;
  slab->block_bytes = static_cast<std::uint32_t>(block_bytes);
  slab->untouched = memory + sizeof(Slab);
  slab->end = slab->untouched + (kSlabBytes - sizeof(Slab)) / block_bytes * block_bytes;
  available = slab;
  ++slabs_;
  ++empty_slabs_;
}

/// The first slab of its size has given its last block.
void FramePool::fill_up(Slab*& available) noexcept {
  Slab& slab = *available;
  slab.full = true;
  available = slab.next;
  if (available != nullptr) available->previous = nullptr;
  slab.next = nullptr;
}

/// A block has come back into a slab that was full, or it was the last one in use.
void FramePool::settle(Slab& slab) noexcept {
  Slab*& available = available_[slab.block_bytes / kStep - 1];
  if (slab.full) {
    slab.full = false;
    slab.previous = nullptr;
    slab.next = available;
    if (available != nullptr) available->previous = &slab;
    available = &slab;
  }
  if (slab.used > 0 || ++empty_slabs_ <= kEmptySlabsMax) return;
  (slab.previous != nullptr ? slab.previous->next : available) = slab.next;
  if (slab.next != nullptr) slab.next->previous = slab.previous;
  ::munmap(&slab, kSlabBytes);
  --slabs_;
  --empty_slabs_;
}

}  // namespace tinkerbell

#include "tinkerbell/kernel/timer_heap.hpp"

#include <algorithm>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::size_t kChildren = 4;

}  // namespace

void TimerHeap::arm(TimerNode& node, SteadyTime when) {
  if (!node.armed()) {
    places_.push_back({when, &node});
    rise(places_.size() - 1, {when, &node});
    return;
  }
  const SteadyTime before = places_[node.place].when;
  if (when < before) {
    rise(node.place, {when, &node});
  } else {
    sink(node.place, {when, &node});
  }
}

void TimerHeap::take_out(TimerNode& node) {
  const std::size_t hole = std::exchange(node.place, TimerNode::kUnarmed);
  const Place last = places_.back();
  places_.pop_back();
  if (hole == places_.size()) return;
  if (hole > 0 && last.when < places_[(hole - 1) / kChildren].when) {
    rise(hole, last);
  } else {
    sink(hole, last);
  }
}

bool TimerHeap::consistent() const {
  for (std::size_t place = 0; place < places_.size(); ++place) {
    if (places_[place].node->place != place) return false;
    if (place > 0 && places_[place].when < places_[(place - 1) / kChildren].when) return false;
  }
  return true;
}

/// Moves up from `place` until the parent is not later.
void TimerHeap::rise(std::size_t place, Place moving) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / kChildren;
    if (places_[parent].when <= moving.when) break;
    put(place, places_[parent]);
    place = parent;
  }
  put(place, moving);
}

/// Moves down from `place` until no child is nearer.
void TimerHeap::sink(std::size_t place, Place moving) {
  while (true) {
    const std::size_t first = place * kChildren + 1;
    if (first >= places_.size()) break;
    const std::size_t end = std::min(first + kChildren, places_.size());
    std::size_t nearest = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (places_[child].when < places_[nearest].when) nearest = child;
    }
    if (moving.when <= places_[nearest].when) break;
    put(place, places_[nearest]);
    place = nearest;
  }
  put(place, moving);
}

void TimerHeap::put(std::size_t place, Place what) {
  what.node->place = static_cast<std::uint32_t>(place);
  places_[place] = what;
}

}  // namespace tinkerbell

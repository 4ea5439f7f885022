#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/kernel/trap.hpp"

#include <cstddef>
#include <vector>

namespace tinkerbell {

/// All deadlines, the nearest on top: a heap of four children a node, whose nodes know their place,
/// so that one is taken out without a search.
class TimerHeap {
 public:
  TimerHeap() = default;

  [[nodiscard]] bool empty() const { return places_.empty(); }

  [[nodiscard]] std::size_t size() const { return places_.size(); }

  /// The nearest deadline; kNever if there is none.
  [[nodiscard]] SteadyTime nearest() const { return empty() ? kNever : places_.front().when; }

  /// The node with the nearest deadline. Not empty.
  [[nodiscard]] TimerNode& top() const { return *places_.front().node; }

  /// The node's deadline; kNever if it has none.
  [[nodiscard]] SteadyTime deadline_of(const TimerNode& node) const {
    return node.armed() ? places_[node.place].when : kNever;
  }

  /// Whether parents are not later than their children and nodes know their places.
  [[nodiscard]] bool consistent() const;

  /// Gives the node a deadline, or another one.
  void arm(TimerNode& node, SteadyTime when);

  /// Takes the node out, if it is in.
  void disarm(TimerNode& node) {
    if (node.armed()) take_out(node);
  }

 private:
  struct Place {
    SteadyTime when;
    TimerNode* node;
  };

  void take_out(TimerNode& node);
  void rise(std::size_t place, Place moving);
  void sink(std::size_t place, Place moving);
  void put(std::size_t place, Place what);

  std::vector<Place> places_;
};

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/ids.hpp"

#include <functional>
#include <map>
#include <utility>

namespace tinkerbell {

/// Output commit: nothing leaves the process before what it depends on is durable. Holds actions
/// until then and runs them in the order of their lsn. Loop thread.
class Gate {
 public:
  using Action = std::move_only_function<void()>;

  /// Runs `action` once everything up to `lsn` is durable; at once if it is already.
  void when_durable(Lsn lsn, Action action) {
    if (lsn <= durable_) {
      action();
    } else {
      waiting_.emplace(lsn, std::move(action));
    }
  }

  void durable(Lsn lsn) {
    durable_ = lsn;
    while (!waiting_.empty() && waiting_.begin()->first <= durable_) {
      waiting_.extract(waiting_.begin()).mapped()();
    }
  }

 private:
  std::multimap<Lsn, Action> waiting_;
  Lsn durable_{0};
};

}  // namespace tinkerbell

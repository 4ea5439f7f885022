#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/kernel/wait_list.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>

namespace tinkerbell {

/// Tasks that wait for file descriptors: PyOS's ReadWait and WriteWait, with any number of waiters
/// for each descriptor and direction. An epoll set of its own, looked at by the Reactor. Loop
/// thread; outlives the tasks. Source: epoll(7).
class Readiness {
 public:
  enum class Direction : std::uint8_t { read, write };

  /// Throws std::system_error if the system has no more descriptors.
  explicit Readiness(Scheduler& scheduler);
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  ~Readiness();

  /// Waits until a read or write of `fd` would not block (data, room, end or an error). A regular
  /// file is always ready. Errors: cancelled, abandoned (close() while waiting), io.
  [[nodiscard]] auto wait(int fd, Direction direction) {
    return TrapAwaiter<WaitTrap>(*this, fd, direction);
  }

  /// Closes the descriptor; whoever waits for it is told.
  void close(UniqueFd fd);

  /// Wakes those whose descriptors are ready now. Returns whether anybody was.
  bool look();

  /// Readable when look() would find something.
  [[nodiscard]] int fd() const { return epoll_.get(); }

  /// Whether anybody waits.
  [[nodiscard]] bool has_waiters() const { return waiting_ > 0; }

 private:
  struct Waiting {
    WaitList readers;
    WaitList writers;
  };

  struct WaitTrap : Waiter {
    WaitTrap(Readiness& where_to, int what, Direction how)
        : Waiter(&run), readiness(&where_to), descriptor(what), direction(how) {}

    WaitTrap(const WaitTrap&) = delete;
    WaitTrap& operator=(const WaitTrap&) = delete;

    ~WaitTrap() {
      if (counted) --readiness->waiting_;
    }

    static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap);

    [[nodiscard]] Result<void> await_resume() const;

    Readiness* readiness;
    int descriptor;
    Direction direction;
    bool counted = false;
    bool ready = false;
    std::optional<Error> error;
  };

  [[nodiscard]] Result<bool> watch(int fd);
  [[nodiscard]] bool wake_all(WaitList& list);

  Scheduler& scheduler_;
  UniqueFd epoll_;
  std::unordered_map<int, Waiting> waiting_for_;
  std::size_t waiting_ = 0;
};

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/base/unique_fd.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/kernel/wait_list.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace tinkerbell {

/// Tasks that wait for file descriptors: PyOS's ReadWait and WriteWait, with any number of waiters
/// for each descriptor and direction. An epoll set of its own, looked at by the Reactor. Destroyed,
/// it tells those who wait (abandoned). Loop thread. Source: epoll(7).
///
/// There are two ways to wait. wait() asks the system each time how things stand, so it knows
/// nothing of the descriptor and works with any. Whoever owns a descriptor and tells of all that
/// becomes of it (Socket) registers it once, for edges, and this class remembers between two edges
/// whether a try is worth while: adopt(), may_try(), wait_for_edge(), nothing_left(), close().
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
    return TrapAwaiter<WaitTrap>(*this, fd, direction, Question::now);
  }

  /// Closes the descriptor; whoever waits for it is told.
  void close(UniqueFd fd);

  // ---- for the owner of a descriptor ----

  /// From now on only the owner reads, writes and closes `fd`. What was known of its number is
  /// forgotten; whoever waits for that is told (abandoned). Nothing if it is invalid.
  void adopt(int fd);

  /// Whether to try at once: not after nothing_left(), until the system has told of a change.
  [[nodiscard]] bool may_try(int fd, Direction direction) const;

  /// A try would have blocked.
  void nothing_left(int fd, Direction direction);

  /// A stream took or gave less than it was asked to, so the next try would block, unless the
  /// stream has ended: of that the system tells but once. Source: epoll(7), "Questions and
  /// answers", 9.
  void less_than_asked(int fd, Direction direction);

  /// Waits until may_try(). Errors: as wait().
  [[nodiscard]] auto wait_for_edge(int fd, Direction direction) {
    return TrapAwaiter<WaitTrap>(*this, fd, direction, Question::since_nothing_left);
  }

  // ---- for the Reactor ----

  /// Wakes those whose descriptors are ready now. Returns whether anybody was.
  bool look();

  /// Readable when look() would find something.
  [[nodiscard]] int fd() const { return epoll_.get(); }

  /// Whether anybody waits.
  [[nodiscard]] bool has_waiters() const { return *waiting_ > 0; }

 private:
  enum class Question : std::uint8_t { now, since_nothing_left };

  struct Side {
    WaitList waiters;
    bool may_try = true;
    bool ended = false;  ///< End of the stream, or an error: no edge will follow.
  };

  /// What is known of a descriptor's number. Stays when the descriptor is gone.
  struct Record {
    Side read;
    Side write;
    std::uint32_t generation = 0;  ///< Events of an earlier bearer of the number are ignored.
    std::uint32_t watched = 0;     ///< The events that the set tells of.

    [[nodiscard]] Side& side(Direction direction) {
      return direction == Direction::read ? read : write;
    }
  };

  struct WaitTrap : Waiter {
    WaitTrap(Readiness& where_to, int what, Direction how, Question since)
        : Waiter(&run), readiness(&where_to), descriptor(what), direction(how), question(since) {}

    WaitTrap(const WaitTrap&) = delete;
    WaitTrap& operator=(const WaitTrap&) = delete;

    ~WaitTrap() {
      if (counted) --*counted;
    }

    static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap);

    [[nodiscard]] Result<void> await_resume() const;

    Readiness* readiness;
    int descriptor;
    Direction direction;
    Question question;
    std::shared_ptr<std::size_t> counted;  ///< Where, while it is; outlives the Readiness.
    bool ready = false;
    std::optional<Error> error;
  };

  [[nodiscard]] Record* find(int fd) const;
  [[nodiscard]] Record& record_of(int fd);
  [[nodiscard]] Result<bool> is_ready_for(const WaitTrap& call);
  [[nodiscard]] Result<bool> watch(int fd, Record& record, std::uint32_t events);
  [[nodiscard]] bool wake_all(Side& side);
  void answer(Waiter& waiter, bool ready);
  void turn_away(int fd, Record& record);

  Scheduler& scheduler_;
  UniqueFd epoll_;
  std::vector<std::unique_ptr<Record>> records_;  ///< By descriptor.
  std::shared_ptr<std::size_t> waiting_ = std::make_shared<std::size_t>(0);
};

}  // namespace tinkerbell

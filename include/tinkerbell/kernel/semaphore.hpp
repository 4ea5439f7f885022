#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/wait_list.hpp"

#include <cstddef>
#include <utility>

namespace tinkerbell {

/// Lets so many in at once; the others wait in line. Loop thread; outlives its permits.
class Semaphore {
 public:
  explicit Semaphore(std::size_t permits) : permits_(permits), free_(permits) {}

  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  /// Those who still wait are told `abandoned`. All permits must be back.
  ~Semaphore();

  /// The right to be in, given back when it goes.
  class [[nodiscard]] Permit {
   public:
    Permit(Permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}

    Permit& operator=(Permit&& other) noexcept {
      std::swap(semaphore_, other.semaphore_);
      return *this;
    }

    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;

    ~Permit() {
      if (semaphore_ != nullptr) semaphore_->give_back();
    }

   private:
    friend class Semaphore;

    explicit Permit(Semaphore& semaphore) : semaphore_(&semaphore) {}

    Semaphore* semaphore_;
  };

  /// Waits for a permit, first come first served. Errors: cancelled, abandoned.
  [[nodiscard]] auto acquire() { return TrapAwaiter<AcquireTrap>(*this); }

  /// Permits that nobody has.
  [[nodiscard]] std::size_t free() const { return free_; }

 private:
  struct AcquireTrap : Waiter {
    explicit AcquireTrap(Semaphore& of) : Waiter(&run), semaphore(&of) {}

    AcquireTrap(const AcquireTrap&) = delete;
    AcquireTrap& operator=(const AcquireTrap&) = delete;

    /// A task that was destroyed before it could take its permit.
    ~AcquireTrap() {
      if (granted) semaphore->give_back();
    }

    static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap);

    [[nodiscard]] Result<Permit> await_resume() {
      if (std::exchange(granted, false)) return Permit(*semaphore);
      if (cancelled) return asked_to_end();
      return Error{Errc::abandoned, "semaphore: it is gone"};
    }

    Semaphore* semaphore;
    bool granted = false;
  };

  void give_back();

  const std::size_t permits_;
  std::size_t free_;
  Scheduler* scheduler_ = nullptr;  ///< Of those who wait.
  WaitList waiting_;
};

}  // namespace tinkerbell

#include "tinkerbell/kernel/semaphore.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/kernel/scheduler.hpp"

namespace tinkerbell {

Semaphore::~Semaphore() {
  while (Waiter* const waiter = waiting_.first())
    scheduler_->answer(*waiter);
  TINKERBELL_ASSERT(free_ == permits_);
}

bool Semaphore::AcquireTrap::run(Scheduler& scheduler, TaskControl& task, Trap& trap) {
  auto& call = static_cast<AcquireTrap&>(trap);
  Semaphore& semaphore = *call.semaphore;
  semaphore.scheduler_ = &scheduler;
  if (semaphore.free_ > 0) {
    --semaphore.free_;
    call.granted = true;
    return true;
  }
  if (scheduler.may_wait(task, call)) semaphore.waiting_.push(call);
  return false;
}

/// The permit goes straight to the one that waits longest: nobody can come between.
void Semaphore::give_back() {
  Waiter* const waiter = waiting_.first();
  if (waiter == nullptr) {
    ++free_;
    return;
  }
  static_cast<AcquireTrap*>(waiter)->granted = true;
  scheduler_->answer(*waiter);
}

}  // namespace tinkerbell

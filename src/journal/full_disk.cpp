#include "tinkerbell/journal/journal.hpp"

#include <algorithm>

// What the journal does while the disk is full. Nothing of a batch that did not fit is stored, and
// nobody was told of it: so it is kept and appended again, alone, when there may be room: after a
// while, and when somebody asks. All other errors are final.

namespace tinkerbell {

namespace {

constexpr std::chrono::milliseconds kFirstPause{250};
constexpr std::chrono::milliseconds kLongestPause{10'000};

}  // namespace

// ---- loop thread ----

void Journal::try_again() {
  {
    const std::lock_guard lock(mutex_);
    try_now_ = true;
  }
  work_.notify_one();
}

void Journal::use_reserve() {
  {
    const std::lock_guard lock(mutex_);
    reserve_wanted_ = true;
  }
  try_again();
}

// ---- writer ----

/// Half of the reserve is for what was under way: so nobody who asked before the disk was full
/// waits for an answer. After that the batch waits, and all that comes after it.
void Journal::wait_for_room(Batch batch, const Error& error) {
  tell_storage(error);
  if (!full_) {
    full_ = FullDisk{.waiting = {}, .pause = kFirstPause};
    store_->give_up_reserve(Store::ReservePart::half);
    commit(std::move(batch));
  } else {
    full_->waiting = std::move(batch);
  }
}

/// Reads go on. What is appended waits behind the batch that does not fit, if there is one; else
/// the disk has less room than the reserve needs, and commits go on as long as they can.
bool Journal::write_while_full() {
  Queue work;
  bool now = false;
  {
    const std::lock_guard lock(mutex_);
    now = std::exchange(try_now_, false);
    work.reads = std::exchange(queue_.reads, {});
    if (!full_->waiting) work.appends = std::exchange(queue_.appends, {});
    announced_ = !queue_.empty();
  }
  const bool idle = work.empty() && !now;
  commit_all(std::move(work.appends));
  if (now) try_for_room();
  for (Read& read : work.reads)
    read(*store_, failure_ ? &*failure_ : nullptr);
  return !idle;
}

void Journal::try_for_room() {
  bool use_reserve = false;
  {
    const std::lock_guard lock(mutex_);
    use_reserve = std::exchange(reserve_wanted_, false);
  }
  if (use_reserve) store_->give_up_reserve(Store::ReservePart::all);
  full_->pause = std::min(2 * full_->pause + kFirstPause, kLongestPause);
  if (full_->waiting) {
    commit(*std::exchange(full_->waiting, std::nullopt));
    if (failure_ || full_->waiting) return;
  }
  if (use_reserve) return;
  if (const Result<void> kept = store_->take_reserve();
      !kept && kept.error().code == Errc::storage_full) {
    return;
  }
  full_.reset();
  tell_storage(std::nullopt);
}

/// With the lock.
bool Journal::wait_while_full(std::unique_lock<std::mutex>& lock) {
  const bool passed = !work_.wait_for(lock, full_->pause, [this] {
    const bool may_append = !full_->waiting && !queue_.appends.empty();
    return ending_ || try_now_ || may_append || !queue_.reads.empty();
  });
  if (ending_ && !std::exchange(full_->last_try, true)) reserve_wanted_ = try_now_ = true;
  if (passed) try_now_ = true;
  const bool may_append = !full_->waiting && !queue_.appends.empty();
  return !ending_ || try_now_ || may_append || !queue_.reads.empty();
}

void Journal::tell_storage(std::optional<Error> error) {
  callbacks_.post([self = std::weak_ptr(self_), error = std::move(error)] {
    const auto journal = self.lock();
    if (journal == nullptr) return;
    const bool changed = (*journal)->storage_full_.has_value() != error.has_value();
    (*journal)->storage_full_ = error;
    if (changed && (*journal)->callbacks_.storage) (*journal)->callbacks_.storage(error);
  });
}

}  // namespace tinkerbell

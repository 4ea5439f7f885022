#include "tinkerbell/journal/journal.hpp"

// A copy is made by the writer, a slice at a time, with commits in between.

namespace tinkerbell {

void Journal::back_up(std::filesystem::path directory, Completion<void> done) {
  enqueue([this, directory = std::move(directory), done = std::move(done)](
              Store& store, const Error* failure) mutable {
    if (failure != nullptr) return answer<void>(std::move(done), *failure);
    Result<std::unique_ptr<StoreCopy>> copy = store.begin_copy(directory);
    if (!copy) return answer<void>(std::move(done), copy.error());
    copy_more(*std::move(copy), std::move(done));
  });
}

void Journal::copy_more(std::unique_ptr<StoreCopy> copy, Completion<void> done) {
  enqueue([this, copy = std::move(copy), done = std::move(done)](Store& /*store*/,
                                                                 const Error* failure) mutable {
    if (failure != nullptr) return answer<void>(std::move(done), *failure);
    if (is_ending())
      return answer<void>(std::move(done), Error{Errc::unavailable, "the daemon stops"});
    const Result<bool> all = copy->copy_more();
    if (!all) return answer<void>(std::move(done), all.error());
    if (*all) return answer<void>(std::move(done), {});
    copy_more(std::move(copy), std::move(done));
  });
}

bool Journal::is_ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

}  // namespace tinkerbell

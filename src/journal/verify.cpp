#include "tinkerbell/journal/journal.hpp"

// The records are compared with their seals by the writer, a piece at a time, with commits in
// between.

namespace tinkerbell {

void Journal::verify(const Verification& wanted, Completion<Verified> done) {
  enqueue([this, wanted, done = std::move(done)](Store& store, const Error* failure) mutable {
    Result<std::unique_ptr<StoreVerification>> verification =
        failure == nullptr ? store.begin_verification(wanted)
                           : Result<std::unique_ptr<StoreVerification>>(*failure);
    if (!verification) return answer<Verified>(std::move(done), verification.error());
    verify_more(*std::move(verification), std::move(done));
  });
}

void Journal::verify_more(std::unique_ptr<StoreVerification> verification,
                          Completion<Verified> done) {
  enqueue([this, verification = std::move(verification), done = std::move(done)](
              Store& /*store*/, const Error* failure) mutable {
    if (failure != nullptr) return answer<Verified>(std::move(done), *failure);
    if (is_ending()) {
      return answer<Verified>(std::move(done), Error{Errc::unavailable, "the daemon stops"});
    }
    const Result<bool> all = verification->verify_more();
    if (!all) return answer<Verified>(std::move(done), all.error());
    if (*all) return answer<Verified>(std::move(done), verification->so_far());
    verify_more(std::move(verification), std::move(done));
  });
}

}  // namespace tinkerbell

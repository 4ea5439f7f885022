#include "tinkerbell/journal/journal.hpp"

// What is not kept any more is removed by the writer, a piece at a time, with commits in between.

namespace tinkerbell {

void Journal::collect(Retention retention, Completion<Collected> done) {
  enqueue([this, retention, done = std::move(done)](Store& store, const Error* failure) mutable {
    Result<std::unique_ptr<StoreCollection>> collection =
        failure == nullptr ? store.begin_collection(retention)
                           : Result<std::unique_ptr<StoreCollection>>(*failure);
    if (!collection) return answer<Collected>(std::move(done), collection.error());
    collect_more(*std::move(collection), std::move(done));
  });
}

void Journal::collect_more(std::unique_ptr<StoreCollection> collection,
                           Completion<Collected> done) {
  enqueue([this, collection = std::move(collection), done = std::move(done)](
              Store& /*store*/, const Error* failure) mutable {
    if (failure != nullptr) return answer<Collected>(std::move(done), *failure);
    if (is_ending()) {
      return answer<Collected>(std::move(done), Error{Errc::unavailable, "the daemon stops"});
    }
    const Result<bool> all = collection->collect_more();
    if (!all) return answer<Collected>(std::move(done), all.error());
    if (*all) return answer<Collected>(std::move(done), collection->so_far());
    collect_more(std::move(collection), std::move(done));
  });
}

}  // namespace tinkerbell

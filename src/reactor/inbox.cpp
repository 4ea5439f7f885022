#include "tinkerbell/reactor/inbox.hpp"

#include <boost/asio/post.hpp>

#include <memory>

namespace tinkerbell {

Inbox::~Inbox() {
  while (const std::unique_ptr<Item> dropped{pop()}) {
  }
}

std::size_t Inbox::run() {
  std::size_t count = 0;
  if (next_ == nullptr) next_ = handover_.take();
  while (next_ != nullptr) {
    const std::unique_ptr<Item> item(pop());
    item->run();
    ++count;
  }
  return count;
}

/// By the io_context's own eventfd: an empty handler makes run_one() return.
void Inbox::wake_loop() {
  boost::asio::post(io_, [] {});
}

Inbox::Item* Inbox::pop() {
  if (next_ == nullptr) next_ = handover_.take();
  if (next_ == nullptr) return nullptr;
  return static_cast<Item*>(std::exchange(next_, next_->next));
}

}  // namespace tinkerbell

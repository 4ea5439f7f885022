#include "tinkerbell/reactor/readiness.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace tinkerbell {

namespace {

constexpr int kEventsAtOnce = 64;
constexpr std::uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr std::uint32_t kWriteEvents = EPOLLOUT | EPOLLHUP | EPOLLERR;

}  // namespace

Readiness::Readiness(Scheduler& scheduler)
    : scheduler_(scheduler), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.valid()) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

Readiness::~Readiness() = default;

bool Readiness::WaitTrap::run(Scheduler& scheduler, TaskControl& task, Trap& trap) {
  auto& call = static_cast<WaitTrap&>(trap);
  const Result<bool> watched = call.readiness->watch(call.descriptor);
  if (!watched) call.error = watched.error();
  call.ready = watched && !*watched;
  if (call.error || call.ready) return true;
  if (!scheduler.may_wait(task, call)) return false;
  Waiting& waiting = call.readiness->waiting_for_[call.descriptor];
  (call.direction == Direction::read ? waiting.readers : waiting.writers).push(call);
  call.counted = true;
  ++call.readiness->waiting_;
  return false;
}

Result<void> Readiness::WaitTrap::await_resume() const {
  if (error) return *error;
  if (ready) return {};
  if (cancelled) return Error{Errc::cancelled, "wait: the task was asked to end"};
  return Error{Errc::abandoned, "wait: descriptor " + std::to_string(descriptor) + " was closed"};
}

/// Asks for the descriptor's next edge; one that is ready already gives it at once, and so does one
/// whose number has been used again. False: it is a regular file, always ready.
Result<bool> Readiness::watch(int fd) {
  epoll_event wanted{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.fd = fd}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &wanted) == 0) return true;
  if (errno == ENOENT && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) == 0) return true;
  if (errno == EPERM) return false;
  return os_error("wait for descriptor " + std::to_string(fd), errno);
}

bool Readiness::look() {
  std::array<epoll_event, kEventsAtOnce> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, 0);
  bool woken = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const auto found = waiting_for_.find(event.data.fd);
    if (found == waiting_for_.end()) continue;
    if ((event.events & kReadEvents) != 0) woken |= wake_all(found->second.readers);
    if ((event.events & kWriteEvents) != 0) woken |= wake_all(found->second.writers);
  }
  return woken;
}

/// All of them, in line: each tries, and waits again if others were quicker.
bool Readiness::wake_all(WaitList& list) {
  const bool any = !list.empty();
  while (Waiter* const waiter = list.first()) {
    static_cast<WaitTrap*>(waiter)->ready = true;
    scheduler_.answer(*waiter);
  }
  return any;
}

void Readiness::close(UniqueFd fd) {
  const auto found = waiting_for_.find(fd.get());
  if (found == waiting_for_.end()) return;
  for (WaitList* const list : {&found->second.readers, &found->second.writers}) {
    while (Waiter* const waiter = list->first())
      scheduler_.answer(*waiter);
  }
  waiting_for_.erase(found);
}

}  // namespace tinkerbell

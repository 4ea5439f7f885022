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
constexpr std::uint32_t kEndEvents = EPOLLHUP | EPOLLERR;  // of both directions
constexpr std::uint32_t kReadEndEvents = EPOLLRDHUP | kEndEvents;
constexpr std::uint32_t kReadEvents = EPOLLIN | kReadEndEvents;
constexpr std::uint32_t kWriteEvents = EPOLLOUT | kEndEvents;

/// What is asked for. Room to write only if somebody waits for that: with each byte that the other
/// side takes there is more of it.
constexpr std::uint32_t poll_bits(Readiness::Direction direction) {
  return direction == Readiness::Direction::read ? EPOLLIN | EPOLLRDHUP : EPOLLOUT;
}

constexpr int kGenerationShift = 32;

std::uint64_t tag_of(int fd, std::uint32_t generation) {
  return std::uint64_t{generation} << kGenerationShift | static_cast<std::uint32_t>(fd);
}

}  // namespace

Readiness::Readiness(Scheduler& scheduler)
    : scheduler_(scheduler), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.valid()) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

Readiness::~Readiness() {
  for (std::size_t fd = 0; fd < records_.size(); ++fd) {
    if (records_[fd] != nullptr) turn_away(static_cast<int>(fd), *records_[fd]);
  }
}

// ---- waiting ----

bool Readiness::WaitTrap::run(Scheduler& scheduler, TaskControl& task, Trap& trap) {
  auto& call = static_cast<WaitTrap&>(trap);
  const Result<bool> ready = call.readiness->is_ready_for(call);
  if (!ready) call.error = ready.error();
  call.ready = ready && *ready;
  if (call.error || call.ready) return true;
  if (!scheduler.may_wait(task, call)) return false;
  call.readiness->record_of(call.descriptor).side(call.direction).waiters.push(call);
  call.counted = call.readiness->waiting_;
  ++*call.counted;
  return false;
}

Result<void> Readiness::WaitTrap::await_resume() const {
  if (error) return *error;
  if (ready) return {};
  if (cancelled) return Error{Errc::cancelled, "wait: the task was asked to end"};
  return Error{Errc::abandoned, "wait: descriptor " + std::to_string(descriptor) + " was closed"};
}

/// Whether there is nothing to wait for. If there is, its edge is asked for.
Result<bool> Readiness::is_ready_for(const WaitTrap& call) {
  if (call.descriptor < 0) return os_error("wait for descriptor", EBADF);
  Record& record = record_of(call.descriptor);
  Side& side = record.side(call.direction);
  const std::uint32_t events = poll_bits(call.direction);
  if (call.question == Question::since_nothing_left) {
    if (side.may_try) return true;
    if ((record.watched & events) != 0) return false;
  }
  const Result<bool> watched = watch(call.descriptor, record, record.watched | events);
  if (!watched) return watched.error();
  if (!*watched) side.may_try = true;
  return !*watched;
}

/// Asks for the descriptor's next edge; one that is ready already gives it at once. A number that
/// the set does not know stands for another descriptor than before. False: it is a regular file,
/// always ready.
Result<bool> Readiness::watch(int fd, Record& record, std::uint32_t events) {
  const auto control = [&](int operation) {
    epoll_event wanted{.events = events | EPOLLET, .data = {.u64 = tag_of(fd, record.generation)}};
    return ::epoll_ctl(epoll_.get(), operation, fd, &wanted) == 0;
  };
  record.watched = 0;
  if (!control(EPOLL_CTL_MOD)) {
    if (errno == ENOENT) ++record.generation;
    if (errno != ENOENT || !control(EPOLL_CTL_ADD)) {
      if (errno == EPERM) return false;
      return os_error("wait for descriptor " + std::to_string(fd), errno);
    }
  }
  record.watched = events;
  return true;
}

// ---- what the system tells ----

bool Readiness::look() {
  std::array<epoll_event, kEventsAtOnce> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, 0);
  bool woken = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    Record& record = *find(static_cast<int>(event.data.u64 & UINT32_MAX));
    if (record.generation != event.data.u64 >> kGenerationShift) continue;
    record.read.ended |= (event.events & kReadEndEvents) != 0;
    record.write.ended |= (event.events & kEndEvents) != 0;
    if ((event.events & kReadEvents) != 0) woken |= wake_all(record.read);
    if ((event.events & kWriteEvents) != 0) woken |= wake_all(record.write);
  }
  return woken;
}

/// All of them, in line: each tries, and waits again if others were quicker.
bool Readiness::wake_all(Side& side) {
  side.may_try = true;
  const bool any = !side.waiters.empty();
  while (Waiter* const waiter = side.waiters.first())
    answer(*waiter, true);
  return any;
}

void Readiness::answer(Waiter& waiter, bool ready) {
  auto& call = static_cast<WaitTrap&>(waiter);
  call.ready = ready;
  --*std::exchange(call.counted, nullptr);
  scheduler_.answer(call);
}

// ---- what an owner tells ----

void Readiness::adopt(int fd) {
  if (Record* const record = find(fd)) turn_away(fd, *record);
}

void Readiness::close(UniqueFd fd) {
  if (Record* const record = find(fd.get())) turn_away(fd.get(), *record);
}

/// The number has, or will have, another bearer. Taking the old one out of the set is not left to
/// close(2): a copy of it elsewhere (another process, dup) would keep it in.
void Readiness::turn_away(int fd, Record& record) {
  if (record.watched != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  ++record.generation;
  record.watched = 0;
  for (Side* const side : {&record.read, &record.write}) {
    side->may_try = true;
    side->ended = false;
    while (Waiter* const waiter = side->waiters.first())
      answer(*waiter, false);
  }
}

bool Readiness::may_try(int fd, Direction direction) const {
  Record* const record = find(fd);
  return record == nullptr || record->side(direction).may_try;
}

void Readiness::nothing_left(int fd, Direction direction) {
  record_of(fd).side(direction).may_try = false;
}

void Readiness::less_than_asked(int fd, Direction direction) {
  Side& side = record_of(fd).side(direction);
  side.may_try = side.ended;
}

// ---- records ----

Readiness::Record* Readiness::find(int fd) const {
  const auto place = static_cast<std::size_t>(fd);
  return fd >= 0 && place < records_.size() ? records_[place].get() : nullptr;
}

Readiness::Record& Readiness::record_of(int fd) {
  const auto place = static_cast<std::size_t>(fd);
  if (place >= records_.size()) records_.resize(place + 1);
  if (records_[place] == nullptr) records_[place] = std::make_unique<Record>();
  return *records_[place];
}

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/kernel/scheduler.hpp"
#include "tinkerbell/kernel/wait_list.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

namespace tinkerbell {

/// Messages from tasks to tasks, in order, at most so many at a time: who sends into a full one
/// waits (so a slow reader slows its writers), who reads from an empty one too. Loop thread;
/// outlives whoever uses it.
template <std::movable T>
class Mailbox {
 public:
  /// Which message a reader wants.
  using Wanted = std::function<bool(const T&)>;

  /// `capacity`: at least 1.
  explicit Mailbox(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {}

  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  ~Mailbox() { close(); }

  /// Puts a message in, when there is room. Errors: abandoned (closed), cancelled; the message is
  /// then lost.
  [[nodiscard]] auto send(T message) { return TrapAwaiter<SendTrap>(*this, std::move(message)); }

  /// Takes the oldest message out. Errors: abandoned (closed and empty), cancelled.
  [[nodiscard]] auto receive() { return TrapAwaiter<ReceiveTrap>(*this, Wanted()); }

  /// Takes the oldest message out for which `wanted` is true; the others stay where they are.
  /// Errors: as receive().
  [[nodiscard]] auto receive(Wanted wanted) {
    return TrapAwaiter<ReceiveTrap>(*this, std::move(wanted));
  }

  /// No more messages; those that are in can still be read. Whoever waits in vain is told.
  void close() {
    closed_ = true;
    while (Waiter* const sender = senders_.first())
      scheduler_->answer(*sender);
    while (Waiter* const reader = readers_.first())
      scheduler_->answer(*reader);
  }

  [[nodiscard]] std::size_t size() const { return messages_.size(); }

 private:
  struct SendTrap : Waiter {
    SendTrap(Mailbox& to, T what) : Waiter(&run), box(&to), message(std::move(what)) {}

    static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap) {
      auto& call = static_cast<SendTrap&>(trap);
      return call.box->accept(scheduler, task, call);
    }

    [[nodiscard]] Result<void> await_resume() const {
      if (sent) return {};
      if (this->cancelled) return asked_to_end();
      return Error{Errc::abandoned, "send: the mailbox is closed"};
    }

    Mailbox* box;
    T message;
    bool sent = false;
  };

  struct ReceiveTrap : Waiter {
    ReceiveTrap(Mailbox& from, Wanted what) : Waiter(&run), box(&from), wanted(std::move(what)) {}

    static bool run(Scheduler& scheduler, TaskControl& task, Trap& trap) {
      auto& call = static_cast<ReceiveTrap&>(trap);
      return call.box->deliver(scheduler, task, call);
    }

    /// Also if it cannot tell: then the reader has its own exception, and the message stays.
    [[nodiscard]] bool wants(const T& offered) noexcept {
      try {
        return !wanted || wanted(offered);
      } catch (...) {
        thrown = std::current_exception();
        return true;
      }
    }

    [[nodiscard]] Result<T> await_resume() {
      if (thrown) std::rethrow_exception(thrown);
      if (message) return *std::move(message);
      if (this->cancelled) return asked_to_end();
      return Error{Errc::abandoned, "receive: the mailbox is closed"};
    }

    Mailbox* box;
    Wanted wanted;
    std::optional<T> message;
    std::exception_ptr thrown;
  };

  bool accept(Scheduler& scheduler, TaskControl& task, SendTrap& call) {
    scheduler_ = &scheduler;
    if (closed_) return true;
    if (give_to_reader(call.message)) {
      call.sent = true;
      return true;
    }
    if (messages_.size() < capacity_) {
      messages_.push_back(std::move(call.message));
      call.sent = true;
      return true;
    }
    if (scheduler.may_wait(task, call)) senders_.push(call);
    return false;
  }

  bool deliver(Scheduler& scheduler, TaskControl& task, ReceiveTrap& call) {
    scheduler_ = &scheduler;
    const auto found =
        std::ranges::find_if(messages_, [&](const T& message) { return call.wants(message); });
    if (call.thrown) return true;
    if (found != messages_.end()) {
      call.message = std::move(*found);
      messages_.erase(found);
      let_senders_in();
      return true;
    }
    if (take_from_sender(call) || closed_) return true;
    if (scheduler.may_wait(task, call)) readers_.push(call);
    return false;
  }

  /// The reader that waits longest for such a message.
  bool give_to_reader(T& message) {
    for (Waiter* waiter = readers_.first(); waiter != nullptr; waiter = readers_.after(*waiter)) {
      auto& reader = static_cast<ReceiveTrap&>(*waiter);
      if (!reader.wants(message)) continue;
      if (reader.thrown) {
        scheduler_->answer(reader);
        return give_to_reader(message);
      }
      reader.message = std::move(message);
      scheduler_->answer(reader);
      return true;
    }
    return false;
  }

  /// What a sender still holds, since there is no room, may be just what is wanted.
  bool take_from_sender(ReceiveTrap& call) {
    for (Waiter* waiter = senders_.first(); waiter != nullptr; waiter = senders_.after(*waiter)) {
      auto& sender = static_cast<SendTrap&>(*waiter);
      if (!call.wants(sender.message)) continue;
      if (call.thrown) return true;
      call.message = std::move(sender.message);
      sender.sent = true;
      scheduler_->answer(sender);
      return true;
    }
    return false;
  }

  /// No reader waits for what they hold: it would have been taken from them.
  void let_senders_in() {
    while (messages_.size() < capacity_ && !senders_.empty()) {
      auto& sender = static_cast<SendTrap&>(*senders_.first());
      messages_.push_back(std::move(sender.message));
      sender.sent = true;
      scheduler_->answer(sender);
    }
  }

  std::size_t capacity_;
  std::deque<T> messages_;
  bool closed_ = false;
  Scheduler* scheduler_ = nullptr;  ///< Of those who wait.
  WaitList senders_;
  WaitList readers_;
};

}  // namespace tinkerbell

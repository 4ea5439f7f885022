#pragma once

#include "tinkerbell/syscall/driver.hpp"

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

/// A driver for tests: answers from a table, at once or when it is told to, and notes what it was
/// asked.
class ScriptedDriver final : public Driver {
 public:
  void prepare(Call call, Completion<Prepared> done) override {
    prepared_.push_back(call);
    const auto found = facts_.find(std::string(name_of(call.command)));
    if (looks_last_) return looks_.push_back(std::move(done));
    done(found == facts_.end() ? Prepared{} : found->second);
  }

  void perform(Call call, Completion<Reply> done) override {
    performed_.push_back(call);
    std::deque<Result<Reply>>& next = next_[std::string(name_of(call.command))];
    if (!next.empty()) {
      const Result<Reply> reply = std::move(next.front());
      next.pop_front();
      return done(reply);
    }
    answer(std::move(call), std::move(done), replies_);
  }

  void recover(Call call, Completion<Reply> done) override {
    recovered_.push_back(call);
    answer(std::move(call), std::move(done), recoveries_);
  }

  void cancel(CommandId id) override {
    while (auto held = held_.extract(id))
      held.mapped()(on_cancel_);
  }

  [[nodiscard]] std::string waits_for(CommandId id) const override {
    return held_.contains(id) ? waits_for_ : "";
  }

  /// For what every command that is held waits.
  void waits_for(std::string what) { waits_for_ = std::move(what); }

  /// What cancel() answers a command with that is held.
  void on_cancel(Error error) { on_cancel_ = std::move(error); }

  /// What prepare says of commands of this name.
  void facts(const std::string& name, Prepared prepared) { facts_[name] = std::move(prepared); }

  /// From now on prepare() has found nothing until end_looks().
  void begin_looks() { looks_last_ = true; }

  void end_looks() {
    looks_last_ = false;
    for (Completion<Prepared>& done : std::exchange(looks_, {}))
      done(Prepared{});
  }

  /// What every command of this name is answered with. Without it, it is held until release().
  void reply(const std::string& name, Result<Reply> reply) {
    replies_.insert_or_assign(name, std::move(reply));
  }

  /// What the next such command is answered with, before reply() is used; may be called several
  /// times.
  void next_reply(const std::string& name, Result<Reply> reply) {
    next_[name].push_back(std::move(reply));
  }

  void recovery(const std::string& name, Result<Reply> reply) {
    recoveries_.insert_or_assign(name, std::move(reply));
  }

  /// Of several parts of a command the first that is held.
  void release(CommandId id, Result<Reply> reply) { held_.extract(id).mapped()(std::move(reply)); }

  [[nodiscard]] bool holds(CommandId id) const { return held_.contains(id); }

  [[nodiscard]] const std::vector<Call>& prepared() const { return prepared_; }

  [[nodiscard]] const std::vector<Call>& performed() const { return performed_; }

  [[nodiscard]] const std::vector<Call>& recovered() const { return recovered_; }

 private:
  using Replies = std::map<std::string, Result<Reply>>;

  void answer(Call call, Completion<Reply> done, const Replies& from) {
    const auto found = from.find(std::string(name_of(call.command)));
    if (found != from.end()) {
      done(found->second);
    } else {
      held_.emplace(call.id, std::move(done));
    }
  }

  bool looks_last_ = false;
  std::vector<Completion<Prepared>> looks_;
  std::string waits_for_;
  Error on_cancel_{Errc::cancelled, "stopped"};
  std::map<std::string, Prepared> facts_;
  Replies replies_;
  Replies recoveries_;
  std::map<std::string, std::deque<Result<Reply>>> next_;
  std::multimap<CommandId, Completion<Reply>> held_;
  std::vector<Call> prepared_;
  std::vector<Call> performed_;
  std::vector<Call> recovered_;
};

}  // namespace tinkerbell

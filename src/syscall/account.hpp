#pragma once

#include "tinkerbell/base/ids.hpp"
#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/journal/spending.hpp"
#include "tinkerbell/syscall/payloads.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace tinkerbell {

/// What counts against a budget. A sum that is more than fits is all that does.
struct Use {
  Money cost;
  std::uint64_t tokens = 0;
  std::uint64_t calls = 0;
  std::uint64_t tasks = 0;
  Milliseconds time{0};

  Use& operator+=(const Use& other);
  Use& operator-=(const Use& other);
};

/// What a family of tasks has used and has under way, against what it may use.
class Account {
 public:
  /// What it used in earlier runs is known: before that there is room for nobody.
  void open(const Spending& spent) {
    spent_ += spent;
    open_ = true;
  }

  enum class Room : std::uint8_t {
    enough,
    later,  ///< Commands that are under way hold it, and some of it comes back; or it is not open.
    none,
  };

  /// A command that reserves nothing needs some of the time to be left.
  [[nodiscard]] Room room_for(const Reservation& command, const Budget& budget) const;

  /// What there is too little of, in words: "1.9300 of 2.00 is spent, and it may cost 0.1234".
  [[nodiscard]] std::string shortage(const Reservation& command, const Budget& budget) const;

  void hold(const Reservation& command);
  void release(const Reservation& command);

  void charge(const Spending& spent) { spent_ += spent; }

  /// The command goes on when something has come back.
  void wait(CommandId id) { line_.push_back(id); }

  /// Those who wait, the first one first; they are forgotten.
  [[nodiscard]] std::deque<CommandId> take_line() { return std::exchange(line_, {}); }

 private:
  bool open_ = false;
  Spending spent_;
  Use held_;
  std::deque<CommandId> line_;
};

/// The accounts of the families that use theirs in this run, by the task from which all of a family
/// come.
class Accounts {
 public:
  /// Null: nobody uses it.
  [[nodiscard]] std::shared_ptr<Account> find(TaskId root) const;

  /// A new one, where there is none.
  [[nodiscard]] std::shared_ptr<Account> add(TaskId root);

 private:
  std::unordered_map<TaskId, std::weak_ptr<Account>> by_root_;
  std::size_t swept_at_ = 64;  ///< Those whose family has gone are forgotten at that size.
};

/// What would be more than the type holds is all that it holds. No time is negative.
[[nodiscard]] std::uint64_t saturated_sum(std::uint64_t one, std::uint64_t other);
[[nodiscard]] Milliseconds saturated_sum(Milliseconds one, Milliseconds other);

/// The alias of the model that did what `reserved` was held back for.
[[nodiscard]] std::string model_that_answered(const Reservation& reserved,
                                              const Result<Reply>& outcome);

/// What an attempt cost for which `reserved` was held back. What nobody knows is charged as it was
/// reserved.
[[nodiscard]] Spending spent_by(const Reservation& reserved, const Result<Reply>& outcome);

/// The same of one whose outcome is not known.
[[nodiscard]] Spending estimated(const Reservation& reserved);

/// How long a program or a model was at work, as far as the outcome tells; `before`: at earlier
/// attempts, which are in what a model's answer says.
[[nodiscard]] Milliseconds time_worked(const Result<Reply>& outcome, Milliseconds before);

}  // namespace tinkerbell

#include "syscall/account.hpp"
#include "syscall/stations.hpp"

#include <algorithm>

// What a command may cost is held back from the account of its family before it runs, and charged
// in the transaction that says how it ended. The ledger in the store outlives the run; of a call
// that a crash cut off, what was held back for it is charged. Time is charged and not held back.

namespace tinkerbell {

namespace {

/// One that must have room for what a task uses, under its number in the ledger.
struct Payer {
  TaskId key = kNoTask;
  Budget budget;
};

/// Each share that the task is part of, and its family.
std::vector<Payer> payers_of(const LiveTask& live) {
  std::vector<Payer> payers;
  for (const Share& share : live.payload.shares) {
    const Limits& limits = share.limits;
    payers.push_back({share_in_ledger(share.task),
                      {.cost = limits.cost,
                       .tokens = limits.tokens,
                       .asks = false,
                       .calls = limits.calls,
                       .tasks = limits.tasks,
                       .time = limits.time}});
  }
  payers.push_back({root_of(live), live.payload.budget});
  return payers;
}

/// A program reserves nothing.
Reservation wanted_by(const InFlight& flight) {
  return flight.reserved.value_or(Reservation{.cost = Money{}});
}

}  // namespace

/// The command may run, as far as rules and people go.
void SystemCalls::set_out(LiveTask& live) {
  InFlight& flight = *live.flight;
  const std::vector<Payer> payers = payers_of(live);
  const auto bounds_tasks = [](const Payer& each) { return each.budget.tasks.has_value(); };
  const auto bounds_time = [](const Payer& each) { return each.budget.time.has_value(); };
  if (std::holds_alternative<Spawn>(flight.command()) &&
      std::ranges::any_of(payers, bounds_tasks)) {
    flight.reserved = Reservation{.cost = Money{}, .tasks = 1};
  }
  const bool is_timed = std::holds_alternative<AwaitProcess>(flight.command()) &&
                        std::ranges::any_of(payers, bounds_time);
  flight.reserved || is_timed ? pay(live) : go(live);
}

void SystemCalls::go(LiveTask& live) {
  driver_for(live.flight->command()) == nullptr ? run_inside(live) : begin_attempt(live);
}

void SystemCalls::pay(LiveTask& live) {
  InFlight& flight = *live.flight;
  use_accounts(live);
  const std::vector<Payer> payers = payers_of(live);
  Account* busy = nullptr;
  for (std::size_t i = 0; i < payers.size(); ++i) {
    const auto room = live.accounts[i]->room_for(wanted_by(flight), payers[i].budget);
    if (room == Account::Room::none) return over_budget(live, i);
    if (room == Account::Room::later) busy = live.accounts[i].get();
  }
  if (busy != nullptr) {
    flight.station = Station::queued;
    busy->wait(flight.id);
    return;
  }
  flight.held = flight.reserved;
  for (const auto& account : live.accounts) {
    if (flight.held) account->hold(*flight.held);
  }
  go(live);
}

void SystemCalls::use_accounts(LiveTask& live) {
  if (!live.accounts.empty()) return;
  for (const Payer& payer : payers_of(live)) {
    std::shared_ptr<Account> account = accounts_->find(payer.key);
    live.accounts.push_back(account ? std::move(account) : begin_account(payer.key));
  }
}

/// What the ledger says of earlier runs is asked once. What they left open is not in it yet, and
/// counts.
std::shared_ptr<Account> SystemCalls::begin_account(TaskId key) {
  std::shared_ptr<Account> account = accounts_->add(key);
  for (const auto& [task, member] : live_) {
    if (!member->flight || !member->flight->owed) continue;
    const auto pays = [&](const Payer& payer) { return payer.key == key; };
    if (!std::ranges::any_of(payers_of(*member), pays)) continue;
    account->charge(estimated(*member->flight->owed));
  }
  parts_.journal.read_ledger({.root = key}, Completion<std::vector<LedgerLine>>(
                                                [this, account, open = std::weak_ptr<bool>(open_)](
                                                    const Result<std::vector<LedgerLine>>& lines) {
                                                  if (!open.expired()) open_account(account, lines);
                                                }));
  return account;
}

/// Those that nobody uses in this run are read when somebody does.
void SystemCalls::charge_accounts(const LiveTask& live, const Spending& spent) {
  for (const Payer& payer : payers_of(live)) {
    if (const auto account = accounts_->find(payer.key)) account->charge(spent);
  }
}

void SystemCalls::open_account(const std::shared_ptr<Account>& account,
                               const Result<std::vector<LedgerLine>>& lines) {
  if (!lines) {  // the store has failed: the daemon ends
    for (const CommandId id : account->take_line()) {
      if (LiveTask* const queued = find_at(id, Station::queued)) conclude(*queued, lines.error());
    }
    return;
  }
  Spending spent;
  for (const LedgerLine& line : *lines)
    spent += line.spent;
  account->open(spent);
  serve_line(account);
}

/// A person may add to the budget of a family. A share is between its task and the one that gave
/// it.
void SystemCalls::over_budget(LiveTask& live, std::size_t payer) {
  const Budget budget = payers_of(live)[payer].budget;
  const std::string why = live.accounts[payer]->shortage(wanted_by(*live.flight), budget);
  if (payer < live.payload.shares.size()) {
    const TaskId task = live.payload.shares[payer].task;
    conclude(live, Error{Errc::exhausted, "what task " + std::to_string(number(task)) +
                                              " was given of the budget: " + why});
    return;
  }
  if (!budget.asks) {
    conclude(live, Error{Errc::exhausted, "its budget: " + why});
    return;
  }
  stop_before(live, "a larger budget (" + why + "): " + command_line(live.flight->command()),
              budget);
}

/// What the attempt under way cost, or one that an earlier run left open.
std::vector<Charge> SystemCalls::settle(LiveTask& live, const Result<Reply>& outcome) {
  InFlight& flight = *live.flight;
  std::vector<Charge> charges = settle_earlier(live);
  const std::optional<Reservation> held = std::exchange(flight.held, std::nullopt);
  const bool is_program = std::holds_alternative<AwaitProcess>(flight.command());
  if (!held && !is_program) return charges;
  Spending spent = held ? spent_by(*held, outcome) : Spending{};
  spent.time = time_worked(outcome, flight.worked);
  for (const auto& account : live.accounts) {
    if (held) account->release(*held);
  }
  charge_accounts(live, spent);
  add_charge(live, held ? model_that_answered(*held, outcome) : "", spent, charges);
  return charges;
}

/// A task may be ended by force in the middle of a command.
std::vector<Charge> SystemCalls::settle_cut_off(LiveTask& live) {
  if (!live.flight) return {};
  Error cut_off{Errc::cancelled, "its task has ended"};
  cut_off.may_have_cost = live.flight->station == Station::performing;
  return settle(live, cut_off);
}

std::vector<Charge> SystemCalls::settle_earlier(LiveTask& live) {
  std::vector<Charge> charges;
  if (const auto owed = std::exchange(live.flight->owed, std::nullopt)) {
    add_charge(live, owed->model, estimated(*owed), charges);
  }
  return charges;
}

/// An earlier run began an attempt, and nobody knows what became of it.
void SystemCalls::owe(LiveTask& live, std::optional<Reservation> reserved) {
  live.flight->owed = std::move(reserved);
  if (live.flight->owed) charge_accounts(live, estimated(*live.flight->owed));
}

void SystemCalls::add_charge(const LiveTask& live, const std::string& model, const Spending& spent,
                             std::vector<Charge>& charges) const {
  if (spent == Spending{}) return;
  for (const Payer& payer : payers_of(live)) {
    charges.push_back(
        {.root = payer.key, .at = parts_.clock.wall(), .model = model, .spent = spent});
  }
}

/// Something has come back to those who paid for it.
void SystemCalls::serve_queued(const LiveTask& live) {
  for (const auto& account : std::vector(live.accounts))
    serve_line(account);
}

/// Those who wait for that look again, in their order.
void SystemCalls::serve_line(const std::shared_ptr<Account>& account) {
  for (const CommandId id : account->take_line()) {
    if (LiveTask* const queued = find_at(id, Station::queued)) pay(*queued);
  }
}

// ---- people ----

void SystemCalls::raise_budget(TaskId task, const BudgetRaise& raise, Person by,
                               Completion<Budget> done) {
  when_awake(task, std::move(done),
             [this, task, raise, by = std::move(by)](Completion<Budget> asked) mutable {
               raise_awake(task, raise, std::move(by), std::move(asked));
             });
}

namespace {

/// False: there is none.
bool raise_bound(std::optional<std::uint64_t>& bound, std::uint64_t by) {
  if (bound) *bound = saturated_sum(*bound, by);
  return bound || by == 0;
}

bool raise_bound(std::optional<Money>& bound, Money by) {
  if (bound) *bound += by;
  return bound || by == Money{};
}

bool raise_bound(std::optional<Milliseconds>& bound, Milliseconds by) {
  if (bound) *bound = saturated_sum(*bound, by);
  return bound || by == Milliseconds{0};
}

/// False: one of those that are raised does not exist.
bool raise_bounds(Budget& budget, const BudgetRaise& raise) {
  return raise_bound(budget.cost, raise.cost) && raise_bound(budget.tokens, raise.tokens) &&
         raise_bound(budget.calls, raise.calls) && raise_bound(budget.tasks, raise.tasks) &&
         raise_bound(budget.time, raise.time);
}

}  // namespace

/// Each of the family has the bound in its own records, so that any of them may outlive the others.
void SystemCalls::raise_awake(TaskId task, const BudgetRaise& raise, Person by,
                              Completion<Budget> done) {
  if (const Result<void> lives = check_live(task); !lives) return done(lives.error());
  LiveTask& asked = *find(task);
  Budget budget = asked.payload.budget;
  if (!raise_bounds(budget, raise)) {
    return done(Error{Errc::invalid, "its budget has no such bound"});
  }

  std::vector<Record> records;
  std::vector<LiveTask*> family;
  for (const auto& [id, live] : live_) {
    if (root_of(*live) == root_of(asked)) family.push_back(live.get());
  }
  std::ranges::sort(family, {}, [](const LiveTask* live) { return live->head.task; });
  for (LiveTask* const live : family) {
    const SignalPayload payload{
        .signal = Signal::budget, .by = by, .seq = held_for_budget(*live), .budget = budget};
    live->payload.budget = budget;
    (void)follow_signal(payload, live->stops);
    records.push_back(make_record(*live, RecordKind::signal, canonical_bytes(payload)));
  }
  const Lsn lsn = append(std::move(records), family);
  for (LiveTask* const live : family) {
    live->newest_signal = lsn;
    if (live->flight && live->flight->id.seq <= live->stops.let_go) let_go(*live);
  }
  gate_->when_durable(lsn, [budget, done = std::move(done)]() mutable { done(budget); });
}

/// The command that a task is held before for want of budget; 0: none.
Seq SystemCalls::held_for_budget(const LiveTask& live) {
  const bool holds = live.flight && live.flight->station == Station::held;
  return holds && live.stops.for_budget ? live.flight->id.seq : Seq{0};
}

std::optional<Budget> SystemCalls::budget_of(TaskId task) const {
  const LiveTask* const live = find(task);
  return live == nullptr ? std::nullopt : std::optional(live->payload.budget);
}

}  // namespace tinkerbell

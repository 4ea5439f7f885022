#include "syscall/stations.hpp"

#include <iterator>

namespace tinkerbell {

namespace {

/// Well below the longest record.
constexpr std::size_t kOutcomeBytesMax = std::size_t{32} << 20;

/// What the journal keeps of an error: also what was changed before it came to that.
Error as_journalled(const Error& error, const Masker& masker) {
  Error kept{error.code, masker.masked(error.message)};
  if (error.rejected == nullptr || changes_in(*error.rejected).empty()) return kept;
  Reply changes = *error.rejected;
  std::visit([&](auto& reply) { mask_strings(reply, masker); }, changes);
  kept.rejected = std::make_shared<const Reply>(std::move(changes));
  return kept;
}

/// Whether a person has taken over what a draft has changed, or there is nothing in it.
bool accepts_draft(const Result<Reply>& outcome) {
  const auto* const taken = outcome ? std::get_if<AwaitDraftAccept::Reply>(&*outcome) : nullptr;
  return taken != nullptr && (!taken->changes.empty() || taken->left.empty());
}

}  // namespace

/// The command is over: writes its RESULT (with its INTENT, if that is not there yet, and with what
/// stands `before` it in the same transaction, perhaps of an `other` task) and gives the outcome to
/// the task, which may see it at once.
void SystemCalls::conclude(LiveTask& live, Result<Reply> outcome, std::vector<Record> before,
                           LiveTask* other) {
  std::vector<Charge> charges = settle(live, outcome);
  if (outcome) {
    std::visit([&](auto& reply) { mask_strings(reply, parts_.masker); }, *outcome);
  } else {
    outcome = as_journalled(outcome.error(), parts_.masker);
  }
  add_earlier_changes(live.flight->changed, outcome);
  if (accepts_draft(outcome)) charges.push_back(charge_for_acceptance(live));
  std::string form = canonical_outcome(outcome);
  if (form.size() > kOutcomeBytesMax) {
    outcome = Error{Errc::too_large, "its outcome is longer than 32 MiB"};
    form = canonical_outcome(outcome);
  }
  std::vector<Record> records;
  if (!live.flight->intent_recorded) {
    records.push_back(make_intent(live, /*started=*/live.flight->attempt > 0));
  }
  std::ranges::move(before, std::back_inserter(records));
  records.push_back(make_command_record(live, RecordKind::result, std::move(form)));
  live.last_result = other == nullptr
                         ? append(live, std::move(records), std::move(charges))
                         : append(std::move(records), {other, &live}, std::move(charges));
  if (live.flight->attempt > 0 && !live.flight->key.empty()) {
    gate_->when_durable(live.last_result,
                        [driver = driver_for(live.flight->command()),
                         key = std::move(live.flight->key)] { driver->settled(key); });
  }
  deliver(live, std::move(outcome));
  serve_queued(live);
}

Charge SystemCalls::charge_for_acceptance(const LiveTask& live) const {
  return {
      .root = works_for(live), .at = parts_.clock.wall(), .model = {}, .spent = {.accepted = 1}};
}

namespace {

/// What a fork has copied was spent, and begun, by another task.
void count(const Reply& reply, LiveTask& live) {
  Totals& totals = live.totals;
  const bool its_own = !is_copied(live, live.flight->id.seq);
  if (const auto* const said = std::get_if<AwaitLLMResponse::Reply>(&reply); said && its_own) {
    totals.tokens_in += said->usage.input;
    totals.tokens_out += said->usage.output;
    totals.cost += said->cost.value_or(Money{});
  }
  if (const auto* const spawned = std::get_if<Spawn::Reply>(&reply)) {
    totals.children.push_back(spawned->task);
    if (its_own) live.children.push_back(spawned->task);
  }
}

}  // namespace

void SystemCalls::deliver(LiveTask& live, Result<Reply> outcome) {
  if (outcome) count(*outcome, live);
  CommandTrap& trap = *live.flight->trap;
  take_in(live.taint, trap.command, outcome, parts_.rules.secret_files);
  live.flight.reset();
  trap.outcome = std::move(outcome);
  scheduler_.wake(live.head.task, trap);
}

}  // namespace tinkerbell

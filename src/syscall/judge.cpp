#include "syscall/stations.hpp"

namespace tinkerbell {

void SystemCalls::judge(LiveTask& live) {
  InFlight& flight = *live.flight;
  flight.verdict = verdict_for(live, flight.command(), flight.facts);
  switch (flight.verdict.decision) {
    case Decision::allow:
      set_out(live);
      return;
    case Decision::ask:
      ask(live, QuestionKind::permission);
      return;
    case Decision::deny:
      refuse(live);
      return;
  }
}

void SystemCalls::refuse(LiveTask& live) {
  conclude(live, forbidden_by(live.flight->verdict));
}

Error forbidden_by(const Verdict& verdict) {
  return {Errc::denied, "the rule \"" + verdict.rule + "\" forbids this" +
                            (verdict.reason.empty() ? "" : ": " + verdict.reason)};
}

namespace {

/// The approval that a person gave for such commands in this task, if one did.
ApprovalId granted_for(const LiveTask& live, const TaskCommand& command, const Facts& facts) {
  if (live.grants.empty()) return kNoApproval;  // so mostly there is nothing to hash
  const auto granted = live.grants.find(repeat_hash(command, facts, live.payload.workspace));
  return granted == live.grants.end() ? kNoApproval : granted->second;
}

}  // namespace

/// What the rules say, and what people have said before.
Verdict SystemCalls::verdict_for(const LiveTask& live, const TaskCommand& command,
                                 const Facts& facts) const {
  const Subject subject{.narrowing = live.payload.narrowing,
                        .standing = {.rules = standing_.all(),
                                     .workspace = live.payload.workspace,
                                     .now = parts_.clock.wall()},
                        .taint = live.taint};
  Verdict verdict = decide(command, facts, parts_.rules, subject);
  if (verdict.decision != Decision::ask) return verdict;
  if (const auto granted = granted_for(live, command, facts); granted != kNoApproval) {
    return {Decision::allow, verdict.rule,
            "approved for this task with a" + std::to_string(number(granted))};
  }
  if (live.payload.approve_all) return {Decision::allow, verdict.rule, "approved by --yes"};
  return verdict;
}

/// What is shown is what is made: a rule of which a person would not see everything is not offered.
RuleOffer SystemCalls::offer_for(const LiveTask& live) const {
  RuleOffer offer = offer_rule(live.flight->command(), live.flight->facts, live.payload.workspace,
                               parts_.rules, live.taint);
  RuleOffer masked = offer;
  mask_strings(masked, parts_.masker);
  return masked == offer ? offer : RuleOffer{.rule = {}, .why_not = "it holds a secret"};
}

/// Allowed at once: the INTENT is its START as well.
void SystemCalls::allow(LiveTask& live) {
  InFlight& flight = *live.flight;
  const TaskCommand& command = flight.command();
  flight.attempt = 1;
  if (effect_of(command) == EffectClass::pure) {
    perform(live);  // recorded with its result; after a crash it simply runs again
    return;
  }
  std::vector<Record> records;
  records.push_back(make_intent(live, /*started=*/true));
  if (flight.pre_image) {
    records.push_back(
        make_command_record(live, RecordKind::file, canonical_bytes(*flight.pre_image)));
  }
  flight.intent_recorded = true;
  flight.doubt.started = flight.asked;
  const Lsn lsn = append(live, std::move(records));
  // Asking a model again does no harm: only the results that it was asked about must be safe; and,
  // where it has its price, that it was asked.
  const bool free_of_harm = effect_of(command) == EffectClass::idempotent && !flight.held;
  release(live, free_of_harm ? live.last_result : lsn);
}

void SystemCalls::ask(LiveTask& live, QuestionKind kind) {
  InFlight& flight = *live.flight;
  last_approval_ = ApprovalId{number(last_approval_) + 1};
  flight.approval = last_approval_;
  ++live.totals.questions;
  flight.hash = approval_hash(flight.command(), flight.facts, live.payload.workspace, flight.id);
  if (kind == QuestionKind::permission) flight.offer = offer_for(live);
  std::vector<Record> records;
  records.push_back(make_intent(live, /*started=*/false, kind));
  flight.intent_recorded = true;
  may_rest(live, {.approval = flight.approval,
                  .waiting_for = asks_for(flight.approval, kind, flight.command(), {})});
  open_question(live, kind, append(live, std::move(records), {charge_for_question(live)}));
}

/// What a question costs the one who reads it.
Charge SystemCalls::charge_for_question(const LiveTask& live) const {
  return {
      .root = works_for(live), .at = parts_.clock.wall(), .model = {}, .spent = {.questions = 1}};
}

void SystemCalls::open_question(LiveTask& live, QuestionKind kind, Lsn lsn) {
  InFlight& flight = *live.flight;
  flight.station = kind == QuestionKind::outcome ? Station::unsure : Station::asking;
  Question question{
      .id = flight.approval,
      .command = flight.id,
      .kind = kind,
      .name = std::string(name_of(flight.command())),
      .line = {},
      .card = {},
      .hash = flight.hash,
      .rule = kind == QuestionKind::permission ? explained(flight.verdict) : "",
      .choices = {},
      .opened = flight.asked,
      .offer = kind == QuestionKind::permission ? flight.offer : RuleOffer{},
  };
  put_in_words(question, flight.command(), flight.facts, flight.doubt);
  question.line = parts_.masker.masked(std::move(question.line));
  question.card = parts_.masker.masked(std::move(question.card));
  book_.open(std::move(question), lsn);
  idle_.push_back(flight.id);
}

}  // namespace tinkerbell

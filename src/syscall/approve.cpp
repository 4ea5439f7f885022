#include "syscall/stations.hpp"

namespace tinkerbell {

namespace {

/// Whether an answer of this form can be given to such a question.
Result<void> check_fit(QuestionKind kind, Answer answer, Scope scope) {
  if (scope == Scope::task && kind != QuestionKind::permission) {
    return Error{Errc::invalid, "only a permission can hold for the whole task"};
  }
  if (scope == Scope::always && (kind != QuestionKind::permission || answer != Answer::approve)) {
    return Error{Errc::invalid, "only a permission can be approved for good"};
  }
  switch (kind) {
    case QuestionKind::permission:
    case QuestionKind::question:
      if (answer == Answer::approve || answer == Answer::deny) return {};
      return Error{Errc::invalid, "this question wants to be approved or denied"};
    case QuestionKind::answer:
      if (answer == Answer::text || answer == Answer::deny) return {};
      return Error{Errc::invalid, "this question wants an answer in words, or to be denied"};
    case QuestionKind::outcome:
      if (answer == Answer::happened || answer == Answer::run_again || answer == Answer::abort) {
        return {};
      }
      return Error{Errc::invalid,
                   "this asks whether something happened: `tinkerbell resolve` it with --happened, "
                   "--run-again or --abort"};
  }
  return Error{Errc::internal, "a question of no kind"};
}

/// Whether the outcome of such a command can be put in a person's words.
Result<void> check_stated(const ApprovalPayload& answer, const TaskCommand& command) {
  if (!answer.result) return {};
  if (answer.answer != Answer::happened) {
    return Error{Errc::invalid, "only what happened has a result"};
  }
  if (!std::holds_alternative<AwaitProcess>(command)) {
    return Error{Errc::invalid, "only of a program can a person state the result, not of " +
                                    std::string(name_of(command))};
  }
  return {};
}

Error denial(const ApprovalPayload& answer) {
  return {Errc::denied,
          std::string(kPlainDenial) + (answer.text.empty() ? "" : ": " + answer.text)};
}

/// What a person says that a program wrote. It is the reply of one that went well, and says whose
/// word that is.
Reply stated_reply(const ApprovalPayload& answer) {
  const std::string& text = *answer.result;
  return AwaitProcess::Reply{.output = text,
                             .output_bytes = text.size(),
                             .note = "as a person states it (uid " + std::to_string(answer.by.uid) +
                                     ")" + (answer.text.empty() ? "" : ": " + answer.text)};
}

/// What the task is told of an effect that is not run again. That a person knows it happened does
/// not bring back its result, so without their words it is an error all the same.
Error unknown_outcome(const ApprovalPayload& answer) {
  const std::string said = answer.answer == Answer::happened
                               ? "a person says that it happened; its result is not known"
                               : "nobody knows whether it happened";
  return {Errc::unknown_outcome,
          "this step was cut off, and " + said + (answer.text.empty() ? "" : ": " + answer.text)};
}

}  // namespace

void SystemCalls::answer(ApprovalPayload answer, Completion<ApprovalPayload> done, RuleWish wish) {
  const TaskId asker = resting_->asker_of(answer.approval);
  when_awake(asker, std::move(done),
             [this, answer = std::move(answer), wish](Completion<ApprovalPayload> asked) mutable {
               answer_awake(std::move(answer), wish, std::move(asked));
             });
}

/// The standing rule that an answer makes: the one that the question showed.
Result<StandingRule> SystemCalls::rule_wanted(const Question& question,
                                              const ApprovalPayload& answer,
                                              const RuleWish& wish) const {
  const RuleOffer& offer = question.offer;
  if (!offer.rule) {
    return Error{Errc::invalid,
                 "no standing rule can be made of this: " +
                     (offer.why_not.empty() ? "the question showed none" : offer.why_not)};
  }
  const std::optional<StandingRule> of_file = for_directory(*offer.rule);
  if (wish.directory && !of_file) {
    return Error{Errc::invalid, "only of a file can a rule be for its directory"};
  }
  if (Result<void> room = standing_.check_room(); !room) return room.error();
  const WallTime now = parts_.clock.wall();
  StandingRule rule = wish.directory ? *of_file : *offer.rule;
  rule.number = number(question.id);
  rule.by_uid = answer.by.uid;
  rule.via = answer.by.via;
  rule.since_unix_ns = unix_nanoseconds(now);
  if (wish.valid) rule.expires_unix_ns = unix_nanoseconds(now + *wish.valid);
  return rule;
}

void SystemCalls::answer_awake(ApprovalPayload answer, RuleWish wish,
                               Completion<ApprovalPayload> done) {
  const Result<const Question*> open = book_.find_unanswered(answer.approval);
  if (!open) {
    gate_->when_durable(
        parts_.journal.last_lsn(),
        [error = open.error(), done = std::move(done)]() mutable { done(std::move(error)); });
    return;
  }
  if (const Result<void> fits = check_fit((*open)->kind, answer.answer, answer.scope); !fits) {
    done(fits.error());
    return;
  }
  const std::string hash = (*open)->hash.hex();
  if (!answer.hash.empty() && answer.hash != hash) {
    done(Error{Errc::conflict, "the question is about something else than what was shown"});
    return;
  }
  answer.hash = hash;
  answer.text = parts_.masker.masked(std::move(answer.text));
  LiveTask* const live = find((*open)->command.task);
  TINKERBELL_ASSERT(live != nullptr && live->flight && live->flight->id == (*open)->command);
  if (const Result<void> fits = check_stated(answer, live->flight->command()); !fits) {
    done(fits.error());
    return;
  }
  if (answer.result) answer.result = parts_.masker.masked(*std::move(answer.result));
  answer.rule.reset();
  if (answer.scope == Scope::always) {
    Result<StandingRule> rule = rule_wanted(**open, answer, wish);
    if (!rule) {
      done(rule.error());
      return;
    }
    answer.rule = *rule;
    standing_.add(*std::move(rule));  // into the transaction of the record
  }

  std::vector<Record> records;
  records.push_back(make_command_record(*live, RecordKind::approval, canonical_bytes(answer)));
  const bool yes = answer.answer == Answer::approve;
  switch ((*open)->kind) {
    case QuestionKind::question:
      conclude(*live, Reply(AwaitUserApproval::Reply{yes, answer.text}), std::move(records));
      break;
    case QuestionKind::answer:
      conclude(*live,
               answer.answer == Answer::deny ? Result<Reply>(denial(answer))
                                             : Reply(AwaitUserAnswer::Reply{answer.text}),
               std::move(records));
      break;
    case QuestionKind::permission:
      if (!yes) {
        conclude(*live, denial(answer), std::move(records));
      } else {
        append(*live, std::move(records));
        grant(*live, answer, live->flight->facts);
        recheck(*live);
      }
      break;
    case QuestionKind::outcome:
      resolve(*live, answer, std::move(records));
      break;
  }
  const Lsn last = parts_.journal.last_lsn();
  book_.answered(answer.approval, answer, parts_.clock.wall(), last);
  gate_->when_durable(last,
                      [answer, done = std::move(done)]() mutable { done(std::move(answer)); });
}

/// Remembers what was approved for the whole task.
void SystemCalls::grant(LiveTask& live, const ApprovalPayload& answer, const Facts& facts) {
  if (!is_grant(answer)) return;
  live.grants.emplace(repeat_hash(live.flight->command(), facts, live.payload.workspace),
                      answer.approval);
}

/// A person says what became of an effect.
void SystemCalls::resolve(LiveTask& live, const ApprovalPayload& answer,
                          std::vector<Record> records) {
  if (answer.answer != Answer::run_again) {
    conclude(live, answer.result ? Result<Reply>(stated_reply(answer)) : unknown_outcome(answer),
             std::move(records));
    return;
  }
  append(live, std::move(records));
  scheduler_.mark(live.head.task, TaskState::waiting);
  recheck(live);
}

/// Minutes or days may have passed since the command was allowed, and the daemon may be another
/// one: look again before it is started.
void SystemCalls::recheck(LiveTask& live) {
  Driver* const driver = driver_for(live.flight->command());
  if (driver == nullptr) {
    confirm(live);
    return;
  }
  live.flight->station = Station::rechecking;
  live.flight->facts = {};
  driver->prepare(call_of(live),
                  then(live.flight->id, Station::rechecking, &SystemCalls::rechecked));
}

void SystemCalls::rechecked(LiveTask& live, Result<Prepared> found) {
  InFlight& flight = *live.flight;
  if (!found) {
    conclude(live, found.error());
    return;
  }
  flight.facts = std::move(found->facts);
  flight.pre_image = std::move(found->pre_image);
  flight.reserved = std::move(found->reserved);
  const bool was_shown = !flight.hash.empty();
  if (was_shown && flight.hash != approval_hash(flight.command(), flight.facts,
                                                live.payload.workspace, flight.id)) {
    conclude(live,
             Error{Errc::conflict, "what was approved has changed since it was asked; look again"});
    return;
  }
  confirm(live);
}

/// The rules may have changed as well. A person's answer stands for a rule that asks, never for one
/// that denies.
void SystemCalls::confirm(LiveTask& live) {
  InFlight& flight = *live.flight;
  flight.verdict = verdict_for(live, flight.command(), flight.facts);
  const bool approved = flight.approval != kNoApproval;
  if (hold(live)) return;
  if (flight.verdict.decision == Decision::deny) {
    refuse(live);
  } else if (flight.verdict.decision == Decision::ask && !approved) {
    conclude(live, Error{Errc::conflict, "it was allowed, and now the rule \"" +
                                             flight.verdict.rule + "\" asks; try again"});
  } else {
    set_out(live);
  }
}

}  // namespace tinkerbell

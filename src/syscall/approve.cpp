#include "syscall/stations.hpp"

namespace tinkerbell {

namespace {

/// Whether an answer of this form can be given to such a question.
Result<void> check_fit(QuestionKind kind, Answer answer, Scope scope) {
  if (scope == Scope::task && kind != QuestionKind::permission) {
    return Error{Errc::invalid, "only a permission can hold for the whole task"};
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
                   "this asks whether something happened: resolve it as happened, run_again or "
                   "abort"};
  }
  return Error{Errc::internal, "a question of no kind"};
}

Error denial(const ApprovalPayload& answer) {
  return {Errc::denied, answer.text.empty() ? std::string("a person said no")
                                            : "a person said no: " + answer.text};
}

/// What the task is told of an effect that is not run again. That a person knows it happened does
/// not bring back its result, so it is an error all the same.
Error unknown_outcome(const ApprovalPayload& answer) {
  const std::string said = answer.answer == Answer::happened
                               ? "a person says that it happened; its result is not known"
                               : "nobody knows whether it happened";
  return {Errc::unknown_outcome, "the daemon was ended during this step, and " + said +
                                     (answer.text.empty() ? "" : ": " + answer.text)};
}

}  // namespace

void SystemCalls::answer(ApprovalPayload answer, Completion<ApprovalPayload> done) {
  const Result<const Question*> open = book_.find(answer.approval);
  if (!open) {
    done(open.error());
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
  const Result<Question> question = book_.decide(answer.approval, answer, parts_.clock.wall());
  LiveTask* const live = question ? find(question->command.task) : nullptr;
  TINKERBELL_ASSERT(live != nullptr && live->flight && live->flight->id == question->command);

  std::vector<Record> records;
  records.push_back(make_command_record(*live, RecordKind::approval, canonical_bytes(answer)));
  const bool yes = answer.answer == Answer::approve;
  switch (question->kind) {
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
  gate_->when_durable(parts_.journal.last_lsn(),
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
    conclude(live, unknown_outcome(answer), std::move(records));
    return;
  }
  append(live, std::move(records));
  scheduler_.mark(live.head.task, TaskState::waiting);
  recheck(live);
}

/// Minutes or days may have passed since the question was asked: look again before the answer is
/// used.
void SystemCalls::recheck(LiveTask& live) {
  Driver* const driver = driver_for(live.flight->command());
  if (driver == nullptr) {
    run_inside(live);
    return;
  }
  live.flight->station = Station::rechecking;
  driver->prepare(call_of(live),
                  then(live.flight->id, Station::rechecking, &SystemCalls::rechecked));
}

void SystemCalls::rechecked(LiveTask& live, Result<Prepared> found) {
  InFlight& flight = *live.flight;
  if (!found) {
    conclude(live, found.error());
    return;
  }
  const Sha256 now =
      approval_hash(flight.command(), found->facts, live.payload.workspace, flight.id);
  if (now != flight.hash) {
    conclude(live,
             Error{Errc::conflict, "what was approved has changed since it was asked; look again"});
    return;
  }
  flight.pre_image = std::move(found->pre_image);
  start(live);
}

}  // namespace tinkerbell

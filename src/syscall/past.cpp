#include "syscall/past.hpp"

#include <algorithm>
#include <ranges>

namespace tinkerbell {

namespace {

Result<void> read_intent(const Record& record, PastCommand& past) {
  past.asked = record.wall;
  past.attempts = record.attempt;
  past.started = record.wall;
  if (Result<void> read = read_payload(record, past.intent); !read) return read;
  if (past.intent.started) past.begun = record.lsn;
  if (past.intent.question) ++past.questions;
  return {};
}

Result<void> read_answer(const Record& record, PastCommand& past) {
  ApprovalPayload& answer = past.decision.emplace();
  if (Result<void> read = read_payload(record, answer); !read) return read;
  if (is_grant(answer)) past.grant = answer;
  return {};
}

Result<void> read_setback(const Record& record, PastCommand& past) {
  DeferredPayload& setback = past.deferred.emplace();
  if (Result<void> read = read_payload(record, setback); !read) return read;
  past.worked = setback.worked;
  return {};
}

Result<void> read_doubt(const Record& record, PastCommand& past) {
  ++past.questions;
  UnsurePayload& doubt = past.unsure.emplace();
  if (Result<void> read = read_payload(record, doubt); !read) return read;
  past.changed = doubt.changes;
  return {};
}

Result<void> read_record(const Record& record, PastCommand& past) {
  switch (record.kind) {
    case RecordKind::intent:
      return read_intent(record, past);
    case RecordKind::start:
      past.attempts = record.attempt;
      past.started = record.wall;
      past.unsure.reset();  // a person had it started once more
      past.deferred.reset();
      return {};
    case RecordKind::approval:
      return read_answer(record, past);
    case RecordKind::file:
      return read_payload(record, past.pre_image.emplace());
    case RecordKind::unsure:
      return read_doubt(record, past);
    case RecordKind::deferred:
      return read_setback(record, past);
    case RecordKind::result:
      past.has_result = true;
      return {};
    case RecordKind::task:
    case RecordKind::signal:
    case RecordKind::done:
    case RecordKind::snapshot:
    case RecordKind::resolved:
      return {};
  }
  return Error{Errc::invalid, "record " + std::to_string(number(record.lsn)) + " of unknown kind"};
}

}  // namespace

std::span<const Record> Past::of(Seq command) const {
  const std::span<const Record> to_come = std::span(records_).subspan(next_);
  const auto [begin, end] = std::ranges::equal_range(to_come, command, {}, &Record::seq);
  return {begin, end};
}

Fingerprint Past::fingerprint() const {
  const Record& first = records_[next_];
  return first.kind == RecordKind::intent ? first.fingerprint : Fingerprint{};
}

const Record* Past::result() const {
  for (const Record& record : std::views::reverse(of(oldest()))) {
    if (record.kind == RecordKind::result) return &record;
  }
  return nullptr;
}

/// Its INTENT is its START as well, and no answer of a person stands behind it.
bool Past::was_allowed_at_once() const {
  const std::span<const Record> records = of(oldest());
  const auto is_about_a_question = [](const Record& record) {
    return record.kind == RecordKind::approval || record.kind == RecordKind::unsure;
  };
  return records.front().kind == RecordKind::intent && records.front().attempt > 0 &&
         std::ranges::none_of(records, is_about_a_question);
}

Result<PastCommand> Past::read(std::span<const Record> records) {
  PastCommand past;
  for (const Record& record : records) {
    if (Result<void> read = read_record(record, past); !read) return read.error();
  }
  return past;
}

/// What is over takes no memory for long: a task that has come to its newest command may wait
/// there.
void Past::pop() {
  const Seq over = oldest();
  while (!empty() && oldest() == over)
    records_[next_++].payload = {};
  if (next_ < records_.size() - next_) return;
  records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(next_));
  records_.shrink_to_fit();
  next_ = 0;
}

}  // namespace tinkerbell

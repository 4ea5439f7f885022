#include "tinkerbell/journal/journal.hpp"

#include "tinkerbell/base/assert.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <unordered_set>

namespace tinkerbell {

namespace {

/// As one transaction.
Batch merged(std::deque<Batch> appends) {
  Batch all = std::move(appends.front());
  appends.pop_front();
  if (appends.empty()) return all;
  std::size_t records = all.records.size();
  std::size_t heads = all.heads.size();
  for (const Batch& each : appends) {
    records += each.records.size();
    heads += each.heads.size();
  }
  all.records.reserve(records);
  all.heads.reserve(heads);
  for (Batch& each : appends) {
    std::ranges::move(each.records, std::back_inserter(all.records));
    std::ranges::move(each.heads, std::back_inserter(all.heads));
    std::ranges::move(each.charges, std::back_inserter(all.charges));
    std::ranges::move(each.rules, std::back_inserter(all.rules));
    all.last_approval = std::max(all.last_approval, each.last_approval);
  }
  return all;
}

/// Of several heads of one task only the last counts. Ordered by task, as the store's table is.
std::vector<TaskHead> newest_of(std::vector<TaskHead> heads) {
  if (heads.size() == 1) return heads;
  std::vector<TaskHead> newest;
  newest.reserve(heads.size());
  std::unordered_set<TaskId> seen;
  for (TaskHead& head : std::views::reverse(heads)) {
    if (seen.insert(head.task).second) newest.push_back(std::move(head));
  }
  std::ranges::sort(newest, {}, &TaskHead::task);
  return newest;
}

bool has_head_of(TaskId task, const std::vector<TaskHead>& heads) {
  return std::ranges::find(heads, task, &TaskHead::task) != heads.end();
}

}  // namespace

Journal::Journal(std::unique_ptr<Store> store, Callbacks callbacks)
    : callbacks_(std::move(callbacks)),
      opened_(store->state()),
      last_lsn_(opened_.last_lsn),
      durable_lsn_(opened_.last_lsn),
      self_(std::make_shared<Journal*>(this)),
      accepted_work_(store->accepted_work()),
      kept_rules_(store->kept_rules()),
      store_(std::move(store)),
      anchor_(store_->anchor()) {
  // Another error than this one means that there is no reserve, not that there is no room.
  if (const Result<void> kept = store_->take_reserve();
      !kept && kept.error().code == Errc::storage_full) {
    storage_full_ = kept.error();
    full_ = FullDisk{};
  }
}

// ---- loop thread ----

void Journal::adopt(const TaskHead& head) {
  TINKERBELL_ASSERT(head.task != kNoTask && head.head != Lsn{0});
  heads_.insert_or_assign(head.task, head.head);
}

bool Journal::release(TaskId task) {
  const auto newest = heads_.find(task);
  TINKERBELL_ASSERT(newest != heads_.end());
  if (newest->second > durable_lsn_) return false;
  heads_.erase(newest);
  return true;
}

Lsn Journal::append(std::vector<Record> records, std::vector<TaskHead> heads,
                    ApprovalId last_approval, std::vector<Charge> charges,
                    std::vector<KeptRule> rules) {
  TINKERBELL_ASSERT(!records.empty());
  for (Record& record : records) {
    TINKERBELL_ASSERT(has_head_of(record.task, heads));  // or it could not be found again
    chain(record);
  }
  for (TaskHead& head : heads)
    complete(head);
  for (const Charge& charge : charges)
    TINKERBELL_ASSERT(charge.root != kNoTask);  // or nobody would have spent it
  {
    const std::lock_guard lock(mutex_);
    queue_.appends.push_back({.records = std::move(records),
                              .heads = std::move(heads),
                              .last_approval = last_approval,
                              .charges = std::move(charges),
                              .rules = std::move(rules)});
  }
  unannounced_ = true;
  return last_lsn_;
}

void Journal::announce() {
  if (!std::exchange(unannounced_, false)) return;
  {
    const std::lock_guard lock(mutex_);
    announced_ = !queue_.empty();  // the writer may have taken it with what came before
  }
  work_.notify_one();
}

/// Gives the record its place: in the journal and behind the one before it of its task.
void Journal::chain(Record& record) {
  Lsn& newest = heads_[record.task];
  // A task that was not adopted would lose its past.
  TINKERBELL_ASSERT(newest != Lsn{0} || record.kind == RecordKind::task);
  last_lsn_ = Lsn{number(last_lsn_) + 1};
  record.lsn = last_lsn_;
  record.previous = std::exchange(newest, last_lsn_);
  record.epoch = opened_.epoch;
}

void Journal::complete(TaskHead& head) {
  const auto newest = heads_.find(head.task);
  TINKERBELL_ASSERT(newest != heads_.end());
  head.head = newest->second;
  if (head.ended) heads_.erase(newest);
}

void Journal::enqueue(Read read) {
  {
    const std::lock_guard lock(mutex_);
    queue_.reads.push_back(std::move(read));
    announced_ = true;
  }
  work_.notify_one();
}

template <class T, class Ask>
void Journal::ask(Ask ask_store, Completion<T> done) {
  enqueue([this, ask_store, done = std::move(done)](Store& store, const Error* failure) mutable {
    Result<T> answer = failure == nullptr ? ask_store(store) : Result<T>(*failure);
    callbacks_.post([done = std::move(done), answer = std::move(answer)]() mutable {
      done(std::move(answer));
    });
  });
}

void Journal::read_records(TaskId task, Completion<std::vector<Record>> done) {
  ask([task](Store& store) { return store.records(task); }, std::move(done));
}

void Journal::read_tasks(Store::Which which, TaskId before, std::uint32_t limit,
                         Completion<std::vector<TaskHead>> done) {
  ask([which, before, limit](Store& store) { return store.tasks(which, before, limit); },
      std::move(done));
}

void Journal::read_ledger(const LedgerRange& range, Completion<std::vector<LedgerLine>> done) {
  ask([range](Store& store) { return store.ledger(range); }, std::move(done));
}

void Journal::remove_rule(std::uint64_t number, Completion<void> done) {
  ask([number](Store& store) { return store.remove_rule(number); }, std::move(done));
}

void Journal::read_task(TaskId task, Completion<StoredTask> done) {
  ask(
      [task](Store& store) -> Result<StoredTask> {
        Result<TaskHead> head = store.task(task);
        if (!head) return head.error();
        Result<std::vector<Record>> records = store.records_from_snapshot(task);
        if (records) return StoredTask{*std::move(head), *std::move(records)};
        if (records.error().code != Errc::invalid) return records.error();
        return StoredTask{*std::move(head), {}, records.error()};
      },
      std::move(done));
}

Journal::Counters Journal::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

// ---- writer ----

bool Journal::write(std::size_t appends_max) {
  if (full_ && !failure_) return write_while_full();
  Queue work = take(appends_max);
  if (work.empty()) return false;
  commit_all(std::move(work.appends));
  for (Read& read : work.reads)
    read(*store_, failure_ ? &*failure_ : nullptr);
  return true;
}

Journal::Queue Journal::take(std::size_t appends_max) {
  const std::lock_guard lock(mutex_);
  if (queue_.appends.size() <= appends_max) {
    announced_ = false;
    return std::exchange(queue_, {});
  }
  const auto end = queue_.appends.begin() + static_cast<std::ptrdiff_t>(appends_max);
  Queue first;
  std::move(queue_.appends.begin(), end, std::back_inserter(first.appends));
  queue_.appends.erase(queue_.appends.begin(), end);
  return first;
}

bool Journal::wait_for_work(SteadyTime until) {
  std::unique_lock lock(mutex_);
  if (full_ && !failure_) return wait_while_full(lock);
  const bool called =
      work_.wait_until(lock, until, [this] { return ending_ || (announced_ && !queue_.empty()); });
  return !called || !queue_.empty();
}

Milliseconds Journal::renew() {
  constexpr Milliseconds kLook{4'000};
  constexpr int kTimesInALease = 3;
  if (failure_) return kLook;
  const Result<std::optional<Milliseconds>> lease = store_->renew();
  if (lease) {
    tell_anchor();
    return lease->has_value() ? std::min(**lease / kTimesInALease, kLook) : kLook;
  }
  failure_ = lease.error();
  tell_failed();
  return kLook;
}

void Journal::end_writing() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  work_.notify_one();
}

void Journal::commit_all(std::deque<Batch> appends) {
  if (!appends.empty()) commit(merged(std::move(appends)));
}

void Journal::commit(Batch batch) {
  if (failure_) return;  // the process is about to end; nothing may look durable
  batch.heads = newest_of(std::move(batch.heads));
  if (Result<void> done = store_->append(batch); !done) {
    if (done.error().code == Errc::storage_full) {
      return wait_for_room(std::move(batch), done.error());
    }
    failure_ = done.error();
    tell_failed();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    ++counters_.commits;
    counters_.records += batch.records.size();
  }
  tell_accepted(batch.charges);  // first: who sees that a task has ended sees it counted
  tell_durable(std::move(batch.records));
}

void Journal::tell_durable(std::vector<Record> records) {
  callbacks_.post([self = std::weak_ptr(self_), records = std::move(records)] {
    const auto journal = self.lock();
    if (journal == nullptr) return;
    (*journal)->durable_lsn_ = records.back().lsn;
    (*journal)->callbacks_.durable(records);
  });
}

void Journal::tell_accepted(const std::vector<Charge>& charges) {
  if (std::ranges::none_of(charges, counts_for_people)) return;
  std::vector<std::pair<TaskId, std::uint64_t>> questions;
  for (const Charge& charge : charges) {
    if (charge.spent.accepted == 0) continue;
    const Result<std::vector<LedgerLine>> lines = store_->ledger({.root = charge.root});
    if (!lines) continue;  // whoever opens it next will say so
    std::uint64_t asked = 0;
    for (const LedgerLine& line : *lines)
      asked += line.spent.questions;
    questions.emplace_back(charge.root, asked);
  }
  callbacks_.post([self = std::weak_ptr(self_), accepted = store_->accepted_work(),
                   questions = std::move(questions)] {
    const auto journal = self.lock();
    if (journal == nullptr) return;
    (*journal)->accepted_work_ = accepted;
    if (!(*journal)->callbacks_.work_accepted) return;
    for (const auto& [root, asked] : questions)
      (*journal)->callbacks_.work_accepted(root, asked);
  });
}

void Journal::tell_anchor() {
  const Anchor newest = store_->anchor();
  if (std::exchange(anchor_, newest) == newest || !callbacks_.anchored) return;
  callbacks_.post([self = std::weak_ptr(self_), newest] {
    if (const auto journal = self.lock()) (*journal)->callbacks_.anchored(newest);
  });
}

void Journal::tell_failed() {
  callbacks_.post([self = std::weak_ptr(self_), error = *failure_] {
    if (const auto journal = self.lock()) (*journal)->callbacks_.failed(error);
  });
}

}  // namespace tinkerbell

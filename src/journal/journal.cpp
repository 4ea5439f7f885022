#include "tinkerbell/journal/journal.hpp"

#include "tinkerbell/base/assert.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <iterator>

namespace tinkerbell {

namespace {

/// Builds that tasks start would otherwise slow commits tenfold. Needs a privilege
/// (CAP_SYS_NICE or LimitNICE=); without it we go on as we are.
void raise_own_priority() {
  constexpr int kNice = -5;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

/// Of several heads of one task only the last counts. Ordered by task, as the store's table is.
std::vector<TaskHead> newest_of(std::vector<TaskHead> heads) {
  std::map<TaskId, TaskHead> newest;
  for (TaskHead& head : heads)
    newest.insert_or_assign(head.task, std::move(head));
  heads.clear();
  for (auto& [task, head] : newest)
    heads.push_back(std::move(head));
  return heads;
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
      store_(std::move(store)),
      writer_([this] { write_until_stopped(); }) {}

Journal::~Journal() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  writer_.join();
}

// ---- loop thread ----

void Journal::adopt(const TaskHead& head) {
  TINKERBELL_ASSERT(head.task != kNoTask && head.head != Lsn{0});
  heads_.insert_or_assign(head.task, head.head);
}

Lsn Journal::append(std::vector<Record> records, std::vector<TaskHead> heads,
                    ApprovalId last_approval) {
  TINKERBELL_ASSERT(!records.empty());
  for (Record& record : records) {
    TINKERBELL_ASSERT(has_head_of(record.task, heads));  // or it could not be found again
    chain(record);
  }
  for (TaskHead& head : heads)
    anchor(head);
  {
    const std::lock_guard lock(mutex_);
    std::ranges::move(records, std::back_inserter(queue_.batch.records));
    std::ranges::move(heads, std::back_inserter(queue_.batch.heads));
    queue_.batch.last_approval = std::max(queue_.batch.last_approval, last_approval);
  }
  work_.notify_one();
  return last_lsn_;
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

void Journal::anchor(TaskHead& head) {
  const auto newest = heads_.find(head.task);
  TINKERBELL_ASSERT(newest != heads_.end());
  head.head = newest->second;
  if (head.ended) heads_.erase(newest);
}

void Journal::enqueue(Read read) {
  {
    const std::lock_guard lock(mutex_);
    queue_.reads.push_back(std::move(read));
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

void Journal::read_tasks(TaskId before, std::uint32_t limit,
                         Completion<std::vector<TaskHead>> done) {
  ask([before, limit](Store& store) { return store.tasks(before, limit); }, std::move(done));
}

Journal::Counters Journal::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

// ---- writer thread ----

void Journal::write_until_stopped() {
  raise_own_priority();
  for (Queue work = wait_for_work(); !work.empty(); work = wait_for_work()) {
    if (!work.batch.records.empty()) commit(std::move(work.batch));
    for (Read& read : work.reads)
      read(*store_, failure_ ? &*failure_ : nullptr);
  }
}

/// All that is queued; nothing only when the journal ends.
Journal::Queue Journal::wait_for_work() {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  return std::exchange(queue_, {});
}

void Journal::commit(Batch batch) {
  if (failure_) return;  // the process is about to end; nothing may look durable
  batch.heads = newest_of(std::move(batch.heads));
  if (Result<void> done = store_->append(batch); !done) {
    failure_ = done.error();
    tell_failed();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    ++counters_.commits;
    counters_.records += batch.records.size();
  }
  tell_durable(batch.records.back().lsn);
}

void Journal::tell_durable(Lsn lsn) {
  callbacks_.post([self = std::weak_ptr(self_), lsn] {
    const auto journal = self.lock();
    if (journal == nullptr) return;
    (*journal)->durable_lsn_ = lsn;
    (*journal)->callbacks_.durable(lsn);
  });
}

void Journal::tell_failed() {
  callbacks_.post([self = std::weak_ptr(self_), error = *failure_] {
    if (const auto journal = self.lock()) (*journal)->callbacks_.failed(error);
  });
}

}  // namespace tinkerbell

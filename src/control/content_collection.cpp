#include "control/content_collection.hpp"

#include "tinkerbell/base/file.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/syscall/contents.hpp"
#include "tinkerbell/workspace/drafts.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace tinkerbell::control {

namespace {

/// From when something is put until it stands in a record, at the longest, where that is not the
/// end of a ContentStore::Work.
constexpr auto kGrace = std::chrono::hours{1};
constexpr std::uint32_t kTasksAtOnce = 1'000;

/// Whether nobody has made or changed anything in a directory since.
bool is_older(const std::filesystem::path& directory, WallTime than) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0) return false;
  return std::chrono::seconds{status.st_mtim.tv_sec} < than.time_since_epoch();
}

class ContentCollection : public std::enable_shared_from_this<ContentCollection> {
 public:
  ContentCollection(Context& context, CollectContents wanted, Completion<ContentStore::Usage> done)
      : parts_(context.parts),
        wanted_(std::move(wanted)),
        put_before_(parts_.contents.before_all_work(parts_.clock.wall() - kGrace)),
        done_(std::move(done)) {}

  /// First what the drivers have in memory: who relies on that from now on writes it down later.
  void begin() {
    run([](ContentCollection& self) { return self.parts_.relied_on(self.needed_); },
        &ContentCollection::list);
  }

 private:
  using Step = void (ContentCollection::*)();

  /// Work for the pool, and what comes after it.
  void run(Result<void> (*work)(ContentCollection& self), Step next) {
    parts_.pool.run<void>([self = shared_from_this(), work] { return work(*self); },
                          Completion<void>([self = shared_from_this(), next](Result<void> done) {
                            done ? ((*self).*next)() : self->done_(done.error());
                          }));
  }

  void list() {
    parts_.journal.read_tasks(
        Store::Which::all, before_, kTasksAtOnce,
        Completion<std::vector<TaskHead>>(
            [self = shared_from_this()](const Result<std::vector<TaskHead>>& heads) {
              if (!heads) return self->done_(heads.error());
              for (const TaskHead& head : *heads)
                if (!self->wanted_.gone.contains(head.task)) self->to_read_.push_back(head.task);
              if (heads->empty()) return self->remove();
              self->before_ = heads->back().task;
              self->read();
            }));
  }

  void read() {
    if (to_read_.empty()) return list();
    const TaskId task = to_read_.back();
    to_read_.pop_back();
    tasks_.insert(task);
    parts_.journal.read_records(
        task, Completion<std::vector<Record>>([self = shared_from_this()](
                                                  Result<std::vector<Record>> records) {
          if (!records) return self->done_(records.error());
          self->records_ = *std::move(records);
          self->run(
              [](ContentCollection& each) { return add_contents(each.records_, each.needed_); },
              &ContentCollection::read);
        }));
  }

  void remove() {
    run([](ContentCollection& self) { return self.remove_drafts(); },
        &ContentCollection::remove_contents);
  }

  Result<void> remove_drafts() const {
    const Result<std::vector<TaskId>> drafts = parts_.drafts.all();
    if (!drafts) return drafts.error();
    for (const TaskId draft : *drafts) {
      const std::filesystem::path directory = parts_.drafts.directory_of(draft);
      if (wanted_.dry_run || tasks_.contains(draft) || !is_older(directory, put_before_)) continue;
      if (Result<void> gone = remove_tree(directory); !gone) return gone;
    }
    return {};
  }

  void remove_contents() {
    parts_.pool.run<ContentStore::Usage>(
        [self = shared_from_this()] {
          return self->parts_.contents.remove_all_but(self->needed_, self->put_before_,
                                                      self->wanted_.dry_run);
        },
        std::move(done_));
  }

  ControlPlane::Parts& parts_;
  CollectContents wanted_;
  WallTime put_before_;
  Completion<ContentStore::Usage> done_;
  std::set<Sha256> needed_;
  std::set<TaskId> tasks_;
  std::vector<TaskId> to_read_;
  TaskId before_ = kNoTask;
  std::vector<Record> records_;  ///< Of the task that is being read.
};

}  // namespace

void collect_contents(Context& context, CollectContents wanted,
                      Completion<ContentStore::Usage> done) {
  std::make_shared<ContentCollection>(context, std::move(wanted), std::move(done))->begin();
}

}  // namespace tinkerbell::control

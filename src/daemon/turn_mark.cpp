#include "daemon/turn_mark.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tinkerbell {

/// Deaths in a row of one task; task 0: free.
struct TurnMark::Count {
  std::uint64_t task = 0;
  std::uint64_t step = 0;
  std::uint64_t deaths = 0;
};

/// The file, as it is in memory. A file with another form is begun anew.
struct TurnMark::Page {
  static constexpr std::uint64_t kForm = 0x314E5255544B4E54;  // "TNKTURN1"

  std::uint64_t form = kForm;
  std::atomic<std::uint64_t> task = 0;  ///< Whose turn it is; 0: nobody's.
  std::atomic<std::uint64_t> step = 0;
  std::array<Count, 64> counts{};  ///< Those of more tasks than that are not kept.
};

Result<std::unique_ptr<TurnMark>> TurnMark::open(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "turn";
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return os_error("open " + path.string(), errno);
  // With its blocks: a store into a hole of a full disk would be a SIGBUS.
  const int failed = ::posix_fallocate(file.get(), 0, sizeof(Page));
  if (failed != 0) return os_error("make room for " + path.string(), failed);
  void* const mapped =
      ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) return os_error("map " + path.string(), errno);
  auto* page = static_cast<Page*>(mapped);
  if (page->form != Page::kForm) page = new (mapped) Page;
  std::unique_ptr<TurnMark> mark(new TurnMark(page, /*mapped=*/true));
  mark->count_what_was_left();
  return mark;
}

std::unique_ptr<TurnMark> TurnMark::in_memory() {
  return std::unique_ptr<TurnMark>(new TurnMark(new Page, /*mapped=*/false));
}

TurnMark::~TurnMark() {
  if (!mapped_) {
    delete page_;
  } else {
    ::munmap(page_, sizeof(Page));
  }
}

void TurnMark::connect(KernelObserver& next, std::function<Seq(TaskId)> step_of) {
  next_ = &next;
  step_of_ = std::move(step_of);
}

void TurnMark::count_what_was_left() {
  const std::uint64_t task = page_->task.load();
  const std::uint64_t step = page_->step.load();
  end();
  if (task == 0) return;
  Count* count = find(TaskId{task});
  if (count == nullptr) count = find(kNoTask);
  if (count == nullptr) return;
  if (count->task != task || count->step != step) *count = {.task = task, .step = step};
  ++count->deaths;
}

TurnMark::Count* TurnMark::find(TaskId task) const {
  const auto found = std::ranges::find(page_->counts, number(task), &Count::task);
  return found == page_->counts.end() ? nullptr : found;
}

TurnMark::Deaths TurnMark::deaths_of(TaskId task) const {
  const Count* const count = find(task);
  if (count == nullptr) return {};
  return {.count = count->deaths, .at = Seq{static_cast<std::uint32_t>(count->step)}};
}

void TurnMark::forget(TaskId task) {
  if (Count* const count = find(task)) *count = {};
}

void TurnMark::forget_all() {
  page_->counts.fill({});
}

/// The step first: a death between the two is at another task's step, at worst.
void TurnMark::begin(Place place) {
  page_->step.store(number(place.step), std::memory_order_relaxed);
  page_->task.store(number(place.task), std::memory_order_release);
}

void TurnMark::end() {
  page_->task.store(0, std::memory_order_release);
}

void TurnMark::task_state_changed(TaskId task, TaskState from, TaskState to) {
  if (to == TaskState::running) turn_began(task);
  next_->task_state_changed(task, from, to);
}

void TurnMark::cleanup_turn_began(TaskId task) {
  turn_began(task);
}

void TurnMark::turns_ended() {
  end();
}

void TurnMark::turn_began(TaskId task) {
  is_durable(task) ? begin({.task = task, .step = step_of_(task)}) : end();
}

}  // namespace tinkerbell

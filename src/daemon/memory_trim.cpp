#include "daemon/memory_trim.hpp"

#include <algorithm>

namespace tinkerbell {

void MemoryTrim::recorded(const Record& record) {
  if (record.kind == RecordKind::done) trim_later();
  next_.recorded(record);
}

void MemoryTrim::progressed(CommandId id, ProgressKind kind, std::string_view text) {
  next_.progressed(id, kind, text);
}

void MemoryTrim::awoke(const TaskHead& head, const std::vector<Record>& records) {
  next_.awoke(head, records);
}

void MemoryTrim::rests(TaskId task) {
  trim_later();
  next_.rests(task);
}

void MemoryTrim::trim_later() {
  if (awaited_) return;
  awaited_ = true;
  timer_.expires_at(std::max(Clock::now() + pace_.delay, not_before_));
  timer_.async_wait([this](const boost::system::error_code& failed) {
    if (failed) return;
    awaited_ = false;
    not_before_ = Clock::now() + pace_.least_between;
    trim_();
  });
}

}  // namespace tinkerbell

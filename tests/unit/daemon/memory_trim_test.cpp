#include "daemon/memory_trim.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

class Silent final : public SyscallObserver {
 public:
  void recorded(const Record& /*record*/) override { ++told; }

  void progressed(CommandId /*id*/, ProgressKind /*kind*/, std::string_view /*text*/) override {}

  int told = 0;
};

class MemoryTrimTest : public testing::Test {
 protected:
  void record(RecordKind kind) {
    Record record;
    record.kind = kind;
    trim_.recorded(record);
  }

  /// Until nothing is awaited any more; how often it was trimmed.
  int trimmed() {
    io_.restart();
    io_.run();
    return std::exchange(trimmed_, 0);
  }

  boost::asio::io_context io_;
  int trimmed_ = 0;
  Silent next_;
  MemoryTrim trim_{io_.get_executor(),
                   {.delay = Milliseconds{1}, .least_between = Milliseconds{1}},
                   [this] { ++trimmed_; },
                   next_};
};

TEST_F(MemoryTrimTest, FollowsManyEndsOnce) {
  for (int i = 0; i < 100; ++i)
    record(RecordKind::done);
  EXPECT_EQ(trimmed(), 1);
  record(RecordKind::done);
  EXPECT_EQ(trimmed(), 1);
  EXPECT_EQ(next_.told, 101);
}

TEST_F(MemoryTrimTest, FollowsTasksThatWentToRest) {
  trim_.rests(TaskId{1});
  EXPECT_EQ(trimmed(), 1);
}

TEST_F(MemoryTrimTest, DoesNotFollowWhatAWorkingTaskRecords) {
  record(RecordKind::result);
  EXPECT_EQ(trimmed(), 0);
}

}  // namespace
}  // namespace tinkerbell

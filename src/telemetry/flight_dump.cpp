#include "tinkerbell/telemetry/flight_dump.hpp"

#include "telemetry/json_text.hpp"

#include "tinkerbell/telemetry/chrome_trace.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <utility>

namespace tinkerbell {

namespace {

constexpr mode_t kDumpMode = 0600;

/// Into a descriptor, as far as it goes.
class DescriptorOutput final : public TextOutput {
 public:
  explicit DescriptorOutput(int fd) : fd_(fd) {}

  void write(std::string_view piece) noexcept override {
    while (!failed_ && !piece.empty()) {
      const ssize_t count = ::write(fd_, piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      failed_ = count < 0;
      if (!failed_) piece.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  int fd_;
  bool failed_ = false;
};

std::int64_t unix_microseconds() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

}  // namespace

FlightDump::FlightDump(Parts parts)
    : parts_(std::move(parts)),
      directory_(::open(parts_.state_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
      path_(parts_.state_dir + "/" + std::string(kFileName)) {
  set_invariant_hook(this);
}

FlightDump::~FlightDump() {
  set_invariant_hook(nullptr);
}

void FlightDump::invariant_broken(const BrokenInvariant& what) noexcept {
  write_last_line(what, write_trace());
}

/// Whose turn it was may be in ruins: only its id is read, and that was written when it began.
bool FlightDump::write_trace() const noexcept {
  const UniqueFd file(::openat(directory_.get(), kFileName.data(),
                               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, kDumpMode));
  if (!file) return false;
  const TaskControl* const running = parts_.watch.task.load(std::memory_order_relaxed);
  DescriptorOutput output(file.get());
  write_chrome_trace({.turns = parts_.ring.pieces(),
                      .ticks = parts_.ticks,
                      .now = parts_.ticks.now(),
                      .now_unix_us = unix_microseconds(),
                      .running = running == nullptr ? kNoTask : running->id,
                      .running_since = parts_.watch.began.load(std::memory_order_relaxed)},
                     output);
  return !output.failed();
}

void FlightDump::write_last_line(const BrokenInvariant& what, bool dumped) const noexcept {
  DescriptorOutput output(parts_.log_fd);
  JsonText line(output);
  line.raw(R"({"ts":)").time(unix_microseconds());
  line.raw(R"(,"level":"error","event":"invariant.broken","condition":)").text(what.condition);
  line.raw(R"(,"file":)").text(what.file).raw(R"(,"line":)").integer(what.line);
  if (dumped) line.raw(R"(,"trace":)").text(path_);
  line.raw("}\n").flush();
}

}  // namespace tinkerbell

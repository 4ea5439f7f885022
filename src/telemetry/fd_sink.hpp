#pragma once

#include "tinkerbell/base/unique_fd.hpp"

#include <spdlog/sinks/base_sink.h>

#include <mutex>

namespace tinkerbell {

/// Writes each line to a descriptor with as few write(2) as possible, at once. Throws
/// spdlog::spdlog_ex when that fails: spdlog's own stderr sink would lose the line in silence, and
/// its file sink would find out only with a later one.
class FdSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FdSink(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;

  void flush_() override {}

  UniqueFd fd_;
  bool torn_ = false;  ///< The last line was written in part: the next one must not follow it.
};

}  // namespace tinkerbell

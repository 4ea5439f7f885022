#include "telemetry/fd_sink.hpp"

#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace tinkerbell {

void FdSink::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t formatted;
  if (torn_) formatted.push_back('\n');
  formatter_->format(message, formatted);
  std::string_view rest(formatted.data(), formatted.size());
  while (!rest.empty()) {
    const ssize_t count = ::write(fd_.get(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw spdlog::spdlog_ex("write log line", errno);
    rest.remove_prefix(static_cast<std::size_t>(count));
    torn_ = !rest.empty();
  }
}

}  // namespace tinkerbell

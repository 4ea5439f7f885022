#include "daemon/notify.hpp"

#include <systemd/sd-daemon.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace tinkerbell {

void Notifier::ready(const std::string& status) {
  sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void Notifier::stopping() {
  sd_notify(0, "STOPPING=1");
}

void Notifier::feed_watchdog() {
  std::uint64_t period_us = 0;
  if (sd_watchdog_enabled(0, &period_us) <= 0) return;
  sd_notify(0, "WATCHDOG=1");
  timer_.expires_after(std::chrono::microseconds(period_us / 2));
  timer_.async_wait([this](const boost::system::error_code& failed) {
    if (!failed) feed_watchdog();
  });
}

int activated_socket() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  int found = -1;
  for (int i = 0; i < count; ++i) {
    if (std::string_view(names[i]) == "control") found = SD_LISTEN_FDS_START + i;
    std::free(names[i]);
  }
  std::free(static_cast<void*>(names));
  return found;
}

}  // namespace tinkerbell

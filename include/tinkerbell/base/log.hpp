#pragma once

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/base/names.hpp"

#include <cstdint>
#include <string_view>

namespace tinkerbell {

enum class LogLevel : std::uint8_t {
  trace,  ///< Every turn and byte: for whoever debugs the daemon itself.
  debug,  ///< Every station of a command.
  info,   ///< What a person would like to find later: tasks, commands, questions, restarts.
  warn,   ///< Something was refused, lost time or was repaired.
  error,  ///< A promise is in danger or a request failed because of us.
};

template <>
inline constexpr std::array<std::string_view, 5> kNames<LogLevel> = {"trace", "debug", "info",
                                                                     "warn", "error"};

/// Takes structured log lines. `event` is a stable dotted name (docs/logging.md); `fields` is an
/// object whose ids are "task", "command", "span", with units in the keys. May be called from any
/// thread. Secrets are masked below.
class Logger {
 public:
  Logger() = default;
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;
  virtual ~Logger() = default;

  /// Whether lines of this level are written at all: ask before building costly fields.
  [[nodiscard]] virtual bool writes(LogLevel level) const = 0;

  virtual void log(LogLevel level, std::string_view event, Json fields) = 0;

  void debug(std::string_view event, Json fields = Json::object()) {
    log(LogLevel::debug, event, std::move(fields));
  }

  void info(std::string_view event, Json fields = Json::object()) {
    log(LogLevel::info, event, std::move(fields));
  }

  void warn(std::string_view event, Json fields = Json::object()) {
    log(LogLevel::warn, event, std::move(fields));
  }

  void error(std::string_view event, Json fields = Json::object()) {
    log(LogLevel::error, event, std::move(fields));
  }
};

/// Drops everything. For tests and tools.
class SilentLogger final : public Logger {
 public:
  [[nodiscard]] bool writes(LogLevel /*level*/) const override { return false; }

  void log(LogLevel /*level*/, std::string_view /*event*/, Json /*fields*/) override {}
};

}  // namespace tinkerbell

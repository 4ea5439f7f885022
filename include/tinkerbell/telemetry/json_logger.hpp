#pragma once

#include "tinkerbell/base/log.hpp"
#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/base/result.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace tinkerbell {

struct LogOptions {
  LogLevel level = LogLevel::info;  ///< Lines below it are not written.
  std::string file;                 ///< Appended to; made with mode 0640 less the umask.
                                    ///< Empty: standard error.
};

/// Writes each log line as one JSON object on a line of its own:
///
///     {"ts":"2026-11-22T20:33:35.123Z","level":"info","event":"task.started","task":12}
///
/// Any thread. Never throws and never ends the process because of its output: a line that cannot be
/// written is dropped. (SIGPIPE is the program's: ignore it.) Registered secrets are
/// masked, texts longer than 8 KiB shortened. Format: docs/logging.md.
class JsonLogger final : public Logger {
 public:
  ~JsonLogger() override;

  [[nodiscard]] bool writes(LogLevel level) const override;
  void log(LogLevel level, std::string_view event, Json fields) override;

  /// Where the lines go: for a last one, by whoever cannot come through here any more.
  [[nodiscard]] int descriptor() const;

 private:
  friend Result<std::unique_ptr<JsonLogger>> make_json_logger(const LogOptions& options,
                                                              const Masker* masker);
  class Output;

  JsonLogger(std::unique_ptr<Output> output, const Masker* masker);

  std::unique_ptr<Output> output_;
  const Masker* masker_;
};

/// `masker` outlives the logger and is read-only by now; nullptr masks nothing. Errors: those of
/// opening the file.
[[nodiscard]] Result<std::unique_ptr<JsonLogger>> make_json_logger(const LogOptions& options,
                                                                   const Masker* masker);

}  // namespace tinkerbell

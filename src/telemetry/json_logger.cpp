#include "tinkerbell/telemetry/json_logger.hpp"

#include "telemetry/fd_sink.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/text.hpp"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <unistd.h>

#include <cerrno>

namespace tinkerbell {

namespace {

constexpr std::size_t kTextBytesMax = 8 << 10;
constexpr mode_t kFileMode = 0640;

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
}

void shorten_texts(Json& value) {
  if (value.is_string()) {
    auto& text = value.get_ref<std::string&>();
    if (text.size() > kTextBytesMax) text = shortened(text, kTextBytesMax);
  } else if (value.is_structured()) {
    for (Json& each : value)
      shorten_texts(each);
  }
}

/// The three keys that every line has come first and are ours alone; then the fields by name.
std::string line_of(LogLevel level, std::string_view event, Json fields) {
  if (!fields.is_object()) fields = Json{{"value", std::move(fields)}};
  for (const char* ours : {"ts", "level", "event"})
    fields.erase(ours);
  std::string line = "{\"ts\":\"" + rfc3339(SystemClock{}.wall()) + "\",\"level\":\"" +
                     std::string(name_of(level)) +
                     "\",\"event\":" + dump_json(Json(std::string(event)));
  if (!fields.empty()) line += ',';
  return line + dump_json(fields).substr(1);
}

Result<UniqueFd> opened(const std::string& file) {
  UniqueFd fd(
      file.empty()
          ? ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
          : ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, kFileMode));
  if (!fd) return os_error("open log " + (file.empty() ? "on standard error" : file), errno);
  return fd;
}

}  // namespace

/// The spdlog logger: levels and the lock around the sink. What the sink refuses is dropped.
class JsonLogger::Output {
 public:
  Output(UniqueFd fd, LogLevel level)
      : fd_(fd.get()), logger_("tinkerbell", std::make_shared<FdSink>(std::move(fd))) {
    logger_.set_pattern("%v");
    logger_.set_level(level_of(level));
    logger_.set_error_handler([](const std::string& /*message*/) {});
  }

  [[nodiscard]] bool wants(LogLevel level) const { return logger_.should_log(level_of(level)); }

  void write(LogLevel level, const std::string& line) { logger_.log(level_of(level), line); }

  [[nodiscard]] int descriptor() const { return fd_; }

 private:
  int fd_;  ///< The sink's.
  spdlog::logger logger_;
};

JsonLogger::JsonLogger(std::unique_ptr<Output> output, const Masker* masker)
    : output_(std::move(output)), masker_(masker) {}

JsonLogger::~JsonLogger() = default;

bool JsonLogger::writes(LogLevel level) const {
  return output_->wants(level);
}

int JsonLogger::descriptor() const {
  return output_->descriptor();
}

void JsonLogger::log(LogLevel level, std::string_view event, Json fields) {
  if (!writes(level)) return;
  try {
    if (masker_ != nullptr) mask_strings(fields, *masker_);
    shorten_texts(fields);
    output_->write(level, line_of(level, event, std::move(fields)));
  } catch (...) {  // no memory for the line: the caller's work goes on without it
  }
}

Result<std::unique_ptr<JsonLogger>> make_json_logger(const LogOptions& options,
                                                     const Masker* masker) {
  Result<UniqueFd> fd = opened(options.file);
  if (!fd) return fd.error();
  auto output = std::make_unique<JsonLogger::Output>(*std::move(fd), options.level);
  return std::unique_ptr<JsonLogger>(new JsonLogger(std::move(output), masker));
}

}  // namespace tinkerbell

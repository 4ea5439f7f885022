#include "drivers/git/git_config.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

namespace tinkerbell {

namespace {

bool is_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
}

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

class SettingsReader {
 public:
  explicit SettingsReader(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }

  Result<std::vector<GitSetting>> read() {
    for (skip_blank(); !rest_.empty(); skip_blank()) {
      const bool read = rest_.front() == '[' ? read_section() : read_setting();
      if (!read) {
        return Error{Errc::invalid,
                     "the settings of git, line " + std::to_string(line_) + ": not understood"};
      }
    }
    return std::move(settings_);
  }

 private:
  [[nodiscard]] std::optional<char> peek() const {
    return rest_.empty() ? std::nullopt : std::optional(rest_.front());
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    // Where git sees the end of a line: also behind a carriage return.
    if (c == '\r' && peek() == '\n') return take();
    if (c == '\n') ++line_;
    return c;
  }

  void skip_line() {
    while (!rest_.empty() && take() != '\n') {
    }
  }

  /// White space and comments between settings.
  void skip_blank() {
    while (const auto c = peek()) {
      if (*c == '#' || *c == ';') {
        skip_line();
      } else if (std::isspace(static_cast<unsigned char>(*c)) != 0) {
        take();
      } else {
        return;
      }
    }
  }

  bool read_section() {
    take();
    GitSetting section;
    std::string* name = &section.section;
    while (const auto c = peek()) {
      take();
      if (*c == ']') {
        settings_.push_back(section);
        return !section.section.empty();
      }
      if (*c == ' ' || *c == '\t') return read_subsection(section);
      if (*c == '.' && name == &section.section) {
        name = &section.subsection;  // the old form: [section.subsection]
      } else if (is_name(*c) || *c == '.') {
        *name += lower(*c);
      } else {
        return false;
      }
    }
    return false;
  }

  bool read_subsection(GitSetting& section) {
    while (peek() == ' ' || peek() == '\t')
      take();
    if (section.section.empty() || peek() != '"') return false;
    take();
    while (const auto c = peek()) {
      if (*c == '\n') return false;
      take();
      if (*c == '"') break;
      if (*c != '\\') {
        section.subsection += *c;
      } else if (peek() && peek() != '\n') {
        section.subsection += take();
      } else {
        return false;
      }
    }
    if (peek() != ']') return false;
    take();
    settings_.push_back(section);
    return true;
  }

  bool read_setting() {
    if (settings_.empty() || std::isalpha(static_cast<unsigned char>(rest_.front())) == 0) {
      return false;
    }
    GitSetting setting = settings_.back();
    setting.key.clear();
    setting.value.clear();
    while (peek() && is_name(*peek()))
      setting.key += lower(take());
    while (peek() == ' ' || peek() == '\t')
      take();
    if (!peek() || peek() == '\n' || peek() == '\r') {
      setting.value = "true";  // a name alone says that
    } else if (take() != '=' || !read_value(setting.value)) {
      return false;
    }
    settings_.push_back(std::move(setting));
    return true;
  }

  bool read_value(std::string& value) {
    bool quoted = false;
    std::size_t solid = 0;  // up to here no blank is at the end
    while (!rest_.empty()) {
      const char c = take();
      if (c == '\n') {
        value.resize(solid);
        return !quoted;
      }
      if (!quoted && (c == '#' || c == ';')) {
        skip_line();
        value.resize(solid);
        return true;
      }
      if (c == '"') {
        quoted = !quoted;
        solid = value.size();
      } else if (c == '\\') {
        if (!read_escape(value)) return false;
        solid = value.size();
      } else {
        const bool blank = std::isspace(static_cast<unsigned char>(c)) != 0;
        if (blank && !quoted && value.empty()) continue;
        value += c;
        if (!blank || quoted) solid = value.size();
      }
    }
    value.resize(solid);
    return !quoted;
  }

  bool read_escape(std::string& value) {
    if (rest_.empty()) return false;
    switch (const char c = take()) {
      case '\n':
        return true;
      case 'n':
        value += '\n';
        return true;
      case 't':
        value += '\t';
        return true;
      case 'b':
        value += '\b';
        return true;
      case '"':
      case '\\':
        value += c;
        return true;
      default:
        return false;
    }
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  std::vector<GitSetting> settings_;
};

}  // namespace

Result<std::vector<GitSetting>> git_settings_in(std::string_view text) {
  if (text.contains('\0')) return Error{Errc::invalid, "the settings of git: not a text"};
  return SettingsReader(text).read();
}

}  // namespace tinkerbell

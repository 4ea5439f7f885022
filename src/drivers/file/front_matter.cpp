#include "drivers/file/front_matter.hpp"

#include "tinkerbell/base/text.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <exception>

namespace tinkerbell {

namespace {

constexpr std::size_t kFrontMatterBytesMax = 16 << 10;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kDescriptionBytesMax = 1'024;
constexpr std::size_t kReasonBytesMax = 120;

/// The first line, which is taken off; without its end.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// The YAML, which is taken off with the lines around it.
Result<std::string> take_front_matter(std::string_view& text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (take_line(text) != "---") return Error{Errc::invalid, "it does not begin with a line ---"};
  std::string yaml;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line == "---") return yaml;
    yaml += std::string(line) + '\n';
    if (yaml.size() > kFrontMatterBytesMax) break;
  }
  return Error{Errc::invalid, "its front matter has no end"};
}

std::string text_at(const YAML::Node& map, const char* key) {
  const YAML::Node value = map[key];
  return value.IsDefined() && value.IsScalar() ? valid_utf8(value.Scalar()) : std::string();
}

}  // namespace

Result<SkillText> read_skill_text(std::string_view text) {
  const Result<std::string> yaml = take_front_matter(text);
  if (!yaml) return yaml.error();
  try {
    const YAML::Node map = YAML::Load(*yaml);
    if (!map.IsMap()) return Error{Errc::invalid, "its front matter is no map"};
    SkillText skill{.name = text_at(map, "name"),
                    .description = shortened(text_at(map, "description"), kDescriptionBytesMax),
                    .body = text};
    if (skill.name.empty()) return Error{Errc::invalid, "it has no name"};
    if (skill.description.empty()) return Error{Errc::invalid, "it has no description"};
    return skill;
  } catch (const std::exception& error) {
    return Error{Errc::invalid, "its front matter is not YAML: " +
                                    visible_line(shortened(error.what(), kReasonBytesMax))};
  }
}

bool is_skill_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, allowed) &&
         !name.starts_with('-') && !name.ends_with('-') && !name.contains("--");
}

}  // namespace tinkerbell

#include "tinkerbell/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <numeric>
#include <utility>
#include <vector>

namespace tinkerbell {

namespace {

struct Range {
  char32_t first;
  char32_t last;
};

/// Code points that show nothing, reorder what stands around them, or have no agreed shape.
constexpr std::array kDeceptive = {
    Range{0x00AD, 0x00AD},   Range{0x034F, 0x034F},    Range{0x0600, 0x0605},
    Range{0x061C, 0x061C},   Range{0x06DD, 0x06DD},    Range{0x070F, 0x070F},
    Range{0x0890, 0x0891},   Range{0x08E2, 0x08E2},    Range{0x115F, 0x1160},
    Range{0x17B4, 0x17B5},   Range{0x180B, 0x180F},    Range{0x200B, 0x200F},
    Range{0x2028, 0x202E},   Range{0x2060, 0x206F},    Range{0x2800, 0x2800},
    Range{0x3164, 0x3164},   Range{0xD800, 0xF8FF},    Range{0xFDD0, 0xFDEF},
    Range{0xFE00, 0xFE0F},   Range{0xFEFF, 0xFEFF},    Range{0xFFA0, 0xFFA0},
    Range{0xFFF0, 0xFFFB},   Range{0xFFFE, 0xFFFF},    Range{0x110BD, 0x110BD},
    Range{0x110CD, 0x110CD}, Range{0x13430, 0x1345F},  Range{0x1BCA0, 0x1BCA3},
    Range{0x1D173, 0x1D17A}, Range{0xE0000, 0x10FFFF},
};

bool deceptive(char32_t value) {
  const auto* const range = std::ranges::lower_bound(kDeceptive, value, {}, &Range::last);
  return range != kDeceptive.end() && value >= range->first;
}

void append_escaped_byte(std::string& out, std::uint8_t byte) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\x%02x", byte);
  out += text.data();
}

/// How many bytes at the beginning are such: most of what comes, and taken at once.
template <class Fits>
std::size_t bytes_that(const Fits& fit, std::string_view text) {
  const auto* const end = std::ranges::find_if_not(
      text, [&](char byte) { return fit(static_cast<std::uint8_t>(byte)); });
  return static_cast<std::size_t>(end - text.begin());
}

std::string make_visible(std::string_view text, bool keep_layout) {
  const auto is_plain = [keep_layout](std::uint8_t byte) {
    return (byte >= 0x20 && byte < 0x7F) || (keep_layout && (byte == '\n' || byte == '\t'));
  };
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t plain = bytes_that(is_plain, text);
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const CodePoint point = first_code_point(text);
    const char32_t value = point.value;
    const bool control = value < 0x20 || (value >= 0x7F && value < 0xA0);
    if (!point.valid) {
      append_escaped_byte(out, static_cast<std::uint8_t>(text[0]));
    } else if (control) {
      append_escaped_byte(out, static_cast<std::uint8_t>(value));
    } else if (deceptive(value)) {
      std::array<char, 16> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u{%04x}", static_cast<unsigned>(value));
      out += escaped.data();
    } else {
      out.append(text.substr(0, point.length));
    }
    text.remove_prefix(point.length);
  }
  return out;
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t value = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return {};
  return {value, length, true};
}

std::string valid_utf8(std::string_view text) {
  const auto is_plain = [](std::uint8_t byte) { return byte != 0 && byte < 0x80; };
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t plain = bytes_that(is_plain, text);
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const CodePoint point = first_code_point(text);
    if (!point.valid) {
      out += "\xEF\xBF\xBD";
    } else if (point.value == 0) {
      out += "\xE2\x90\x80";
    } else {
      out.append(text.substr(0, point.length));
    }
    text.remove_prefix(point.length);
  }
  return out;
}

std::string visible_text(std::string_view text) {
  return make_visible(text, true);
}

std::string visible_line(std::string_view text) {
  return make_visible(text, false);
}

namespace {

/// The end of the last whole code point of a longer text that ends within so many bytes.
std::size_t code_points_within(std::string_view text, std::size_t bytes_max) {
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xC0) == 0x80)
    --end;
  return end;
}

}  // namespace

std::string shortened(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  const std::size_t end = code_points_within(text, bytes_max);
  return std::string(text.substr(0, end)) + "… (" + std::to_string(text.size() - end) +
         " more bytes)";
}

std::size_t page_length(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text.size();
  const std::size_t line_end = text.substr(0, bytes_max).rfind('\n');
  if (line_end != std::string_view::npos) return line_end + 1;
  return std::max<std::size_t>(code_points_within(text, bytes_max), 1);
}

namespace {

/// As page_length, from the end.
std::string_view last_page(std::string_view text, std::size_t bytes_max) {
  const std::string_view tail = text.substr(text.size() - bytes_max);
  const std::size_t begin = tail.find('\n') + 1;
  if (begin != 0 && begin < tail.size()) return tail.substr(begin);
  const auto* const whole = std::ranges::find_if(
      tail, [](char c) { return (static_cast<std::uint8_t>(c) & 0xC0) != 0x80; });
  return tail.substr(static_cast<std::size_t>(whole - tail.begin()));
}

}  // namespace

TextEnds ends_of(std::string_view text, std::size_t bytes_max) {
  const std::size_t head = bytes_max / 3 * 2;
  return {text.substr(0, page_length(text, head)), last_page(text, bytes_max - head)};
}

std::string without_middle(std::string_view text, std::size_t bytes_max) {
  const auto [head, tail] = ends_of(text, bytes_max);
  return std::string(head) + "\n[… bytes " + std::to_string(head.size()) + " to " +
         std::to_string(text.size() - tail.size()) + " of " + std::to_string(text.size()) +
         " left out …]\n" + std::string(tail);
}

std::string in_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {" bytes", " KiB", " MiB", " GiB", " TiB"};
  constexpr std::uint64_t kStep = 1 << 10;
  std::size_t unit = 0;
  while (bytes != 0 && bytes % kStep == 0 && unit + 1 < kUnits.size()) {
    bytes /= kStep;
    ++unit;
  }
  return std::to_string(bytes).append(kUnits[unit]);
}

std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t changed = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace tinkerbell

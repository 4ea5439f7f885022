#include "tinkerbell/base/masker.hpp"

#include "tinkerbell/base/json.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>

namespace tinkerbell {

namespace {

constexpr std::string_view kMask = "[secret]";
constexpr std::size_t kSecretBytesMin = 8;

/// Base64 of `text` as it looks when `skip` bytes of a group stand before it: without the digits
/// that the neighbours share.
std::string base64_inside(std::string_view text, std::size_t skip) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string padded = std::string(skip, '\0') + std::string(text);
  std::string out;
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (const char byte : padded) {
    bits = (bits << 8) | static_cast<std::uint8_t>(byte);
    bit_count += 8;
    while (bit_count >= 6) {
      bit_count -= 6;
      out.push_back(kDigits[(bits >> bit_count) & 0x3F]);
    }
  }
  const std::size_t shared = (skip * 8 + 5) / 6;
  return out.substr(shared);
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("-._~").contains(c)) {
      out.push_back(c);
    } else {
      std::array<char, 4> escape{};
      std::snprintf(escape.data(), escape.size(), "%%%02X", static_cast<unsigned char>(c));
      out += escape.data();
    }
  }
  return out;
}

std::string json_escaped(std::string_view text) {
  const std::string quoted = dump_json(Json(std::string(text)));
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

bool Masker::add(std::string_view secret) {
  if (secret.size() < kSecretBytesMin) return false;
  for (std::string spelling :
       {std::string(secret), base64_inside(secret, 0), base64_inside(secret, 1),
        base64_inside(secret, 2), percent_encoded(secret), json_escaped(secret)}) {
    if (std::ranges::find(needles_, spelling) == needles_.end()) {
      needles_.push_back(std::move(spelling));
    }
  }
  std::ranges::sort(needles_, std::ranges::greater{}, &std::string::size);
  return true;
}

std::string Masker::masked(std::string text) const {
  for (const std::string& needle : needles_) {
    for (std::size_t at = text.find(needle); at != std::string::npos;
         at = text.find(needle, at + kMask.size())) {
      text.replace(at, needle.size(), kMask);
    }
  }
  return text;
}

bool Masker::finds_secret_in(std::string_view text) const {
  return std::ranges::any_of(needles_,
                             [&](const std::string& needle) { return text.contains(needle); });
}

void mask_strings(Json& value, const Masker& masker) {
  if (masker.empty()) return;
  if (value.is_string()) {
    value = masker.masked(value.get<std::string>());
  } else if (value.is_structured()) {
    for (Json& each : value)
      mask_strings(each, masker);
  }
}

}  // namespace tinkerbell

#include "drivers/http/outbound.hpp"

#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/io/http_url.hpp"

#include <algorithm>
#include <string>

namespace tinkerbell {

namespace {

/// In the digits of plain base64: "+/" for "-_".
std::string with_plain_digits(std::string text) {
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  return text;
}

bool holds_secret(const std::string& text, const Masker& masker) {
  const std::string decoded = percent_decoded(text);
  return masker.finds_secret_in(text) || masker.finds_secret_in(decoded) ||
         masker.finds_secret_in(with_plain_digits(decoded));
}

}  // namespace

bool holds_secret(const AwaitHttp& request, const Masker& masker) {
  if (masker.empty()) return false;
  return holds_secret(request.url, masker) || holds_secret(request.body, masker) ||
         std::ranges::any_of(request.headers, [&](const HttpField& header) {
           return holds_secret(header.name + ": " + header.value, masker);
         });
}

}  // namespace tinkerbell

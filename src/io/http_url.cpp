#include "tinkerbell/io/http_url.hpp"

#include "io/control_bytes.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace tinkerbell {

namespace {

namespace urls = boost::urls;

Error invalid(std::string_view why) {
  return {Errc::invalid, "url: " + std::string(why)};
}

bool is_plain_name(std::string_view host) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
  return !host.empty() && host.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool is_host(const urls::url_view& url) {
  switch (url.host_type()) {
    case urls::host_type::name:
      return is_plain_name(std::string_view(url.encoded_host().data(), url.encoded_host().size()));
    case urls::host_type::ipv4:
    case urls::host_type::ipv6:
      return true;
    case urls::host_type::none:
    case urls::host_type::ipvfuture:
      return false;
  }
  return false;
}

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// Empty if the port is out of range or left out after its colon.
std::string port_of(const urls::url_view& url, bool secure) {
  if (!url.has_port()) return secure ? "443" : "80";
  return url.port_number() == 0 ? "" : std::to_string(url.port_number());
}

std::string target_of(const urls::url_view& url) {
  std::string target(url.encoded_path().data(), url.encoded_path().size());
  if (target.empty()) target = "/";
  if (url.has_query()) {
    target += '?';
    target.append(url.encoded_query().data(), url.encoded_query().size());
  }
  return target;
}

}  // namespace

std::string HttpUrl::host_and_port() const {
  return (host.contains(':') ? "[" + host + "]" : host) + ":" + port;
}

std::string HttpUrl::origin() const {
  return (secure ? "https://" : "http://") + host_and_port();
}

Result<HttpUrl> parse_http_url(std::string_view text) {
  const auto parsed = urls::parse_uri(text);
  if (parsed.has_error()) return invalid("malformed");
  const urls::url_view& url = *parsed;
  // Boost.URL 1.81 ends the authority at a port that is no number: "http://x:-1/" has the path
  // "-1/".
  if (!target_of(url).starts_with('/')) return invalid("malformed");

  const bool secure = url.scheme_id() == urls::scheme::https;
  if (!secure && url.scheme_id() != urls::scheme::http) return invalid("only http and https");
  if (url.has_userinfo()) return invalid("a user name is not accepted");
  if (!is_host(url)) return invalid("the host is neither a name nor an address");
  if (has_control_bytes(url.path()) || has_control_bytes(url.query())) {
    return invalid("control bytes are not accepted");
  }
  const std::string port = port_of(url, secure);
  if (port.empty()) return invalid("the port is no number from 1 to 65535");

  const bool default_port = port == (secure ? "443" : "80");
  const std::string host = lower_case(url.host());  // with brackets
  return HttpUrl{.secure = secure,
                 .host = lower_case(url.host_address()),
                 .port = port,
                 .authority = default_port ? host : host + ":" + port,
                 .target = target_of(url)};
}

Result<std::string> resolve_reference(std::string_view base, std::string_view reference) {
  const auto from = urls::parse_uri(base);
  const auto to = urls::parse_uri_reference(reference);
  if (from.has_error() || to.has_error()) return invalid("malformed");
  urls::url resolved;
  if (urls::resolve(*from, *to, resolved).has_error()) return invalid("malformed");
  resolved.remove_fragment();
  const auto text = resolved.buffer();
  return std::string(text.data(), text.size());
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned char byte = 0;
    const char* const digits = text.data() + at + 1;
    const bool escaped = text[at] == '%' && text.size() - at > 2 &&
                         std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
    decoded += escaped ? static_cast<char>(byte) : text[at];
    if (escaped) at += 2;
  }
  return decoded;
}

}  // namespace tinkerbell

#include "io/http_url.hpp"

#include "io/control_bytes.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

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

std::string HttpUrl::origin() const {
  const std::string name = host.contains(':') ? "[" + host + "]" : host;
  return (secure ? "https://" : "http://") + name + ":" + port;
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
  const std::string host_as_written = url.host();
  return HttpUrl{.secure = secure,
                 .host = url.host_address(),
                 .port = port,
                 .authority = default_port ? host_as_written : host_as_written + ":" + port,
                 .target = target_of(url)};
}

}  // namespace tinkerbell

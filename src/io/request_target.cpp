#include "io/request_target.hpp"

#include "io/control_bytes.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace tinkerbell {

Result<RequestTarget> parse_request_target(std::string_view target) {
  const auto parsed = boost::urls::parse_origin_form(target);
  if (parsed.has_error()) return Error{Errc::invalid, "request target is malformed"};

  RequestTarget result;
  result.path = parsed->path();
  if (has_control_bytes(result.path)) {
    return Error{Errc::invalid, "request path holds control bytes"};
  }
  for (const auto& parameter : parsed->params()) {
    if (!result.query.emplace(parameter.key, parameter.value).second) {
      return Error{Errc::invalid, "query parameter \"" + parameter.key + "\" is given twice"};
    }
  }
  return result;
}

}  // namespace tinkerbell

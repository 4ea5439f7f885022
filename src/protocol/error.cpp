#include "tinkerbell/protocol/error.hpp"

namespace tinkerbell::protocol {

ErrorBody body_of(const Error& error) {
  return {.code = std::string(name_of(error.code)), .message = error.message};
}

Error error_of(const ErrorBody& body) {
  return {value_named<Errc>(body.code).value_or(Errc::internal), body.message};
}

int status_for(Errc code) {
  switch (code) {
    case Errc::invalid:
      return 400;
    case Errc::denied:
    case Errc::outside_workspace:
      return 403;
    case Errc::not_found:
      return 404;
    case Errc::conflict:
    case Errc::cancelled:
    case Errc::diverged:
    case Errc::not_started:
    case Errc::unknown_outcome:
      return 409;
    case Errc::too_large:
      return 413;
    case Errc::rate_limited:
    case Errc::exhausted:
      return 429;
    case Errc::internal:
    case Errc::io:
      return 500;
    case Errc::unsupported:
      return 501;
    case Errc::unauthorized:  // a model's server refused us: the client of the socket did no wrong
    case Errc::protocol:
      return 502;
    case Errc::abandoned:
    case Errc::unavailable:
      return 503;
    case Errc::timed_out:
      return 504;
    case Errc::storage_full:
      return 507;
  }
  return 500;
}

Error error_from(int status, std::string_view body) {
  const Result<Json> json = parse_json(body);
  const Result<ErrorView> view =
      json ? from_json_value<ErrorView>(*json) : Result<ErrorView>(json.error());
  if (!view || view->error.code.empty()) {
    return {Errc::protocol, "the daemon answered " + std::to_string(status) + " without a reason"};
  }
  return error_of(view->error);
}

}  // namespace tinkerbell::protocol

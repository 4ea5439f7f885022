#pragma once

#include "tinkerbell/io/http_url.hpp"

namespace tinkerbell {

/// Whether an answer of this status says where to ask instead. Source: RFC 9110 §15.4.
[[nodiscard]] bool is_redirect(int status);

/// Whether a redirect leads to the server that was judged: the same host, port and scheme. That
/// https takes the place of http there, on their usual ports, is the one difference that does no
/// harm.
[[nodiscard]] bool stays_at_server(const HttpUrl& from, const HttpUrl& to);

}  // namespace tinkerbell

#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/fields.hpp"
#include "tinkerbell/command/effect.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Requests over the network.

namespace tinkerbell {

/// A line of the header of a request or an answer.
struct HttpField {
  std::string name;
  std::string value;

  static constexpr auto fields() {
    return described(field("name", &HttpField::name), field("value", &HttpField::value));
  }

  bool operator==(const HttpField&) const = default;
};

/// Make an HTTP request. Redirects of a GET or HEAD are followed, five at most, as long as they
/// lead to the host that was judged; of other methods they are the answer. Any status is an
/// ordinary reply. Errors: invalid (method, url, header, bytes_max), denied (where it would go, or
/// what it would send: docs/network.md), unavailable, timed_out, too_large (the answer's header),
/// protocol, cancelled, unknown_outcome (what may be done once only went out, and no answer came).
/// Source: RFC 9110.
struct AwaitHttp {
  static constexpr std::string_view kName = "http.request";
  static constexpr std::uint64_t kBodyKeptMax = std::uint64_t{64} << 20;

  struct Reply {
    int status = 0;
    std::vector<HttpField> headers;
    std::string body;      ///< As it came, or made readable. Of one that is kept only the ends, if
                           ///< it is longer than bytes_max, and nothing if it is no text.
    bool complete = true;  ///< False: the body went on beyond this and what is kept.
    std::string url;       ///< Whose answer it is, after all redirects.
    Milliseconds took{0};
    std::string body_sha256;       ///< All of it is kept under that; empty: it is not kept.
    std::uint64_t body_bytes = 0;  ///< Of what is kept.

    static constexpr auto fields() {
      return described(field("status", &Reply::status), field("headers", &Reply::headers),
                       field("body", &Reply::body), field("complete", &Reply::complete),
                       field("url", &Reply::url), field("took_ms", &Reply::took),
                       field("body_sha256", &Reply::body_sha256),
                       field("body_bytes", &Reply::body_bytes));
    }
  };

  std::string method = "GET";  ///< GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE.
  std::string url;
  std::vector<HttpField> headers;
  std::string body;
  std::uint64_t bytes_max = 1 << 20;  ///< Of the answer's body in the reply; 8 MiB at most.
  Milliseconds timeout{60'000};       ///< All of it, redirects too.
  bool keyed = false;     ///< With `Idempotency-Key`: the server takes two with one key for one.
  bool readable = false;  ///< A body in HTML becomes plain text.
  /// So much of the body is kept beside the reply, masked, where that is worth it: of one that is
  /// no text, or is longer than 4 KiB. kBodyKeptMax at most; nothing: none is.
  std::optional<std::uint64_t> body_kept_max;

  static constexpr auto fields() {
    return described(field("method", &AwaitHttp::method), field("url", &AwaitHttp::url),
                     field("headers", &AwaitHttp::headers), field("body", &AwaitHttp::body),
                     field("bytes_max", &AwaitHttp::bytes_max),
                     field("timeout_ms", &AwaitHttp::timeout), field("keyed", &AwaitHttp::keyed),
                     field("readable", &AwaitHttp::readable),
                     field("body_kept_max", &AwaitHttp::body_kept_max));
  }

  /// By RFC 9110 §9.2.2 these methods have the same effect twice as once; anything else has it only
  /// with a key.
  [[nodiscard]] EffectClass effect() const {
    const bool repeatable = keyed || method == "GET" || method == "HEAD" || method == "OPTIONS" ||
                            method == "PUT" || method == "DELETE";
    return repeatable ? EffectClass::idempotent : EffectClass::once;
  }
};

}  // namespace tinkerbell

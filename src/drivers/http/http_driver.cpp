#include "tinkerbell/drivers/http/http_driver.hpp"

#include "drivers/http/egress.hpp"
#include "drivers/http/outbound.hpp"
#include "drivers/http/readable_text.hpp"
#include "drivers/http/redirect.hpp"

#include "tinkerbell/base/assert.hpp"
#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/base/text.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/io/http_client.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

namespace tinkerbell {

namespace {

constexpr std::uint64_t kBodyBytesMax = 8 << 20;
constexpr std::size_t kKeptFrom = 4 << 10;  // what is shorter a model writes as fast itself
constexpr std::size_t kUrlBytesMax = 8 << 10;
constexpr std::uint32_t kHeaderBytesMax = 32 << 10;
constexpr std::uint32_t kRedirectsMax = 5;
constexpr Milliseconds kConnectTimeout{10'000};

constexpr auto kMethods =
    std::to_array<std::string_view>({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"});

const AwaitHttp& request_in(const Call& call) {
  return std::get<AwaitHttp>(call.command);
}

HttpCall http_call(const AwaitHttp& request, const std::string& key) {
  HttpCall call{.method = request.method,
                .url = request.url,
                .headers = {},
                .body = request.body,
                .timeouts = {.connect = std::min(request.timeout, kConnectTimeout),
                             .first_byte = request.timeout,
                             .idle = request.timeout,
                             .total = request.timeout},
                .body_bytes_max = std::numeric_limits<std::uint64_t>::max(),  // we count
                .header_bytes_max = kHeaderBytesMax};
  for (const HttpField& header : request.headers)
    call.headers.emplace_back(header.name, header.value);
  if (request.keyed) call.headers.emplace_back("Idempotency-Key", key);
  return call;
}

Error invalid(const std::string& why) {
  return {Errc::invalid, why};
}

Result<void> check_bounds(const AwaitHttp& request) {
  if (std::ranges::find(kMethods, request.method) == kMethods.end()) {
    return invalid("the method must be GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE");
  }
  if (request.url.size() > kUrlBytesMax) return invalid("the url is longer than 8 KiB");
  if (request.bytes_max > kBodyBytesMax) return invalid("bytes_max is more than 8 MiB");
  if (request.body_kept_max.value_or(0) > AwaitHttp::kBodyKeptMax) {
    return invalid("body_kept_max is more than 64 MiB");
  }
  if (request.timeout <= Milliseconds{0}) return invalid("there is no time for it");
  return {};
}

Facts facts_of(const HttpUrl& url) {
  return {.object = url.origin(), .host = url.host};
}

bool may_follow(const AwaitHttp& request) {
  return request.method == "GET" || request.method == "HEAD";
}

/// "text/html" and "utf-8" of `Text/HTML; charset="UTF-8"`.
struct MediaType {
  std::string name;
  std::string charset;
};

MediaType media_type(const HttpHeaders& headers) {
  std::string value(header_value(headers, "content-type"));
  std::ranges::transform(value, value.begin(), [](unsigned char c) { return std::tolower(c); });
  MediaType type;
  const std::size_t end = std::min(value.find(';'), value.size());
  type.name = value.substr(0, value.find_last_not_of(" \t", end == 0 ? 0 : end - 1) + 1);
  constexpr std::string_view kCharset = "charset=";
  const std::size_t at = value.find(kCharset, end);
  if (at == value.npos) return type;
  type.charset = value.substr(at + kCharset.size());
  std::erase(type.charset, '"');
  type.charset.resize(std::min(type.charset.find_first_of("; \t"), type.charset.size()));
  return type;
}

bool is_text(const std::string& body) {
  return !body.contains('\0') && valid_utf8(body) == body;
}

/// Of a body that is long or no text, all is kept and the reply has the ends of a text.
void keep_body(const AwaitHttp& request, const Masker& masker, ContentStore& contents,
               AwaitHttp::Reply& reply) {
  const bool text = is_text(reply.body);
  if (text && reply.body.size() <= std::min<std::uint64_t>(kKeptFrom, request.bytes_max)) return;
  const std::string whole = masker.masked(std::move(reply.body));
  const Result<Sha256> kept = contents.put_durably(whole);
  if (kept) {
    reply.body_sha256 = kept->hex();
    reply.body_bytes = whole.size();
  }
  reply.complete = reply.complete && (kept || (text && whole.size() <= request.bytes_max));
  reply.body.clear();
  if (text) {
    reply.body =
        whole.size() > request.bytes_max ? without_middle(whole, request.bytes_max) : whole;
  }
}

/// A request under way.
struct Run {
  Call call;
  HttpUrl url;  ///< Where it goes now.
  std::string url_text;
  SteadyTime begun;
  Completion<Reply> done;
  std::uint32_t redirects = 0;
  HttpClient::CallId http = 0;
  bool sent = false;  ///< Bytes of it went out.
  bool cut = false;   ///< There is more than was asked for.
  bool cancelled = false;
  std::optional<HttpHead> head;
  std::string body;
};

/// Of what was sent and may be done once only, nobody knows whether it was done.
Error failure(const Run& run, const Error& error) {
  if (!run.sent || request_in(run.call).effect() != EffectClass::once) return error;
  return {Errc::unknown_outcome, "the request went out, and no answer came: " + error.message};
}

}  // namespace

struct HttpDriver::State : std::enable_shared_from_this<State> {
  State(HttpClient& client, BlockingPool& threads, const Masker& secrets, ContentStore& store,
        HttpSettings from)
      : http(client),
        pool(threads),
        masker(secrets),
        contents(store),
        settings(std::move(from)),
        egress(settings.reach) {}

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    for (const auto& [id, run] : running)
      http.cancel(run.http);
  }

  [[nodiscard]] Result<HttpUrl> checked(const AwaitHttp& request, const std::string& key) const;
  void send(Run& run);
  [[nodiscard]] HttpEvents events_for(CommandId id);
  void take_body(Run& run, std::string_view piece);
  void ended(CommandId id, const Result<HttpHead>& outcome);
  [[nodiscard]] bool follows(const Run& run) const;
  [[nodiscard]] Result<void> follow(Run& run) const;
  [[nodiscard]] Result<HttpUrl> next_server(const Run& run, const std::string& location) const;
  void answer(Run run);

  HttpClient& http;
  BlockingPool& pool;
  const Masker& masker;
  ContentStore& contents;
  HttpSettings settings;
  Egress egress;
  std::unordered_map<CommandId, Run> running;
};

/// All that can be said of a request before anybody is asked for the addresses of its host.
Result<HttpUrl> HttpDriver::State::checked(const AwaitHttp& request, const std::string& key) const {
  if (Result<void> bounded = check_bounds(request); !bounded) return bounded.error();
  if (Result<void> good = check_http_call(http_call(request, key)); !good) return good.error();
  Result<HttpUrl> url = parse_http_url(request.url);
  if (!url) return url;
  if (Result<void> may = egress.check_url(*url); !may) return may.error();
  if (holds_secret(request, masker)) {
    return Error{Errc::denied, "it would send a secret of the daemon to " + url->host_and_port()};
  }
  return url;
}

void HttpDriver::State::send(Run& run) {
  AwaitHttp request = request_in(run.call);
  request.url = run.url_text;
  request.timeout -= std::chrono::duration_cast<Milliseconds>(steady_now() - run.begun);
  HttpCall call = http_call(request, run.call.key);
  call.may_connect = [self = shared_from_this(),
                      url = run.url](std::span<const IpAddress> addresses) {
    return self->egress.check_addresses(url, addresses);
  };
  const CommandId id = run.call.id;
  run.http = http.start(std::move(call), events_for(id),
                        Completion<HttpHead>([weak = weak_from_this(), id](Result<HttpHead> head) {
                          if (const auto self = weak.lock()) self->ended(id, head);
                        }));
}

HttpEvents HttpDriver::State::events_for(CommandId id) {
  const auto with_run = [weak = weak_from_this(), id](const auto& use) {
    if (const auto self = weak.lock()) use(*self, self->running.at(id));
  };
  return {
      .sending = [with_run] { with_run([](State&, Run& run) { run.sent = true; }); },
      .head = [with_run](
                  const HttpHead& head) { with_run([&](State&, Run& run) { run.head = head; }); },
      .body =
          [with_run](std::string_view piece) {
            with_run([&](State& self, Run& run) { self.take_body(run, piece); });
          }};
}

void HttpDriver::State::take_body(Run& run, std::string_view piece) {
  const AwaitHttp& request = request_in(run.call);
  const std::uint64_t wanted = std::max(request.bytes_max, request.body_kept_max.value_or(0));
  const std::size_t room = wanted - run.body.size();
  run.body += piece.substr(0, room);
  if (piece.size() <= room) return;
  run.cut = true;
  http.cancel(run.http);
}

void HttpDriver::State::ended(CommandId id, const Result<HttpHead>& outcome) {
  Run& run = running.at(id);
  const bool over = !outcome && !run.cut;
  if (!over && !run.cancelled && follows(run)) {
    const Result<void> followed = follow(run);
    if (followed) return send(run);
    Run refused = std::move(running.extract(id).mapped());
    return refused.done(followed.error());
  }
  Run ending = std::move(running.extract(id).mapped());
  const bool answered = ending.head && request_in(ending.call).effect() == EffectClass::once;
  if (over && !answered) return ending.done(failure(ending, outcome.error()));
  if (over) ending.cut = true;  // what it did, it did: the answer's beginning says it
  answer(std::move(ending));
}

bool HttpDriver::State::follows(const Run& run) const {
  return run.head && is_redirect(run.head->status) && may_follow(request_in(run.call)) &&
         !header_value(run.head->headers, "Location").empty();
}

/// Makes the run one to where the answer leads. Errors: denied, protocol.
Result<void> HttpDriver::State::follow(Run& run) const {
  if (run.redirects == kRedirectsMax) {
    return Error{Errc::protocol, "more than " + std::to_string(kRedirectsMax) + " redirects"};
  }
  const std::string location(header_value(run.head->headers, "Location"));
  Result<std::string> text = resolve_reference(run.url_text, location);
  Result<HttpUrl> next = text ? next_server(run, *text) : Result<HttpUrl>(text.error());
  if (!next) {
    return next.error().with("redirected to " + visible_line(shortened(location, kUrlBytesMax)));
  }
  run.url = *std::move(next);
  run.url_text = *std::move(text);
  ++run.redirects;
  run.head.reset();
  run.body.clear();
  run.cut = false;
  return {};
}

/// The full check of one more request, and that it is one that was judged.
Result<HttpUrl> HttpDriver::State::next_server(const Run& run, const std::string& location) const {
  AwaitHttp request = request_in(run.call);
  request.url = location;
  Result<HttpUrl> url = checked(request, run.call.key);
  if (!url) return url;
  if (!stays_at_server(run.url, *url)) {
    return Error{Errc::denied, "another server than was judged: ask for it by itself"};
  }
  if (settings.denied(request, facts_of(*url))) return Error{Errc::denied, "a rule forbids it"};
  return url;
}

void HttpDriver::State::answer(Run run) {
  const AwaitHttp& request = request_in(run.call);
  AwaitHttp::Reply reply{
      .status = run.head->status,
      .body = std::move(run.body),
      .complete = !run.cut,
      .url = run.url_text,
      .took = std::chrono::duration_cast<Milliseconds>(steady_now() - run.begun)};
  for (auto& [name, value] : run.head->headers)
    reply.headers.push_back({valid_utf8(name), valid_utf8(value)});
  const MediaType type = media_type(run.head->headers);
  const bool is_page = type.name == "text/html" || type.name == "application/xhtml+xml";
  const bool to_read = request.readable && is_page;
  if (!to_read && !request.body_kept_max) return run.done(Reply(std::move(reply)));
  pool.run<Reply>(
      [&masker = masker, &contents = contents, request, reply = std::move(reply),
       charset = type.charset, to_read]() mutable -> Result<Reply> {
        if (to_read) reply.body = readable_text(reply.body, reply.url, charset);
        if (request.body_kept_max) keep_body(request, masker, contents, reply);
        return Reply(std::move(reply));
      },
      std::move(run.done));
}

HttpDriver::HttpDriver(HttpClient& http, BlockingPool& pool, const Masker& masker,
                       ContentStore& contents, HttpSettings settings)
    : state_(std::make_shared<State>(http, pool, masker, contents, std::move(settings))) {}

HttpDriver::~HttpDriver() = default;

void HttpDriver::prepare(Call call, Completion<Prepared> prepared) {
  const Result<HttpUrl> url = state_->checked(request_in(call), call.key);
  if (!url) return prepared(url.error());
  prepared(Prepared{.facts = facts_of(*url), .pre_image = std::nullopt});
}

void HttpDriver::perform(Call call, Completion<Reply> done) {
  Result<HttpUrl> url = state_->checked(request_in(call), call.key);
  if (!url) return done(url.error());
  if (facts_of(*url) != call.facts) {
    return done(Error{Errc::conflict, "it would go to " + url->origin() + ", and not to " +
                                          call.facts.object + " as was judged"});
  }
  const CommandId id = call.id;
  std::string url_text = request_in(call).url;
  const auto [run, is_new] = state_->running.emplace(id, Run{.call = std::move(call),
                                                             .url = *std::move(url),
                                                             .url_text = std::move(url_text),
                                                             .begun = steady_now(),
                                                             .done = std::move(done)});
  TINKERBELL_ASSERT(is_new);
  state_->send(run->second);
}

void HttpDriver::cancel(CommandId id) {
  const auto found = state_->running.find(id);
  if (found == state_->running.end()) return;
  found->second.cancelled = true;
  state_->http.cancel(found->second.http);
}

}  // namespace tinkerbell

#include "drivers/llm/http_provider.hpp"

#include "drivers/llm/http_exchange.hpp"
#include "drivers/llm/wire_format.hpp"

#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/io/http_url.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_map>

namespace tinkerbell {

namespace {

std::string url_below(const std::string& base_url, std::string_view path) {
  return base_url + (base_url.ends_with('/') ? "" : "/") + std::string(path);
}

HttpCall http_call(const WireFormat& format, const ProviderSettings& settings,
                   const ModelQuestion& question) {
  HttpCall call{.method = "POST",
                .url = url_below(settings.base_url, format.path),
                .headers = {{"Content-Type", "application/json"},
                            {"Accept", std::string(stream_type(format.framing))},
                            {"Idempotency-Key", question.key}},
                .body = format.body(question, settings),
                .timeouts = settings.timeouts};
  std::ranges::move(format.headers(settings), std::back_inserter(call.headers));
  return call;
}

}  // namespace

struct HttpProvider::State : std::enable_shared_from_this<State> {
  State(HttpClient& client, const ProviderSettings& from)
      : http(client), settings(from), format(wire_format(from.type)) {
    masker.add(settings.api_key);
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    for (const auto& [id, call] : calls)
      http.cancel(call);
  }

  HttpEvents events_for(CommandId id, std::shared_ptr<HttpExchange> exchange);
  void cancel(CommandId id);
  [[nodiscard]] Attempt without_key(Attempt attempt) const;

  HttpClient& http;
  ProviderSettings settings;
  const WireFormat& format;
  Masker masker;  ///< Servers quote the key that they refuse.
  std::unordered_map<CommandId, HttpClient::CallId> calls;
};

HttpEvents HttpProvider::State::events_for(CommandId id, std::shared_ptr<HttpExchange> exchange) {
  return {.head = [exchange](const HttpHead& head) { exchange->take_head(head); },
          .body =
              [weak = weak_from_this(), id, exchange](std::string_view bytes) {
                const auto self = weak.lock();
                if (!self) return;
                exchange->take_body(bytes, steady_now());
                if (exchange->hopeless()) self->cancel(id);
              }};
}

void HttpProvider::State::cancel(CommandId id) {
  if (const auto found = calls.find(id); found != calls.end()) http.cancel(found->second);
}

Attempt HttpProvider::State::without_key(Attempt attempt) const {
  if (attempt.reply) return attempt;
  const Error& error = attempt.reply.error();
  attempt.reply = Error{error.code, masker.masked(error.message)};
  return attempt;
}

HttpProvider::HttpProvider(HttpClient& http, const ProviderSettings& settings)
    : state_(std::make_shared<State>(http, settings)) {}

HttpProvider::~HttpProvider() = default;

std::string HttpProvider::place() const {
  return origin_of(state_->settings.base_url);
}

std::string HttpProvider::host() const {
  const Result<HttpUrl> url = parse_http_url(state_->settings.base_url);
  return url ? url->host : std::string();  // it cannot be asked then
}

void HttpProvider::ask(ModelQuestion question, TextHandler text, AttemptHandler done) {
  const CommandId id = question.id;
  auto exchange = std::make_shared<HttpExchange>(state_->format.stream(question, std::move(text)),
                                                 state_->format.framing, state_->settings.timeouts,
                                                 steady_now());
  auto ended = [weak = std::weak_ptr(state_), id, exchange,
                done = std::move(done)](Result<HttpHead> head) mutable {
    const auto self = weak.lock();
    if (!self) return;
    self->calls.erase(id);
    done(self->without_key(exchange->finish(head, steady_now())));
  };
  state_->calls[id] =
      state_->http.start(http_call(state_->format, state_->settings, question),
                         state_->events_for(id, exchange), Completion<HttpHead>(std::move(ended)));
}

void HttpProvider::cancel(CommandId id) {
  state_->cancel(id);
}

std::string origin_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  return url.substr(0, url.find('/', scheme + 3));
}

}  // namespace tinkerbell

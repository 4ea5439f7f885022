#include "drivers/llm/openai_chat.hpp"

#include "drivers/llm/openai_chat_exchange.hpp"
#include "drivers/llm/openai_chat_request.hpp"
#include "drivers/llm/openai_chat_stream.hpp"
#include "drivers/llm/tool_call_ids.hpp"

#include "tinkerbell/base/masker.hpp"

#include <algorithm>
#include <unordered_map>

namespace tinkerbell {

namespace {

std::string chat_url(const std::string& base_url) {
  const bool slash = base_url.ends_with('/');
  return base_url + (slash ? "" : "/") + "chat/completions";
}

TokensField tokens_field_of(const std::string& origin) {
  return origin == "https://api.openai.com" ? TokensField::max_completion_tokens
                                            : TokensField::max_tokens;
}

HttpCall http_call(const ProviderSettings& settings, const ModelQuestion& question) {
  HttpCall call{.method = "POST",
                .url = chat_url(settings.base_url),
                .headers = {{"Content-Type", "application/json"},
                            {"Accept", "text/event-stream"},
                            {"Idempotency-Key", question.key}},
                .body = openai_chat_body(question, tokens_field_of(origin_of(settings.base_url))),
                .timeouts = settings.timeouts};
  call.timeouts.total = std::min(settings.timeouts.total, question.time_left);
  if (!settings.api_key.empty()) {
    call.headers.emplace_back("Authorization", "Bearer " + settings.api_key);
  }
  return call;
}

}  // namespace

struct OpenAiChatProvider::State : std::enable_shared_from_this<State> {
  State(HttpClient& client, const ProviderSettings& from) : http(client), settings(from) {
    masker.add(settings.api_key);
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    for (const auto& [id, call] : calls)
      http.cancel(call);
  }

  HttpEvents events_for(CommandId id, std::shared_ptr<OpenAiChatExchange> exchange);
  void cancel(CommandId id);
  [[nodiscard]] Attempt without_key(Attempt attempt) const;

  HttpClient& http;
  ProviderSettings settings;
  Masker masker;  ///< Servers quote the key that they refuse.
  std::unordered_map<CommandId, HttpClient::CallId> calls;
};

HttpEvents OpenAiChatProvider::State::events_for(CommandId id,
                                                 std::shared_ptr<OpenAiChatExchange> exchange) {
  return {.head = [exchange](const HttpHead& head) { exchange->take_head(head); },
          .body =
              [weak = weak_from_this(), id, exchange](std::string_view bytes) {
                const auto self = weak.lock();
                if (!self) return;
                exchange->take_body(bytes, steady_now());
                if (exchange->hopeless()) self->cancel(id);
              }};
}

void OpenAiChatProvider::State::cancel(CommandId id) {
  if (const auto found = calls.find(id); found != calls.end()) http.cancel(found->second);
}

Attempt OpenAiChatProvider::State::without_key(Attempt attempt) const {
  if (attempt.reply) return attempt;
  const Error& error = attempt.reply.error();
  attempt.reply = Error{error.code, masker.masked(error.message)};
  return attempt;
}

OpenAiChatProvider::OpenAiChatProvider(HttpClient& http, const ProviderSettings& settings)
    : state_(std::make_shared<State>(http, settings)) {}

OpenAiChatProvider::~OpenAiChatProvider() = default;

std::string OpenAiChatProvider::place() const {
  return origin_of(state_->settings.base_url);
}

/// The address of an IPv6 server without its brackets.
std::string OpenAiChatProvider::host() const {
  std::string origin = place();
  origin.erase(0, origin.find("://") + 3);
  if (origin.starts_with('[')) return origin.substr(1, origin.find(']') - 1);
  return origin.substr(0, origin.find(':'));
}

void OpenAiChatProvider::ask(ModelQuestion question, TextHandler text, AttemptHandler done) {
  const CommandId id = question.id;
  auto exchange = std::make_shared<OpenAiChatExchange>(
      OpenAiChatStream(calls_in(question.messages), std::move(text)), state_->settings.timeouts,
      steady_now());
  auto ended = [weak = std::weak_ptr(state_), id, exchange,
                done = std::move(done)](Result<HttpHead> head) mutable {
    const auto self = weak.lock();
    if (!self) return;
    self->calls.erase(id);
    done(self->without_key(exchange->finish(head)));
  };
  state_->calls[id] =
      state_->http.start(http_call(state_->settings, question), state_->events_for(id, exchange),
                         Completion<HttpHead>(std::move(ended)));
}

void OpenAiChatProvider::cancel(CommandId id) {
  state_->cancel(id);
}

std::string origin_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  return url.substr(0, url.find('/', scheme + 3));
}

}  // namespace tinkerbell

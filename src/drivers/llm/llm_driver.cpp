#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include "drivers/llm/backoff.hpp"
#include "drivers/llm/http_provider.hpp"
#include "drivers/llm/offline.hpp"
#include "drivers/llm/playbook.hpp"
#include "drivers/llm/provider.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <unordered_map>
#include <utility>

namespace tinkerbell {

namespace {

/// A configured service.
struct Service {
  std::unique_ptr<Provider> provider;
  Milliseconds total{0};  ///< What a call may take, with all its attempts.
};

/// What an alias stands for.
struct Endpoint {
  Provider* provider = nullptr;
  std::string name;   ///< "openai/gpt-5".
  std::string model;  ///< "gpt-5".
  std::uint32_t tokens_max = 0;
  std::uint32_t context_tokens = 0;
  Milliseconds total{0};  ///< As in its Service.

  /// Who will read the conversation.
  [[nodiscard]] std::string object() const { return name + " @ " + provider->place(); }

  [[nodiscard]] std::uint32_t tokens_for(std::uint32_t asked) const {
    return asked == 0 ? tokens_max : std::min(asked, tokens_max);
  }
};

/// A call under way: an attempt, or the pause before the next.
struct Run {
  Provider* provider = nullptr;
  std::string name;
  ModelQuestion question;
  Completion<Reply> done;
  boost::asio::steady_timer pause;
  SteadyTime deadline;
  std::uint32_t attempts = 0;
  bool cancelled = false;
};

ModelQuestion question_of(const Call& call, const Endpoint& endpoint) {
  const auto& command = std::get<AwaitLLMResponse>(call.command);
  return {.id = call.id,
          .key = call.key,
          .model = endpoint.model,
          .tokens_max = endpoint.tokens_for(command.tokens_max),
          .context_tokens = endpoint.context_tokens,
          .messages = command.messages,
          .tools = command.tools};
}

}  // namespace

struct LlmDriver::State : std::enable_shared_from_this<State> {
  State(boost::asio::any_io_executor executor, ProgressSink& sink, RetrySettings retries)
      : loop(std::move(executor)), progress(sink), retry(retries) {}

  void add_provider(const ProviderSettings& settings, HttpClient& http, BlockingPool& pool);
  void add_model(const ModelSettings& settings);
  [[nodiscard]] Result<const Endpoint*> endpoint(const std::string& alias) const;

  void attempt(CommandId id);
  void settle(CommandId id, Attempt attempt);
  void pause(CommandId id, Milliseconds length);
  void answer(CommandId id, Result<Reply> reply);

  boost::asio::any_io_executor loop;
  ProgressSink& progress;
  RetrySettings retry;
  std::map<std::string, Service> services;
  std::map<std::string, Endpoint> models;  ///< By alias; without a provider where it is unknown.
  std::unordered_map<CommandId, Run> running;
};

void LlmDriver::State::add_provider(const ProviderSettings& settings, HttpClient& http,
                                    BlockingPool& pool) {
  Service& service = services[settings.name];
  service.total = settings.timeouts.total;
  switch (settings.type) {
    case ProviderType::openai_chat:
    case ProviderType::openai_responses:
    case ProviderType::anthropic:
    case ProviderType::ollama:
      service.provider = std::make_unique<HttpProvider>(http, settings);
      return;
    case ProviderType::offline:
      service.provider = std::make_unique<OfflineProvider>(loop, pool, settings);
      return;
  }
}

void LlmDriver::State::add_model(const ModelSettings& settings) {
  Endpoint& endpoint = models[settings.alias];
  endpoint = {.name = settings.provider + '/' + settings.model,
              .model = settings.model,
              .tokens_max = settings.tokens_max,
              .context_tokens = settings.context_tokens};
  if (const auto found = services.find(settings.provider); found != services.end()) {
    endpoint.provider = found->second.provider.get();
    endpoint.total = found->second.total;
  }
}

Result<const Endpoint*> LlmDriver::State::endpoint(const std::string& alias) const {
  const auto found = models.find(alias);
  if (found == models.end()) {
    std::string known;
    for (const auto& [name, each] : models)
      known += (known.empty() ? "" : ", ") + name;
    return Error{Errc::not_found, "no model \"" + alias + "\" is configured; there are: " +
                                      (known.empty() ? "none" : known)};
  }
  if (found->second.provider == nullptr) {
    return Error{Errc::invalid, "model \"" + alias + "\" (" + found->second.name +
                                    ") names a provider that is not configured"};
  }
  return &found->second;
}

void LlmDriver::State::attempt(CommandId id) {
  Run& run = running.at(id);
  ++run.attempts;
  run.question.time_left = std::chrono::ceil<Milliseconds>(run.deadline - steady_now());
  run.provider->ask(
      run.question,
      [weak = weak_from_this(), id](std::string_view text) {
        if (const auto self = weak.lock()) {
          self->progress.progress(id, ProgressKind::model_text, text);
        }
      },
      [weak = weak_from_this(), id](Attempt attempt) {
        if (const auto self = weak.lock()) self->settle(id, std::move(attempt));
      });
}

void LlmDriver::State::settle(CommandId id, Attempt attempt) {
  Run& run = running.at(id);
  if (attempt.reply) return answer(id, Reply(*std::move(attempt.reply)));
  if (run.cancelled) return answer(id, Error{Errc::cancelled, "cancelled"});
  const Milliseconds length =
      repeat_pause(run.attempts, retry, attempt.retry_after, run.question.key);
  const bool in_time = steady_now() + length < run.deadline;
  if (attempt.repeatable && run.attempts < retry.attempts_max && in_time) return pause(id, length);
  Error error = attempt.reply.error().with(run.name);
  if (run.attempts > 1) error.message += " (after " + std::to_string(run.attempts) + " attempts)";
  answer(id, std::move(error));
}

void LlmDriver::State::pause(CommandId id, Milliseconds length) {
  Run& run = running.at(id);
  run.pause.expires_after(length);
  run.pause.async_wait([weak = weak_from_this(), id](const boost::system::error_code&) {
    const auto self = weak.lock();
    if (!self) return;
    if (self->running.at(id).cancelled) {
      return self->answer(id, Error{Errc::cancelled, "cancelled"});
    }
    self->attempt(id);
  });
}

void LlmDriver::State::answer(CommandId id, Result<Reply> reply) {
  Completion<Reply> done = std::move(running.at(id).done);
  running.erase(id);  // first: the answer may bring the next call
  if (reply) {
    std::get<AwaitLLMResponse::Reply>(*reply).received_unix_ns =
        unix_nanoseconds(SystemClock{}.wall());
  }
  done(std::move(reply));
}

Result<void> check_files(const LlmSettings& settings) {
  for (const ProviderSettings& provider : settings.providers) {
    if (provider.type != ProviderType::offline || provider.playbook.empty()) continue;
    const Result<Playbook> playbook = load_playbook(provider.playbook);
    if (!playbook) return playbook.error().with("provider " + provider.name);
  }
  return {};
}

LlmDriver::LlmDriver(boost::asio::any_io_executor loop, HttpClient& http, BlockingPool& pool,
                     ProgressSink& progress, LlmSettings settings)
    : state_(std::make_shared<State>(std::move(loop), progress, settings.retry)) {
  for (const ProviderSettings& each : settings.providers)
    state_->add_provider(each, http, pool);
  for (const ModelSettings& each : settings.models)
    state_->add_model(each);
}

LlmDriver::~LlmDriver() = default;

void LlmDriver::prepare(Call call, Completion<Prepared> prepared) {
  const auto endpoint = state_->endpoint(std::get<AwaitLLMResponse>(call.command).model);
  if (!endpoint) return prepared(endpoint.error());
  prepared(
      Prepared{.facts = {.object = (*endpoint)->object(), .host = (*endpoint)->provider->host()},
               .pre_image = std::nullopt});
}

void LlmDriver::perform(Call call, Completion<Reply> done) {
  const auto found = state_->endpoint(std::get<AwaitLLMResponse>(call.command).model);
  if (!found) return done(found.error());
  const Endpoint& endpoint = **found;
  if (endpoint.object() != call.facts.object) {
    return done(Error{Errc::conflict, "the conversation would go to " + endpoint.object() +
                                          ", and not to " + call.facts.object + " as was judged"});
  }
  const bool is_new = state_->running
                          .emplace(call.id, Run{.provider = endpoint.provider,
                                                .name = endpoint.name,
                                                .question = question_of(call, endpoint),
                                                .done = std::move(done),
                                                .pause = boost::asio::steady_timer(state_->loop),
                                                .deadline = steady_now() + endpoint.total})
                          .second;
  TINKERBELL_ASSERT(is_new);
  state_->attempt(call.id);
}

void LlmDriver::cancel(CommandId id) {
  const auto found = state_->running.find(id);
  if (found == state_->running.end()) return;
  found->second.cancelled = true;
  found->second.pause.cancel();
  found->second.provider->cancel(id);
}

}  // namespace tinkerbell

#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include "drivers/llm/backoff.hpp"
#include "drivers/llm/http_provider.hpp"
#include "drivers/llm/lane.hpp"
#include "drivers/llm/offline.hpp"
#include "drivers/llm/playbook.hpp"
#include "drivers/llm/price.hpp"
#include "drivers/llm/provider.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace tinkerbell {

namespace {

/// A configured service, and the line before it.
struct Service {
  std::string name;
  std::unique_ptr<Provider> provider;
  Lane lane;
};

/// What an alias stands for.
struct Endpoint {
  Service* service = nullptr;
  std::string name;   ///< "openai/gpt-5".
  std::string model;  ///< "gpt-5".
  std::uint32_t tokens_max = 0;
  std::uint32_t context_tokens = 0;
  std::optional<Price> price;

  /// Who will read the conversation.
  [[nodiscard]] std::string object() const { return name + " @ " + service->provider->place(); }

  [[nodiscard]] std::uint32_t tokens_for(std::uint32_t asked) const {
    return asked == 0 ? tokens_max : std::min(asked, tokens_max);
  }
};

/// An attempt under way, or in line.
struct Run {
  Service* service = nullptr;
  std::string model;  ///< "openai/gpt-5".
  std::optional<Price> price;
  std::string key;
  std::uint32_t attempt = 1;
  WallTime asked{};
  Completion<Reply> done;
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

Lane::Health health_after(const Attempt& attempt) {
  if (attempt.reply) return Lane::Health::well;
  return attempt.repeat == Repeat::until_it_passes ? Lane::Health::failing : Lane::Health::unknown;
}

}  // namespace

struct LlmDriver::State : std::enable_shared_from_this<State> {
  State(boost::asio::any_io_executor executor, const Clock& time, ProgressSink& sink,
        RetrySettings retries)
      : loop(std::move(executor)), clock(time), progress(sink), retry(retries) {}

  void add_provider(const ProviderSettings& settings, HttpClient& http, BlockingPool& pool);
  void add_model(const ModelSettings& settings);
  [[nodiscard]] Result<const Endpoint*> endpoint(const std::string& alias) const;

  void ask(ModelQuestion question);
  void settle(CommandId id, Attempt attempt);
  [[nodiscard]] std::optional<WallTime> next_attempt(const Run& run, const Attempt& failed) const;

  boost::asio::any_io_executor loop;
  const Clock& clock;
  ProgressSink& progress;
  RetrySettings retry;
  std::map<std::string, Service> services;
  std::map<std::string, Endpoint> models;  ///< By alias; without a provider where it is unknown.
  std::unordered_map<CommandId, Run> running;
};

void LlmDriver::State::add_provider(const ProviderSettings& settings, HttpClient& http,
                                    BlockingPool& pool) {
  std::unique_ptr<Provider> provider;
  switch (settings.type) {
    case ProviderType::openai_chat:
    case ProviderType::openai_responses:
    case ProviderType::anthropic:
    case ProviderType::ollama:
      provider = std::make_unique<HttpProvider>(http, settings);
      break;
    case ProviderType::offline:
      provider = std::make_unique<OfflineProvider>(loop, pool, settings);
      break;
  }
  services.try_emplace(settings.name,
                       Service{settings.name, std::move(provider), Lane(settings.at_once)});
}

void LlmDriver::State::add_model(const ModelSettings& settings) {
  Endpoint& endpoint = models[settings.alias];
  endpoint = {.name = settings.provider + '/' + settings.model,
              .model = settings.model,
              .tokens_max = settings.tokens_max,
              .context_tokens = settings.context_tokens,
              .price = settings.price};
  if (const auto found = services.find(settings.provider); found != services.end()) {
    endpoint.service = &found->second;
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
  if (found->second.service == nullptr) {
    return Error{Errc::invalid, "model \"" + alias + "\" (" + found->second.name +
                                    ") names a provider that is not configured"};
  }
  return &found->second;
}

void LlmDriver::State::ask(ModelQuestion question) {
  const CommandId id = question.id;
  running.at(id).service->provider->ask(
      std::move(question),
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
  Run run = std::move(running.extract(id).mapped());  // first: the answer may bring the next call
  run.service->lane.ended(id, health_after(attempt));
  if (attempt.reply) {
    attempt.reply->received_unix_ns = unix_nanoseconds(clock.wall());
    if (run.price && attempt.reply->usage.known) {
      attempt.reply->cost = cost_of(attempt.reply->usage, *run.price);
    }
    return run.done(Reply(*std::move(attempt.reply)));
  }
  Error error =
      run.cancelled ? Error{Errc::cancelled, "cancelled"} : attempt.reply.error().with(run.model);
  error.may_have_cost = attempt.may_have_cost;
  if (run.cancelled) return run.done(std::move(error));
  error.retry_at = next_attempt(run, attempt);
  if (!error.retry_at && run.attempt > 1) {
    error.message += " (after " + std::to_string(run.attempt) + " attempts)";
  }
  run.done(std::move(error));
}

/// Nothing: there is none.
std::optional<WallTime> LlmDriver::State::next_attempt(const Run& run,
                                                       const Attempt& failed) const {
  if (failed.repeat == Repeat::never) return std::nullopt;
  if (failed.repeat == Repeat::at_most && run.attempt >= retry.attempts_max) return std::nullopt;
  const WallTime next =
      clock.wall() + repeat_pause(run.attempt, retry, failed.retry_after, run.key);
  return next - run.asked < retry.patience ? std::optional(next) : std::nullopt;
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
                     const Clock& clock, ProgressSink& progress, LlmSettings settings)
    : state_(std::make_shared<State>(std::move(loop), clock, progress, settings.retry)) {
  for (const ProviderSettings& each : settings.providers)
    state_->add_provider(each, http, pool);
  for (const ModelSettings& each : settings.models)
    state_->add_model(each);
}

LlmDriver::~LlmDriver() = default;

void LlmDriver::prepare(Call call, Completion<Prepared> prepared) {
  const auto& command = std::get<AwaitLLMResponse>(call.command);
  const auto found = state_->endpoint(command.model);
  if (!found) return prepared(found.error());
  const Endpoint& endpoint = **found;
  prepared(
      Prepared{.facts = {.object = endpoint.object(), .host = endpoint.service->provider->host()},
               .pre_image = std::nullopt,
               .reserved = reserved_for(command, endpoint.tokens_for(command.tokens_max),
                                        endpoint.price ? &*endpoint.price : nullptr)});
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
                          .emplace(call.id, Run{.service = endpoint.service,
                                                .model = endpoint.name,
                                                .price = endpoint.price,
                                                .key = call.key,
                                                .attempt = call.attempt,
                                                .asked = call.asked,
                                                .done = std::move(done)})
                          .second;
  TINKERBELL_ASSERT(is_new);
  endpoint.service->lane.enter(
      call.id, [weak = state_->weak_from_this(), question = question_of(call, endpoint)]() mutable {
        if (const auto self = weak.lock()) self->ask(std::move(question));
      });
}

void LlmDriver::cancel(CommandId id) {
  const auto found = state_->running.find(id);
  if (found == state_->running.end()) return;
  Service& service = *found->second.service;
  if (service.lane.leave(id)) {
    Run run = std::move(state_->running.extract(found).mapped());
    return run.done(Error{Errc::cancelled, "cancelled"});
  }
  found->second.cancelled = true;
  service.provider->cancel(id);
}

std::string LlmDriver::waits_for(CommandId id) const {
  const auto found = state_->running.find(id);
  if (found == state_->running.end()) return {};
  const Service& service = *found->second.service;
  const std::optional<std::size_t> ahead = service.lane.ahead_of(id);
  if (!ahead) return {};
  return "its turn at " + service.name + " (" + std::to_string(*ahead) + " before it in line)";
}

}  // namespace tinkerbell

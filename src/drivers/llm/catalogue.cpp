#include "drivers/llm/catalogue.hpp"

#include "drivers/llm/http_provider.hpp"
#include "drivers/llm/offline.hpp"
#include "drivers/llm/price.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

namespace tinkerbell {

std::uint32_t Endpoint::tokens_for(std::uint32_t asked) const {
  return asked == 0 ? tokens_max : std::min(asked, tokens_max);
}

Reservation Endpoint::reserved_for(const AwaitLLMResponse& question) const {
  return tinkerbell::reserved_for(question, tokens_for(question.tokens_max),
                                  price ? &*price : nullptr);
}

std::string object_of(const Chain& chain) {
  std::string object;
  for (const Endpoint* const each : chain) {
    object += object.empty() ? "" : ", else ";
    object += each->name + " @ " + each->service->provider->place();
  }
  return object;
}

std::string hosts_of(const Chain& chain) {
  std::vector<std::string> hosts;
  std::string all;
  for (const Endpoint* const each : chain) {
    std::string host = each->service->provider->host();
    if (host.empty() || std::ranges::find(hosts, host) != hosts.end()) continue;
    all += (all.empty() ? "" : " ") + host;
    hosts.push_back(std::move(host));
  }
  return all;
}

Reservation reserved_for(const Chain& chain, const AwaitLLMResponse& question) {
  Reservation most = chain.front()->reserved_for(question);
  for (const Endpoint* const each : chain | std::views::drop(1)) {
    const Reservation reserved = each->reserved_for(question);
    most.tokens_out = std::max(most.tokens_out, reserved.tokens_out);
    if (most.cost) most.cost = reserved.cost ? std::max(most.cost, reserved.cost) : std::nullopt;
  }
  return most;
}

const Endpoint* choose(const Chain& chain, std::uint32_t attempt, std::uint32_t attempts_max,
                       SteadyTime now) {
  const std::size_t first = (attempt - 1) / attempts_max;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const Endpoint* const each = chain[(first + i) % chain.size()];
    if (each->breaker->is_worth_asking(now)) return each;
  }
  return nullptr;
}

Catalogue::Catalogue(boost::asio::any_io_executor loop, HttpClient& http, BlockingPool& pool,
                     const LlmSettings& settings) {
  for (const ProviderSettings& each : settings.providers)
    add_service(loop, http, pool, each);
  for (const ModelSettings& each : settings.models)
    add_model(each, settings.retry);
}

void Catalogue::add_service(const boost::asio::any_io_executor& loop, HttpClient& http,
                            BlockingPool& pool, const ProviderSettings& settings) {
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
  services_.try_emplace(settings.name, Service{settings.name, std::move(provider),
                                               Lane(settings.at_once, settings.per_minute),
                                               boost::asio::steady_timer(loop)});
}

void Catalogue::add_model(const ModelSettings& settings, const RetrySettings& retry) {
  Endpoint& endpoint = models_[settings.alias];
  endpoint = {.alias = settings.alias,
              .name = settings.provider + '/' + settings.model,
              .model = settings.model,
              .tokens_max = settings.tokens_max,
              .context_tokens = settings.context_tokens,
              .price = settings.price,
              .fallback = settings.fallback,
              .thinking = settings.thinking};
  const auto found = services_.find(settings.provider);
  if (found == services_.end()) return;
  endpoint.service = &found->second;
  endpoint.breaker = &breakers_.try_emplace(endpoint.name, endpoint.name, retry).first->second;
}

Result<const Endpoint*> Catalogue::endpoint(const std::string& alias) const {
  const auto found = models_.find(alias);
  if (found == models_.end()) {
    std::string known;
    for (const auto& [name, each] : models_)
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

Result<Chain> Catalogue::chain(const std::string& alias) const {
  const Result<const Endpoint*> own = endpoint(alias);
  if (!own) return own.error();
  Chain chain = {*own};
  for (const std::string& each : (*own)->fallback) {
    const Result<const Endpoint*> other = endpoint(each);
    if (!other) return other.error().with("model \"" + alias + "\" falls back to it");
    chain.push_back(*other);
  }
  return chain;
}

}  // namespace tinkerbell

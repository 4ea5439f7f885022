#pragma once

#include "drivers/llm/breaker.hpp"
#include "drivers/llm/lane.hpp"
#include "drivers/llm/provider.hpp"

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/base/result.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {

/// A configured service, and the line before it.
struct Service {
  std::string name;
  std::unique_ptr<Provider> provider;
  Lane lane;
  boost::asio::steady_timer look;  ///< When time alone lets somebody in.
};

/// What an alias stands for.
struct Endpoint {
  std::string alias;
  Service* service = nullptr;
  std::string name;   ///< "openai/gpt-5".
  std::string model;  ///< "gpt-5".
  Breaker* breaker = nullptr;
  std::uint32_t tokens_max = 0;
  std::uint32_t context_tokens = 0;
  std::optional<Price> price;
  std::vector<std::string> fallback;
  std::optional<Thinking> thinking;

  /// How long an answer may be where so many tokens are asked for; 0: as long as it likes.
  [[nodiscard]] std::uint32_t tokens_for(std::uint32_t asked) const;

  [[nodiscard]] Reservation reserved_for(const AwaitLLMResponse& question) const;
};

/// Those who may answer for an alias: itself, then what it falls back to. Never empty.
using Chain = std::vector<const Endpoint*>;

/// Who may read the conversation: "openai/gpt-5 @ https://api.openai.com, else …".
[[nodiscard]] std::string object_of(const Chain& chain);

/// Their servers, each once.
[[nodiscard]] std::string hosts_of(const Chain& chain);

/// Enough for each of them. Without a price where one of them has none.
[[nodiscard]] Reservation reserved_for(const Chain& chain, const AwaitLLMResponse& question);

/// The first one that can answer, as far as is known; null: none. Where a service fails at this
/// very question, after `attempts_max` of them the next one of the chain is the first.
[[nodiscard]] const Endpoint* choose(const Chain& chain, std::uint32_t attempt,
                                     std::uint32_t attempts_max, SteadyTime now);

/// The services and models that are configured. Loop thread only; the client and the pool outlive
/// it.
class Catalogue {
 public:
  Catalogue(boost::asio::any_io_executor loop, HttpClient& http, BlockingPool& pool,
            const LlmSettings& settings);

  /// Errors: not_found (no such alias; names those there are), invalid (a provider is not
  /// configured).
  [[nodiscard]] Result<Chain> chain(const std::string& alias) const;

 private:
  void add_service(const boost::asio::any_io_executor& loop, HttpClient& http, BlockingPool& pool,
                   const ProviderSettings& settings);
  void add_model(const ModelSettings& settings, const RetrySettings& retry);
  [[nodiscard]] Result<const Endpoint*> endpoint(const std::string& alias) const;

  std::map<std::string, Breaker> breakers_;  ///< By the endpoints' name.
  std::map<std::string, Service> services_;
  std::map<std::string, Endpoint> models_;  ///< By alias; without a service where it is unknown.
};

}  // namespace tinkerbell

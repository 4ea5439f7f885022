#pragma once

#include "drivers/llm/provider.hpp"

#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <memory>
#include <string>

namespace tinkerbell {

/// A service that is spoken to over HTTP, in the wire format of its type. The key is sent to the
/// configured origin only: the client follows no redirects.
class HttpProvider final : public Provider {
 public:
  HttpProvider(HttpClient& http, const ProviderSettings& settings);
  ~HttpProvider() override;

  [[nodiscard]] std::string place() const override;
  [[nodiscard]] std::string host() const override;
  void ask(ModelQuestion question, TextHandler text, AttemptHandler done) override;
  void cancel(CommandId id) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Scheme, host and port of a URL: "https://api.openai.com".
[[nodiscard]] std::string origin_of(const std::string& url);

}  // namespace tinkerbell

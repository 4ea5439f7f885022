#pragma once

#include "drivers/llm/provider.hpp"

#include "tinkerbell/drivers/llm/llm_driver.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>

namespace tinkerbell {

/// A playbook instead of a model. The file is read at the first question, on the pool, and kept.
/// Tokens are counted as bytes / 4, so that budgets can be tried out too.
class OfflineProvider final : public Provider {
 public:
  OfflineProvider(boost::asio::any_io_executor loop, BlockingPool& pool,
                  const ProviderSettings& settings);
  ~OfflineProvider() override;

  [[nodiscard]] std::string place() const override;

  [[nodiscard]] std::string host() const override { return {}; }

  void ask(ModelQuestion question, TextHandler text, AttemptHandler done) override;
  void cancel(CommandId id) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tinkerbell

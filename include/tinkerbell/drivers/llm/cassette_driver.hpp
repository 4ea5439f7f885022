#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/syscall/driver.hpp"

namespace tinkerbell {

/// Performs AwaitLLMResponse of tasks that have a cassette, out of that: no model is asked, nobody
/// reads the conversation, and nothing is charged (a reply's `cost` is what was recorded). What the
/// cassette does not have is an error. All other calls go to `models`. Loop thread only; `models`,
/// the clock and the sink outlive it.
class CassetteDriver final : public Driver {
 public:
  CassetteDriver(Driver& models, const Clock& clock, ProgressSink& progress)
      : models_(models), clock_(clock), progress_(progress) {}

  /// Errors: those of exchange_for; those of the models.
  void prepare(Call call, Completion<Prepared> prepared) override;

  /// Errors: what was recorded; those of the models.
  void perform(Call call, Completion<Reply> done) override;

  void recover(Call call, Completion<Reply> done) override {
    models_.recover(std::move(call), std::move(done));
  }

  void settled(const std::string& key) override { models_.settled(key); }

  /// An answer out of a cassette is there at once: there is nothing to cancel.
  void cancel(CommandId id) override { models_.cancel(id); }

  [[nodiscard]] std::string waits_for(CommandId id) const override { return models_.waits_for(id); }

 private:
  [[nodiscard]] Reply played(CommandId id, AwaitLLMResponse::Reply reply);

  Driver& models_;
  const Clock& clock_;
  ProgressSink& progress_;
};

}  // namespace tinkerbell

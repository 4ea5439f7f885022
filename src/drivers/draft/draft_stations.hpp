#pragma once

#include "drivers/draft/takeover.hpp"

#include "tinkerbell/base/result.hpp"
#include "tinkerbell/drivers/draft/draft_driver.hpp"
#include "tinkerbell/syscall/driver.hpp"
#include "tinkerbell/workspace/content_store.hpp"
#include "tinkerbell/workspace/copy_tree.hpp"

#include <stop_token>

namespace tinkerbell {

/// The stations of draft commands as plain blocking functions. Any thread. Errors as DraftDriver
/// says.
class DraftStations {
 public:
  DraftStations(ContentStore& contents, DraftSettings settings)
      : contents_(contents), settings_(std::move(settings)) {}

  [[nodiscard]] Result<Prepared> prepare(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Reply> perform(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Reply> recover(const Call& call);

  [[nodiscard]] Result<void> add_contents(std::set<Sha256>& contents) const;

  /// What a draft of a workspace would cost.
  [[nodiscard]] Result<CopyEstimate> estimate(const Call& call, const std::stop_token& stop);

 private:
  [[nodiscard]] std::function<bool(std::string_view path)> own_files_in(
      const std::string& workspace) const;

  [[nodiscard]] std::function<std::optional<Objection>(const std::string& path)> objections() const;

  [[nodiscard]] Result<Prepared> prepare_open(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Prepared> prepare_accept(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Prepared> prepare_drop(const Call& call);
  [[nodiscard]] Result<Reply> open(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Reply> make_draft(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Reply> accept(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Reply> drop(const Call& call);
  [[nodiscard]] Result<Reply> recover_open(const Call& call);
  [[nodiscard]] Result<Reply> recover_accept(const Call& call);

  [[nodiscard]] Result<Takeover> takeover(const Call& call, const std::stop_token& stop);
  [[nodiscard]] Result<Reply> taken_over(const Call& call) const;

  ContentStore& contents_;
  DraftSettings settings_;
};

}  // namespace tinkerbell

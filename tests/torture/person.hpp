#pragma once

#include "torture/findings.hpp"
#include "torture/scenario.hpp"

#include "tinkerbell/base/json.hpp"
#include "tinkerbell/io/unix_http_client.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace tinkerbell::torture {

/// The one outside: submits the jobs, answers questions, waits for the end; over all lives of the
/// daemon. Remembers what was acknowledged, and finds it lost or doubled.
class Person {
 public:
  Person(const Scenario& scenario, std::string workspace, Findings& findings)
      : scenario_(scenario), workspace_(std::move(workspace)), findings_(findings) {}

  /// One life of the daemon: until all jobs have ended (true), or it is gone, or nothing happens
  /// any more (false).
  [[nodiscard]] bool work(const std::string& socket, const std::function<bool()>& gone);

  /// Questions of kind "outcome" so far.
  [[nodiscard]] std::size_t outcomes_asked() const { return outcomes_asked_; }

 private:
  enum class Step : std::uint8_t { more, over, gone };

  [[nodiscard]] Step look(UnixHttpClient& client);
  [[nodiscard]] bool submit_missing(UnixHttpClient& client,
                                    const std::map<std::string, Json>& there);
  [[nodiscard]] static bool resume_quarantined(UnixHttpClient& client,
                                               const std::map<std::string, Json>& there);
  [[nodiscard]] bool settle_drafts(UnixHttpClient& client,
                                   const std::map<std::string, Json>& there);
  [[nodiscard]] bool answer_open(UnixHttpClient& client, const std::map<std::string, Json>& there);
  void recognise(const Json& question);

  const Scenario& scenario_;
  std::string workspace_;
  Findings& findings_;
  std::map<std::string, std::uint64_t> submitted_;  ///< Acknowledged: goal and id.
  std::map<std::uint64_t, Json> shown_;             ///< Questions by id, as they were first shown.
  /// Of a task's step the newest question: it keeps its id over restarts.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> asked_;
  std::set<std::uint64_t> answered_;  ///< Acknowledged.
  std::size_t outcomes_asked_ = 0;
};

}  // namespace tinkerbell::torture

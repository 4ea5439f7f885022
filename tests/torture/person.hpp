#pragma once

#include "torture/findings.hpp"
#include "torture/outcome.hpp"
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
#include <vector>

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

  /// The trees of the workspace whenever nothing was under way and the person began something,
  /// each once in a row.
  [[nodiscard]] const std::vector<Tree>& stages() const { return stages_; }

  /// What has been begun last and is not known to have ended: "task", or the verb of an act; empty:
  /// nothing.
  [[nodiscard]] const std::string& under_way() const { return under_way_; }

  /// Questions of kind "outcome" so far.
  [[nodiscard]] std::size_t outcomes_asked() const { return outcomes_asked_; }

 private:
  enum class Step : std::uint8_t { more, over, gone };

  /// What is to be begun, and how.
  struct Order {
    std::string what;
    std::string target;
    Json body;
  };

  [[nodiscard]] Step look(UnixHttpClient& client);
  [[nodiscard]] bool begin_missing(UnixHttpClient& client,
                                   const std::map<std::string, Json>& there);
  [[nodiscard]] bool go_on(UnixHttpClient& client, const std::map<std::string, Json>& there,
                           const Job& job);
  [[nodiscard]] bool have_begun(UnixHttpClient& client, const std::map<std::string, Json>& there,
                                const std::string& title, const Order& order);
  [[nodiscard]] static bool resume_quarantined(UnixHttpClient& client,
                                               const std::map<std::string, Json>& there);
  [[nodiscard]] bool answer_open(UnixHttpClient& client, const std::map<std::string, Json>& there);
  void recognise(const Json& question);

  const Scenario& scenario_;
  std::string workspace_;
  Findings& findings_;
  std::map<std::string, std::uint64_t> begun_;  ///< Acknowledged: title and id.
  std::vector<Tree> stages_;
  std::string under_way_;
  std::map<std::uint64_t, Json> shown_;  ///< Questions by id, as they were first shown.
  /// Of a task's step the newest question: it keeps its id over restarts.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> asked_;
  std::set<std::uint64_t> answered_;  ///< Acknowledged.
  std::size_t outcomes_asked_ = 0;
};

}  // namespace tinkerbell::torture

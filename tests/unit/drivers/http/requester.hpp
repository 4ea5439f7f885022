#pragma once

#include "support/temp_dir.hpp"
#include "unit/io/loop.hpp"

#include "tinkerbell/base/masker.hpp"
#include "tinkerbell/drivers/http/http_driver.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/io/http_client.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace tinkerbell {

/// The driver with all that it stands on, and the way of a command through it.
class Requester {
 public:
  using Outcome = std::optional<Result<Reply>>;

  explicit Requester(std::set<std::string> reach = {})
      : driver_(
            client_, pool_, masker, *contents,
            {.reach = std::move(reach), .denied = [this](const TaskCommand&, const Facts& facts) {
               return facts.host == denied_host;
             }}) {}

  [[nodiscard]] Result<Facts> prepare(AwaitHttp command) {
    std::optional<Result<Prepared>> prepared;
    driver_.prepare(call_of(std::move(command), {}),
                    Completion<Prepared>([&](Result<Prepared> found) { prepared = found; }));
    EXPECT_TRUE(run_until(loop_, [&] { return prepared.has_value(); }));
    if (!*prepared) return prepared->error();
    return (*prepared)->facts;
  }

  void perform(AwaitHttp command, Facts facts, Outcome& outcome) {
    driver_.perform(call_of(std::move(command), std::move(facts)),
                    Completion<Reply>([&](Result<Reply> result) { outcome = std::move(result); }));
  }

  /// Both, and what came of them.
  [[nodiscard]] Result<AwaitHttp::Reply> request(AwaitHttp command) {
    Result<Facts> facts = prepare(command);
    if (!facts) return facts.error();
    Outcome outcome;
    perform(std::move(command), *std::move(facts), outcome);
    EXPECT_TRUE(wait([&] { return outcome.has_value(); }));
    if (!outcome) return Error{Errc::internal, "it never ended"};
    if (!*outcome) return outcome->error();
    return std::get<AwaitHttp::Reply>(**std::move(outcome));
  }

  [[nodiscard]] Result<AwaitHttp::Reply> get(const std::string& url) {
    return request({.url = url});
  }

  void cancel() { driver_.cancel(kId); }

  template <class Condition>
  [[nodiscard]] bool wait(Condition condition) {
    return run_until(loop_, condition);
  }

  Masker masker;
  TempDir directory;
  std::unique_ptr<ContentStore> contents = *ContentStore::open(directory / "contents");
  std::string denied_host;  ///< By a rule.

 private:
  static constexpr CommandId kId{TaskId{1}, Seq{1}};

  static Call call_of(AwaitHttp command, Facts facts) {
    return {.id = kId,
            .command = std::move(command),
            .workspace = "/",
            .key = "0123456789abcdef0123456789abcdef",
            .facts = std::move(facts),
            .pre_image = std::nullopt};
  }

  boost::asio::io_context loop_;
  BlockingPool pool_{loop_.get_executor(), 1};
  HttpClient client_{loop_.get_executor(), pool_};
  HttpDriver driver_;
};

}  // namespace tinkerbell

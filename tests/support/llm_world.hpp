#pragma once

#include "support/fake_clock.hpp"
#include "support/scripted_http_server.hpp"
#include "unit/io/loop.hpp"

#include "tinkerbell/base/log.hpp"
#include "tinkerbell/drivers/llm/llm_driver.hpp"
#include "tinkerbell/io/blocking_pool.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tinkerbell {

// ---- what a server of Chat Completions says ----

inline const std::string kEventsHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

inline std::string text_event(const std::string& text) {
  return R"(data: {"model":"m","choices":[{"index":0,"delta":{"content":")" + text + "\"}}]}\n\n";
}

inline const std::string kStopEvent =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
inline const std::string kEndEvent = "data: [DONE]\n\n";

inline ScriptedHttpServer::Script status_answer(const std::string& status,
                                                const std::string& body = "{}",
                                                const std::string& headers = "") {
  return ScriptedHttpServer::answer(
      "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\n" + headers +
      "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}

/// The driver of model calls on a loop that is turned by hand, with a clock that stands still. It
/// is made with the settings as they are when it is first needed.
class LlmWorld {
 protected:
  using ModelReply = AwaitLLMResponse::Reply;

  /// What it showed, and a hook at each piece.
  struct Shown final : ProgressSink {
    void progress(CommandId id, ProgressKind kind, std::string_view text) override {
      EXPECT_EQ(kind, ProgressKind::model_text);
      last = id;
      pieces.emplace_back(text);
      if (on_piece) on_piece();
    }

    CommandId last;
    std::vector<std::string> pieces;
    std::function<void()> on_piece;
  };

  /// What it logged.
  struct Lines final : Logger {
    [[nodiscard]] bool writes(LogLevel /*level*/) const override { return true; }

    void log(LogLevel /*level*/, std::string_view event, Json fields) override {
      fields["event"] = event;
      lines.push_back(std::move(fields));
    }

    std::vector<Json> lines;
  };

  LlmDriver& driver() {
    if (!driver_) {
      driver_.emplace(loop_.get_executor(), http_, pool_, clock_, shown_, log_, settings_);
    }
    return *driver_;
  }

  Result<Prepared> prepare(Call call) {
    std::optional<Result<Prepared>> prepared;
    driver().prepare(std::move(call), Completion<Prepared>([&](Result<Prepared> result) {
                       prepared = std::move(result);
                     }));
    return *prepared;
  }

  /// Performs it with the facts that it has.
  void perform_as_judged(Call call) {
    const CommandId id = call.id;
    outcomes_.erase(id);
    driver().perform(std::move(call), Completion<Reply>([this, id](Result<Reply> outcome) {
                       outcomes_.emplace(id, std::move(outcome));
                     }));
  }

  /// Performs what is judged as it is.
  void begin(Call call) {
    call.facts = prepare(call)->facts;
    perform_as_judged(std::move(call));
  }

  [[nodiscard]] bool has_ended(CommandId id) const { return outcomes_.contains(id); }

  Result<ModelReply> outcome(CommandId id) {
    if (!run_until(loop_, [&] { return has_ended(id); })) {
      return Error{Errc::internal, "no outcome within a minute"};
    }
    const Result<Reply>& outcome = outcomes_.at(id);
    return outcome ? Result<ModelReply>(std::get<ModelReply>(*outcome)) : outcome.error();
  }

  boost::asio::io_context loop_;
  BlockingPool pool_{loop_.get_executor(), 1};
  HttpClient http_{loop_.get_executor(), pool_};
  FakeClock clock_;
  Shown shown_;
  Lines log_;
  LlmSettings settings_;
  std::map<CommandId, Result<Reply>> outcomes_;
  std::optional<LlmDriver> driver_;  // last: it answers what is under way
};

}  // namespace tinkerbell

#include "tinkerbell/drivers/llm/cassette_driver.hpp"

#include "support/fake_clock.hpp"
#include "support/scripted_driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Shown final : public ProgressSink {
 public:
  void progress(CommandId /*id*/, ProgressKind /*kind*/, std::string_view text) override {
    pieces.emplace_back(text);
  }

  std::vector<std::string> pieces;
};

class CassetteDriverTest : public testing::Test {
 protected:
  CassetteDriverTest() {
    models_.facts("llm.response", {.facts = {.object = "a service", .host = "example.com"},
                                   .reserved = Reservation{.model = "default"}});
    models_.reply("llm.response", Reply(AwaitLLMResponse::Reply{.text = "from a model"}));
  }

  /// A call whose task has this answer to it, if any.
  static Call call(const Exchange& answer) {
    Exchange exchange = answer;
    exchange.fingerprint = fingerprint_of(canonical_command(AwaitLLMResponse{})).hex();
    return {.id = {TaskId{7}, Seq{3}},
            .command = AwaitLLMResponse{},
            .cassette = CassetteRef(Cassette{.exchanges = {exchange}})};
  }

  Result<Prepared> prepare(Call call) {
    std::optional<Result<Prepared>> found;
    driver_.prepare(std::move(call),
                    Completion<Prepared>([&](Result<Prepared> each) { found = std::move(each); }));
    return *found;
  }

  Result<AwaitLLMResponse::Reply> perform(Call call) {
    std::optional<Result<Reply>> outcome;
    driver_.perform(std::move(call),
                    Completion<Reply>([&](Result<Reply> each) { outcome = std::move(each); }));
    if (!*outcome) return outcome->error();
    return std::get<AwaitLLMResponse::Reply>(**outcome);
  }

  ScriptedDriver models_;
  FakeClock clock_;
  Shown shown_;
  CassetteDriver driver_{models_, clock_, shown_};
};

TEST_F(CassetteDriverTest, AnswersWithoutAModelAndHoldsNothingBack) {
  const Call played =
      call({.reply = AwaitLLMResponse::Reply{
                .text = "recorded", .received_unix_ns = 5, .cost = Money::of_trillionths(8)}});
  const Result<Prepared> prepared = prepare(played);
  ASSERT_TRUE(prepared);
  EXPECT_EQ(prepared->facts.object, "nobody (cassette)");
  EXPECT_EQ(prepared->facts.host, "");
  EXPECT_FALSE(prepared->reserved);
  const Result<AwaitLLMResponse::Reply> reply = perform(played);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, "recorded");
  EXPECT_EQ(reply->cost, Money::of_trillionths(8));
  EXPECT_EQ(reply->received_unix_ns, unix_nanoseconds(clock_.wall()));  // an agent's clock
  EXPECT_THAT(shown_.pieces, ElementsAre("recorded"));
  EXPECT_THAT(models_.prepared(), IsEmpty());
  EXPECT_THAT(models_.performed(), IsEmpty());
}

TEST_F(CassetteDriverTest, ARecordedErrorIsTheOutcomeAndNotRepeated) {
  const Call failed = call({.error = RecordedError{Errc::unavailable, "HTTP 503"}});
  ASSERT_TRUE(prepare(failed));
  const Result<AwaitLLMResponse::Reply> reply = perform(failed);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error(), (Error{Errc::unavailable, "HTTP 503"}));
}

TEST_F(CassetteDriverTest, WhatIsNotRecordedFailsBeforeItIsJudgedAndNoModelIsAsked) {
  Call unknown = call({.reply = AwaitLLMResponse::Reply{}});
  unknown.command = AwaitLLMResponse{.model = "other"};
  EXPECT_EQ(prepare(unknown).error().code, Errc::not_found);
  EXPECT_EQ(perform(unknown).error().code, Errc::not_found);
  unknown.cassette = CassetteRef(Cassette{});
  EXPECT_EQ(prepare(unknown).error().code, Errc::not_found);
  EXPECT_THAT(models_.prepared(), IsEmpty());
  EXPECT_THAT(models_.performed(), IsEmpty());
}

TEST_F(CassetteDriverTest, CallsOfTasksWithoutACassetteGoToTheModels) {
  Call live = call({});
  live.cassette = {};
  EXPECT_EQ(prepare(live)->facts.object, "a service");
  EXPECT_EQ(perform(live)->text, "from a model");
  EXPECT_THAT(models_.performed(), SizeIs(1));
}

}  // namespace
}  // namespace tinkerbell

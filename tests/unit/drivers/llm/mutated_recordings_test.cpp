#include "support/dice.hpp"
#include "support/seeds.hpp"
#include "unit/drivers/llm/recordings.hpp"

#include "tinkerbell/base/text.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tinkerbell {
namespace {

/// How many streams of each service are spoilt: TINKERBELL_MUTATIONS=N, usually so many.
#if defined(__has_feature) && (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
constexpr std::uint64_t kMutations = 4'000;  // they take ten times as long
#else
constexpr std::uint64_t kMutations = 20'000;
#endif

class MutatedRecordingTest : public testing::TestWithParam<ProviderType> {};

INSTANTIATE_TEST_SUITE_P(Services, MutatedRecordingTest, testing::ValuesIn(kServices),
                         [](const auto& service) { return std::string(name_of(service.param)); });

/// One or two bytes become others.
void change_bytes(std::string& stream, Dice& dice) {
  for (std::uint64_t left = 1 + dice.pick(2); left > 0; --left)
    stream[dice.pick(stream.size())] = static_cast<char>(dice.pick(256));
}

/// A piece is left out, or there twice.
void move_piece(std::string& stream, Dice& dice) {
  const std::size_t begin = 1 + dice.pick(stream.size() - 1);  // something is left
  const std::size_t length = 1 + dice.pick(300);
  const std::string piece = stream.substr(begin, length);
  if (dice.chance(2)) {
    stream.erase(begin, length);
  } else {
    stream.insert(dice.pick(stream.size()), piece);
  }
}

void check(const ModelReply& reply) {
  EXPECT_EQ(valid_utf8(reply.text), reply.text);
  EXPECT_LE(reply.tool_calls.size(), 32U);
  std::set<std::string> ids;
  for (const ToolCall& call : reply.tool_calls) {
    EXPECT_FALSE(call.id.empty());
    EXPECT_TRUE(ids.insert(call.id).second);
  }
  EXPECT_EQ(reply.finish == FinishReason::tool_calls, !reply.tool_calls.empty());
  for (const KeptPiece& piece : reply.kept)
    EXPECT_TRUE(parse_json(piece.json));
  EXPECT_LE(reply.usage.input_cached, reply.usage.input);
  EXPECT_LE(reply.usage.input_cache_write, reply.usage.input);
  EXPECT_LE(reply.usage.output_reasoning, reply.usage.output);
}

TEST_P(MutatedRecordingTest, F46_SpoiltStreamsGiveErrorsOrSoundReplies) {
  std::vector<std::string> streams;
  for (const std::string_view name : whole_recordings(GetParam()))
    streams.push_back(recorded(GetParam(), name));
  Dice dice(1 + static_cast<std::uint64_t>(GetParam()));
  std::uint64_t answered = 0;
  const std::uint64_t mutations = from_environment("TINKERBELL_MUTATIONS", kMutations);
  for (std::uint64_t i = 0; i < mutations; ++i) {
    std::string stream = streams[dice.pick(streams.size())];
    const bool moved = dice.chance(2);
    if (moved) move_piece(stream, dice);
    if (!moved || dice.chance(4)) change_bytes(stream, dice);
    const bool cut = !moved && dice.chance(2);
    if (cut) stream.resize(dice.pick(stream.size() - 1));
    const std::string_view all = stream;
    const std::size_t split = dice.pick(all.size() + 1);
    const Attempt came = streamed(GetParam(), {all.substr(0, split), all.substr(split)});
    if (!came.reply) continue;
    ++answered;
    ASSERT_FALSE(cut) << "an answer from a stream that was cut: mutation " << i << ":\n" << stream;
    check(*came.reply);
    ASSERT_FALSE(HasFailure()) << "mutation " << i << ":\n" << stream;
  }
  RecordProperty("answered", std::to_string(answered));
  EXPECT_GT(answered, mutations / 100) << "so the replies were looked at";
  EXPECT_LT(answered, mutations) << "so some were spoilt";
}

TEST_P(MutatedRecordingTest, F49_ACutCallStaysCutWhateverElseIsSpoilt) {
  const std::string length = recorded(GetParam(), "length");
  Dice dice(7);
  const std::uint64_t mutations = from_environment("TINKERBELL_MUTATIONS", kMutations) / 10;
  for (std::uint64_t i = 0; i < mutations; ++i) {
    std::string stream = length;
    change_bytes(stream, dice);
    const Attempt came = streamed(GetParam(), {stream});
    ASSERT_TRUE(!came.reply || came.reply->tool_calls.empty()) << stream;
  }
}

}  // namespace
}  // namespace tinkerbell

#include "support/dice.hpp"

#include "tinkerbell/debug/core_builder.hpp"
#include "tinkerbell/debug/core_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <map>
#include <string>
#include <vector>

/// Core files: what is in them, what is never in them, and what is refused.

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kSecret = "s3cr\"t/of+ann~1234";

Record record(std::uint64_t lsn, RecordKind kind, Seq seq, std::string payload) {
  Record made;
  made.lsn = Lsn{lsn};
  made.task = TaskId{7};
  made.kind = kind;
  made.seq = seq;
  made.payload = std::move(payload);
  return made;
}

FileState file_of(std::string_view content) {
  return {.mode = 0644, .content = sha256(content), .bytes = content.size()};
}

/// Began a child, then had a program change a file; `output` is what the program wrote.
RecordedTask a_task(const std::string& output) {
  const TaskPayload task{.kind = "agent@1",
                         .workspace = "/work",
                         .arguments = Json::object(),
                         .definition = Json::object(),
                         .title = "a title"};
  const TaskCommand spawn = Spawn{.kind = "agent@1"};
  const TaskCommand run = AwaitProcess{.argv = {"./tool"}};
  const auto intent = [](const TaskCommand& command) {
    return canonical_bytes(IntentPayload{.command = std::string(name_of(command)),
                                         .arguments = {canonical_arguments(command)},
                                         .line = "a line",
                                         .facts = {},
                                         .verdict = {}});
  };
  AwaitProcess::Reply reply{.output = output};
  reply.changes = {{.path = "a.txt", .before = file_of("one\n"), .after = file_of("two\n")}};
  return {.task = TaskId{7},
          .created = wall_from_unix_nanoseconds(5),
          .records = {record(1, RecordKind::task, Seq{0}, canonical_bytes(task)),
                      record(2, RecordKind::intent, Seq{1}, intent(spawn)),
                      record(3, RecordKind::result, Seq{1},
                             canonical_outcome(Reply(Spawn::Reply{TaskId{8}}))),
                      record(5, RecordKind::intent, Seq{2}, intent(run)),
                      record(6, RecordKind::result, Seq{2}, canonical_outcome(Reply(reply)))}};
}

/// What is in the file, uncompressed.
std::string body_of(const std::string& file) {
  const std::string frame = file.substr(file.find('\n') + 1);
  std::string body(ZSTD_getFrameContentSize(frame.data(), frame.size()), '\0');
  (void)ZSTD_decompress(body.data(), body.size(), frame.data(), frame.size() - 32);
  return body;
}

class CoreTest : public testing::Test {
 protected:
  CoreTest() { EXPECT_TRUE(masker.add(kSecret)); }

  [[nodiscard]] CoreBuilder builder() const {
    return {"1.2.3", wall_from_unix_nanoseconds(9), masker};
  }

  [[nodiscard]] CoreBuilder::ReadContent contents() const {
    return [this](const Sha256& hash, std::size_t max) -> Result<std::string> {
      const auto found = stored.find(hash);
      if (found == stored.end()) return Error{Errc::not_found, "it is not kept"};
      if (found->second.size() > max) return Error{Errc::too_large, "it is too long"};
      return found->second;
    };
  }

  void keep(const std::string& content) { stored.emplace(sha256(content), content); }

  [[nodiscard]] std::string file_with(const RecordedTask& task) const {
    CoreBuilder core = builder();
    EXPECT_TRUE(core.add(task));
    Result<std::string> file = core.finish(contents());
    EXPECT_TRUE(file) << file.error().message;
    return file ? *file : std::string();
  }

  Masker masker;
  std::map<Sha256, std::string> stored;
};

TEST_F(CoreTest, HasTheRecordsAsTheyAreAndTheContentsThatChangesName) {
  keep("one\n");
  keep("two\n");
  keep("nobody's");
  const RecordedTask task = a_task("done");
  const Result<Core> core = read_core_file(file_with(task));
  ASSERT_TRUE(core) << core.error().message;
  EXPECT_EQ(core->version, "1.2.3");
  EXPECT_EQ(core->taken_unix_ns, 9);
  EXPECT_EQ(core->masked, 0U);
  EXPECT_THAT(core->left_out, IsEmpty());
  ASSERT_EQ(core->tasks.size(), 1U);
  const Result<RecordedTask> read = recorded_task(core->tasks.front());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->records, task.records);
  EXPECT_EQ(read->created, task.created);
  EXPECT_FALSE(read->masked_from);
  std::vector<std::string> contents;
  for (const CoreContent& content : core->contents)
    contents.push_back(content.content);
  EXPECT_THAT(contents, ElementsAre("one\n", "two\n"));
}

TEST_F(CoreTest, ItsFamilyIsToldAndWhatIsLeftOutIsSaid) {
  keep("one\n");
  CoreBuilder core = builder();
  const Result<std::vector<TaskId>> family = core.add(a_task("done"));
  ASSERT_TRUE(family);
  EXPECT_THAT(*family, ElementsAre(TaskId{8}));
  core.leave_out(TaskId{8}, {Errc::not_found, "no task 8"});
  const Result<std::string> file = core.finish(contents());
  ASSERT_TRUE(file);
  const Result<Core> read = read_core_file(*file);
  ASSERT_TRUE(read);
  EXPECT_THAT(read->left_out, ElementsAre(HasSubstr("task 8"), HasSubstr("it is not kept")));
}

TEST_F(CoreTest, OfManyContentsThatAreLeftOutAFewAreNamedAndTheOthersCounted) {
  RecordedTask task = a_task("done");
  AwaitProcess::Reply reply;
  for (int i = 0; i < 30; ++i)
    reply.changes.push_back({.path = "a", .before = {}, .after = file_of(std::to_string(i))});
  task.records.back().payload = canonical_outcome(Reply(reply));
  const Result<Core> core = read_core_file(file_with(task));
  ASSERT_TRUE(core);
  EXPECT_EQ(core->left_out.size(), CoreBuilder::kMissingNamedMax + 1);
  EXPECT_EQ(core->left_out.back(), "10 more contents");
}

TEST_F(CoreTest, WhatFileCommandsMadeStandsInTheirRecordsAndIsNotLeftOut) {
  RecordedTask task = a_task("done");
  const TaskCommand write = AwaitFileWrite{.path = "a.txt", .content = "two\n"};
  task.records[3].payload =
      canonical_bytes(IntentPayload{.command = "file.write",
                                    .arguments = {canonical_arguments(write)},
                                    .line = "write a.txt",
                                    .facts = {.result_sha256 = sha256("two\n").hex()},
                                    .verdict = {}});
  AwaitFileWrite::Reply reply;
  reply.changes = {{.path = "a.txt", .before = file_of("one\n"), .after = file_of("two\n")}};
  task.records[4].payload = canonical_outcome(Reply(reply));
  task.records.insert(task.records.begin() + 4,
                      record(55, RecordKind::file, Seq{2},
                             canonical_bytes(PreImage{.path = "a.txt", .content = "one\n"})));
  task.records[4].lsn = Lsn{6};
  task.records[5].lsn = Lsn{7};
  const Result<Core> core = read_core_file(file_with(task));
  ASSERT_TRUE(core);
  EXPECT_THAT(core->left_out, IsEmpty());
  EXPECT_THAT(core->contents, IsEmpty());
}

TEST_F(CoreTest, NoSecretIsInItHoweverItIsSpelt) {
  const std::string secret(kSecret);
  const std::string json = dump_json(Json(secret));
  keep("one\n");
  const std::string with_secret = "key=" + secret + "\n";
  keep(with_secret);
  RecordedTask task = a_task("raw " + secret + ", JSON " + json + ", URL s3cr%22t%2Fof%2Bann~1234");
  AwaitProcess::Reply reply{.output = "raw " + secret};
  reply.changes = {{.path = "a.txt", .before = file_of("one\n"), .after = file_of(with_secret)}};
  task.records.push_back(record(7, RecordKind::result, Seq{2}, canonical_outcome(Reply(reply))));
  const std::string file = file_with(task);
  for (const std::string& whole : {file, body_of(file)}) {
    EXPECT_THAT(whole, Not(HasSubstr(secret)));
    EXPECT_THAT(whole, Not(HasSubstr(json.substr(1, json.size() - 2))));
    EXPECT_FALSE(masker.finds_secret_in(whole));
  }
  const Result<Core> core = read_core_file(file);
  ASSERT_TRUE(core);
  EXPECT_EQ(core->masked, 3U);  // two records and a content
  EXPECT_EQ(core->tasks.front().masked_from, 6U);
  ASSERT_EQ(core->contents.size(), 2U);
  EXPECT_EQ(core->contents[1].content, "key=[secret]\n");
  EXPECT_TRUE(core->contents[1].masked);
  const Result<RecordedTask> read = recorded_task(core->tasks.front());
  ASSERT_TRUE(read);
  const Result<Result<Reply>> outcome =
      outcome_from_canonical(AwaitProcess{}, read->records[4].payload);
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_THAT(std::get<AwaitProcess::Reply>(**outcome).output, HasSubstr("raw [secret], JSON"));
}

TEST_F(CoreTest, MaskingLeavesAllOtherValuesAsTheyAre) {
  const Json tree = {{"number", 12},    {"negative", -3},
                     {"real", 2.5},     {"yes", true},
                     {"none", nullptr}, {"list", {1, std::string(kSecret), "plain"}}};
  Json masked = tree;
  mask_strings(masked, masker);
  EXPECT_EQ(masked_canonical(canonical_bytes(tree), masker), canonical_bytes(masked));
  EXPECT_EQ(masked_canonical(canonical_bytes(masked), masker), canonical_bytes(masked));
}

TEST_F(CoreTest, AnyBitThatIsFlippedIsSeen) {
  const std::string file = file_with(a_task("done"));
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string flipped = file;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(read_core_file(flipped)) << "bit " << bit;
  }
}

TEST_F(CoreTest, AnyCutAndAnyTailIsSeen) {
  const std::string file = file_with(a_task("done"));
  for (std::size_t length = 0; length < file.size(); ++length)
    EXPECT_FALSE(read_core_file(file.substr(0, length))) << length;
  EXPECT_FALSE(read_core_file(file + "x"));
}

/// A file of that form around what somebody made up.
std::string forged(const std::string& body, const std::string& head = "tinkerbell core 1\n") {
  std::string frame(ZSTD_compressBound(body.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), body.data(), body.size(), 1));
  const std::string signed_part = head + frame;
  const Sha256 hash = sha256(signed_part);
  return signed_part + std::string(hash.bytes.begin(), hash.bytes.end());
}

TEST_F(CoreTest, ALaterVersionIsSaidToBeOne) {
  const Result<Core> core = read_core_file(forged("", "tinkerbell core 2\n"));
  ASSERT_FALSE(core);
  EXPECT_EQ(core.error().code, Errc::unsupported);
  EXPECT_THAT(core.error().message, HasSubstr("version 2"));
}

TEST_F(CoreTest, WhatWouldTakeTooMuchMemoryIsNotUnpacked) {
  const Result<Core> core = read_core_file(forged(std::string(kCoreBytesMax + 1, '\0')));
  ASSERT_FALSE(core);
  EXPECT_EQ(core.error().code, Errc::too_large);
}

TEST_F(CoreTest, WhatSomebodyMadeUpIsRefused) {
  const auto refused = [](const Core& core) {
    const Result<Core> read = read_core_file(forged(canonical_bytes(core)));
    return read ? recorded_task(read->tasks.front()).error().code : read.error().code;
  };
  const RecordedTask task = a_task("done");
  Core good{.tasks = {{.task = TaskId{7}, .records = {}}}};
  for (const Record& each : task.records)
    append_encoded(each, good.tasks[0].records);
  ASSERT_TRUE(read_core_file(forged(canonical_bytes(good))));

  EXPECT_EQ(refused({}), Errc::invalid);  // no task
  Core volatile_task = good;
  volatile_task.tasks[0].task = TaskId{kVolatileBit | 7};
  EXPECT_EQ(refused(volatile_task), Errc::invalid);
  Core twice = good;
  twice.tasks.push_back(twice.tasks[0]);
  EXPECT_EQ(refused(twice), Errc::invalid);
  Core of_another = good;
  of_another.tasks[0].task = TaskId{8};
  EXPECT_EQ(refused(of_another), Errc::invalid);
  Core repeated = good;
  repeated.tasks[0].records += repeated.tasks[0].records;
  EXPECT_EQ(refused(repeated), Errc::invalid);
  Core wrong_content = good;
  wrong_content.contents = {{.sha256 = sha256("a").hex(), .content = "b"}};
  EXPECT_EQ(refused(wrong_content), Errc::invalid);
  EXPECT_EQ(read_core_file(forged("no sense")).error().code, Errc::invalid);
}

/// Bytes of a valid body, changed at random behind a right hash: read or refused, never worse.
TEST_F(CoreTest, NothingThatIsMadeUpDoesHarm) {
  keep("one\n");
  const std::string body = body_of(file_with(a_task("done")));
  Dice dice(1);
  for (int round = 0; round < 2'000; ++round) {
    std::string changed = body;
    for (int change = 0; change < 3; ++change)
      changed[dice.pick(changed.size())] = static_cast<char>(dice.pick(256));
    const Result<Core> core = read_core_file(forged(changed));
    if (!core) continue;
    for (const CoreTask& task : core->tasks)
      (void)recorded_task(task);
  }
}

}  // namespace
}  // namespace tinkerbell

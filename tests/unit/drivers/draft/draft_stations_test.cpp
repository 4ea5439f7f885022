#include "drivers/draft/draft_stations.hpp"

#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"

#include "tinkerbell/base/unique_fd.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

namespace tinkerbell {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr TaskId kTask{12};

/// A workspace, and task 12 that works in a draft of it.
class DraftStationsTest : public testing::Test {
 protected:
  DraftStationsTest() { fs::create_directory(dir_ / "work"); }

  void put(const std::string& name, std::string_view content) const {
    dir_.write("work/" + name, content);
  }

  [[nodiscard]] std::string get(const std::string& name) const { return dir_.read("work/" + name); }

  void put_in_draft(const std::string& name, std::string_view content) const {
    dir_.write("drafts/12/tree/" + name, content);
  }

  [[nodiscard]] bool has_draft() const { return fs::exists(dir_ / "drafts/12"); }

  [[nodiscard]] Call call_of(TaskCommand command) {
    return {.id = {kTask, Seq{++seq_}},
            .command = std::move(command),
            .workspace = (dir_ / "work").string(),
            .draft = kTask,
            .key = "0123456789abcdef0123456789abcdef"};
  }

  Result<Call> prepared(TaskCommand command) {
    Call call = call_of(std::move(command));
    Result<Prepared> found = stations_.prepare(call, {});
    if (!found) return found.error();
    call.facts = std::move(found->facts);
    return call;
  }

  template <Command C>
  Result<typename C::Reply> run(C command) {
    const Result<Call> call = prepared(TaskCommand(std::move(command)));
    if (!call) return call.error();
    const Result<Reply> reply = stations_.perform(*call, {});
    if (!reply) return reply.error();
    return std::get<typename C::Reply>(*reply);
  }

  AwaitDraftOpen::Reply open() {
    const Result<AwaitDraftOpen::Reply> reply = run(AwaitDraftOpen{});
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().message);
    return reply ? *reply : AwaitDraftOpen::Reply{};
  }

  static std::vector<std::string> paths_of(const std::vector<FileChange>& changes) {
    std::vector<std::string> paths;
    for (const FileChange& change : changes)
      paths.push_back(change.path);
    return paths;
  }

  static std::vector<std::string> paths_of(const std::vector<LeftInDraft>& left) {
    std::vector<std::string> paths;
    for (const LeftInDraft& each : left)
      paths.push_back(each.path);
    return paths;
  }

  static Errc code(const auto& result) { return result ? Errc::internal : result.error().code; }

  TempDir dir_;
  std::unique_ptr<ContentStore> contents_ = *ContentStore::open(dir_ / "contents");
  DraftStations stations_{*contents_,
                          {.drafts = Drafts(dir_ / "drafts"),
                           .own = {dir_ / "work/own"},
                           .objection_to = [](const std::string& path) -> std::optional<Objection> {
                             if (path.starts_with("secret")) {
                               return Objection{.final = true, .why = "forbidden"};
                             }
                             if (path == ".envrc" || path.starts_with(".git/")) {
                               return Objection{.why = "protected"};
                             }
                             return std::nullopt;
                           }}};
  std::uint32_t seq_ = 0;
};

TEST_F(DraftStationsTest, WhatItTakesIsKnownBeforeTheCopyToTwoDigits) {
  for (int i = 0; i < 101; ++i)
    put("f" + std::to_string(i), std::string(5'000, 'x'));
  const Result<Call> call = prepared(AwaitDraftOpen{});
  ASSERT_TRUE(call && call->facts.copy);
  EXPECT_EQ(call->facts.copy->files, 110U);
  EXPECT_GE(call->facts.copy->bytes, 505'000U);
  EXPECT_EQ(call->facts.copy->bytes % 10'000, 0U);
  EXPECT_GT(call->facts.copy->bytes_free, 0U);
  EXPECT_FALSE(has_draft());
}

TEST_F(DraftStationsTest, AWorkspaceInWhichNothingCanBeWrittenGetsNone) {
  SmallDisk disk(dir_ / "work", "size=1m");
  if (!disk.works()) GTEST_SKIP() << disk.why_not();
  ASSERT_TRUE(prepared(AwaitDraftOpen{}));
  ASSERT_TRUE(disk.make_read_only());
  const Result<Call> call = prepared(AwaitDraftOpen{});
  ASSERT_FALSE(call);
  EXPECT_THAT(call.error().message, HasSubstr("run it with --live"));
  EXPECT_FALSE(has_draft());
}

TEST_F(DraftStationsTest, ADraftIsACopyInWhichTheWorkspaceIsNotTouched) {
  put("a", "one");
  put("d/b", "two");
  put("own/state", "the daemon's");
  const AwaitDraftOpen::Reply reply = open();
  EXPECT_EQ(reply.files, 2U);
  EXPECT_EQ(reply.bytes, 6U);
  EXPECT_EQ(paths_of(reply.left_out), std::vector<std::string>{"own"});
  EXPECT_EQ(dir_.read("drafts/12/tree/d/b"), "two");
  EXPECT_FALSE(fs::exists(dir_ / "drafts/12/tree/own"));
  put_in_draft("a", "changed");
  EXPECT_EQ(get("a"), "one");
}

TEST_F(DraftStationsTest, ATaskWithoutADraftOfItsOwnMakesNone) {
  Call call = call_of(AwaitDraftOpen{});
  call.draft = kNoTask;
  EXPECT_EQ(code(stations_.prepare(call, {})), Errc::invalid);
  call.draft = TaskId{11};
  EXPECT_EQ(code(stations_.prepare(call, {})), Errc::invalid);
}

TEST_F(DraftStationsTest, AcceptingTakesAllOverAndTheDraftGoes) {
  put("changed", "one\ntwo\n");
  put("removed", "x");
  open();
  put_in_draft("changed", "one\n2\n");
  put_in_draft("new/deep/file", "n");
  fs::remove(dir_ / "drafts/12/tree/removed");
  const Result<Call> call = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->facts.draft, kTask);
  ASSERT_EQ(call->facts.changes.size(), 5U);
  EXPECT_THAT(call->facts.changes[0].diff, HasSubstr("-two\n+2\n"));
  EXPECT_THAT(call->facts.changes[1].diff, HasSubstr("new: nothing, then directory"));
  EXPECT_EQ(get("changed"), "one\ntwo\n");
  const Result<Reply> reply = stations_.perform(*call, {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_THAT(paths_of(std::get<AwaitDraftAccept::Reply>(*reply).changes),
              ElementsAre("changed", "new", "new/deep", "new/deep/file", "removed"));
  EXPECT_EQ(get("changed"), "one\n2\n");
  EXPECT_EQ(get("new/deep/file"), "n");
  EXPECT_FALSE(fs::exists(dir_ / "work/removed"));
  EXPECT_FALSE(has_draft());
}

TEST_F(DraftStationsTest, WhatWasApprovedIsWhatIsTakenOver) {
  put("a", "one");
  open();
  put_in_draft("a", "two");
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked);
  put_in_draft("a", "three");
  EXPECT_EQ(code(stations_.perform(*asked, {})), Errc::conflict);
  put_in_draft("a", "two");
  put("a", "elsewhere");
  EXPECT_EQ(code(stations_.perform(*asked, {})), Errc::conflict);
  EXPECT_EQ(get("a"), "elsewhere");
  EXPECT_TRUE(has_draft());
}

TEST_F(DraftStationsTest, WhatBothChangedIsMergedOrLeftAndNeverOverwritten) {
  put("lines", "1\n2\n3\n4\n5\n6\n7\n");
  put("both", "x");
  open();
  put_in_draft("lines", "one\n2\n3\n4\n5\n6\n7\n");
  put_in_draft("both", "draft");
  put("lines", "1\n2\n3\n4\n5\n6\nseven\n");
  put("both", "workspace");
  const Result<AwaitDraftAccept::Reply> reply = run(AwaitDraftAccept{});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(get("lines"), "one\n2\n3\n4\n5\n6\nseven\n");
  EXPECT_EQ(get("both"), "workspace");
  ASSERT_EQ(paths_of(reply->left), std::vector<std::string>{"both"});
  EXPECT_THAT(reply->left[0].why, HasSubstr("CONFLICT"));
  EXPECT_TRUE(has_draft());
}

TEST_F(DraftStationsTest, S22_WhatRulesForbidStaysAndWhatIsProtectedMustBeNamed) {
  open();
  put_in_draft("secret/key", "k");
  put_in_draft(".envrc", "evil");
  put_in_draft("a", "a");
  const Result<AwaitDraftAccept::Reply> first = run(AwaitDraftAccept{});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(get("a"), "a");
  EXPECT_THAT(paths_of(first->left), ElementsAre(".envrc", "secret", "secret/key"));
  EXPECT_FALSE(fs::exists(dir_ / "work/.envrc"));
  EXPECT_TRUE(has_draft());
  const Result<AwaitDraftAccept::Reply> named =
      run(AwaitDraftAccept{.paths = {"./.envrc", "secret"}, .ignored = {}, .report = {}});
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(get(".envrc"), "evil");
  EXPECT_FALSE(fs::exists(dir_ / "work/secret"));
  EXPECT_THAT(paths_of(named->left), ElementsAre("secret", "secret/key"));
}

TEST_F(DraftStationsTest, PathsTakeOnlyWhatIsNamedWithTheDirectoriesAboveIt) {
  put("gone/x", "x");
  open();
  put_in_draft("new/one", "1");
  put_in_draft("new/two", "2");
  fs::remove_all(dir_ / "drafts/12/tree/gone");
  const Result<AwaitDraftAccept::Reply> reply =
      run(AwaitDraftAccept{.paths = {"new/one"}, .ignored = {}, .report = {}});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(get("new/one"), "1");
  EXPECT_FALSE(fs::exists(dir_ / "work/new/two"));
  EXPECT_EQ(get("gone/x"), "x");
  EXPECT_EQ(code(run(AwaitDraftAccept{.paths = {"nowhere"}, .ignored = {}, .report = {}})),
            Errc::not_found);
  ASSERT_TRUE(run(AwaitDraftAccept{}));
  EXPECT_EQ(get("new/two"), "2");
  EXPECT_FALSE(fs::exists(dir_ / "work/gone"));
  EXPECT_FALSE(has_draft());
}

TEST_F(DraftStationsTest, WhatGitIgnoresIsNotTakenUnlessItIsNamedAndKeepsNoDraft) {
  open();
  put_in_draft("build/out.o", "o");
  put_in_draft("a", "a");
  const AwaitDraftAccept ignoring{.paths = {}, .ignored = {"build"}, .report = {}};
  const Result<Call> asked = prepared(ignoring);
  ASSERT_TRUE(asked);
  EXPECT_THAT(paths_of(asked->facts.left), ElementsAre("build", "build/out.o"));
  const Result<AwaitDraftAccept::Reply> named =
      run(AwaitDraftAccept{.paths = {"build/out.o"}, .ignored = {"build"}, .report = {}});
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(get("build/out.o"), "o");
  EXPECT_TRUE(has_draft());
  ASSERT_TRUE(run(ignoring));
  EXPECT_FALSE(has_draft());
}

TEST_F(DraftStationsTest, ModesAndLinksAreShownAndTakenOver) {
  put("script", "#!/bin/sh\n");
  ::chmod((dir_ / "work/script").c_str(), 0644);
  open();
  ::chmod((dir_ / "drafts/12/tree/script").c_str(), 0755);
  fs::create_symlink("script", dir_ / "drafts/12/tree/link");
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked) << asked.error().message;
  ASSERT_EQ(asked->facts.changes.size(), 2U);
  EXPECT_EQ(asked->facts.changes[0].diff, "link: nothing, then link to script\n");
  EXPECT_THAT(asked->facts.changes[1].diff, HasSubstr("mode of script: 0644, then 0755\n"));
  ASSERT_TRUE(stations_.perform(*asked, {}));
  EXPECT_EQ(fs::read_symlink(dir_ / "work/link"), "script");
  EXPECT_EQ(fs::status(dir_ / "work/script").permissions() & fs::perms::owner_exec,
            fs::perms::owner_exec);
}

TEST_F(DraftStationsTest, AfterACrashADraftIsWholeOrNone) {
  put("a", "one");
  const Call call = call_of(AwaitDraftOpen{});
  EXPECT_EQ(code(stations_.recover(call)), Errc::not_started);
  dir_.write("drafts/12/tree/half", "of an earlier attempt");
  EXPECT_EQ(code(stations_.recover(call)), Errc::not_started);
  ASSERT_TRUE(stations_.perform(call, {}));
  EXPECT_FALSE(fs::exists(dir_ / "drafts/12/tree/half"));
  const Result<Reply> found = stations_.recover(call);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(std::get<AwaitDraftOpen::Reply>(*found).files, 1U);
}

TEST_F(DraftStationsTest, AfterACrashAnAcceptIsFinishedNotBegunOrInDoubt) {
  put("a", "one");
  put("b", "one");
  open();
  put_in_draft("a", "two");
  put_in_draft("b", "two");
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked);
  EXPECT_EQ(code(stations_.recover(*asked)), Errc::not_started);
  ASSERT_TRUE(stations_.perform(*asked, {}));
  const Result<Reply> done = stations_.recover(*asked);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(std::get<AwaitDraftAccept::Reply>(*done).changes.size(), 2U);
  put("a", "somebody else's");
  EXPECT_EQ(code(stations_.recover(*asked)), Errc::unknown_outcome);
  EXPECT_EQ(get("a"), "somebody else's");
}

/// A directory that even root cannot write to, where the file system knows that.
class Immutable {
 public:
  explicit Immutable(const fs::path& directory)
      : fd_(::open(directory.c_str(), O_RDONLY | O_CLOEXEC)) {
    works_ = ::ioctl(fd_.get(), FS_IOC_GETFLAGS, &before_) == 0 && set(before_ | FS_IMMUTABLE_FL);
  }

  Immutable(const Immutable&) = delete;
  Immutable& operator=(const Immutable&) = delete;

  ~Immutable() { lift(); }

  [[nodiscard]] bool works() const { return works_; }

  void lift() {
    if (std::exchange(works_, false)) (void)set(before_);
  }

 private:
  [[nodiscard]] bool set(int flags) const {
    return ::ioctl(fd_.get(), FS_IOC_SETFLAGS, &flags) == 0;
  }

  UniqueFd fd_;
  int before_ = 0;
  bool works_ = false;
};

TEST_F(DraftStationsTest, AnAcceptThatFailsHalfWayIsInDoubtAndCanBeFinished) {
  put("a", "one");
  put("d/b", "one");
  open();
  put_in_draft("a", "two");
  put_in_draft("d/b", "two");
  const Result<Call> asked = prepared(AwaitDraftAccept{});
  ASSERT_TRUE(asked);
  Immutable closed(dir_ / "work/d");
  if (!closed.works()) GTEST_SKIP() << "needs root and a file system with immutable directories";
  EXPECT_EQ(code(stations_.perform(*asked, {})), Errc::unknown_outcome);
  EXPECT_EQ(get("a"), "two") << "the control: it did fail half way";
  EXPECT_EQ(get("d/b"), "one");
  closed.lift();
  const Result<Reply> done = stations_.recover(*asked);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(get("d/b"), "two");
  EXPECT_FALSE(has_draft());
}

TEST_F(DraftStationsTest, ADroppedDraftIsGoneAndTheWorkspaceAsItWas) {
  put("a", "one");
  open();
  put_in_draft("a", "two");
  ASSERT_TRUE(run(AwaitDraftDrop{}));
  EXPECT_FALSE(has_draft());
  EXPECT_EQ(get("a"), "one");
  EXPECT_EQ(code(run(AwaitDraftAccept{})), Errc::not_found);
  EXPECT_EQ(code(run(AwaitDraftDrop{})), Errc::not_found);
  EXPECT_TRUE(stations_.recover(call_of(AwaitDraftDrop{})));
}

TEST_F(DraftStationsTest, ADraftOfAnotherWorkspaceIsRefused) {
  open();
  Call call = call_of(AwaitDraftAccept{});
  fs::create_directory(dir_ / "other");
  call.workspace = dir_ / "other";
  const Result<Prepared> found = stations_.prepare(call, {});
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("another workspace"));
}

TEST_F(DraftStationsTest, ADamagedDraftIsAnError) {
  open();
  dir_.write("drafts/12/base", "rubbish");
  EXPECT_EQ(code(stations_.prepare(call_of(AwaitDraftAccept{}), {})), Errc::invalid);
}

TEST_F(DraftStationsTest, ACancelledCopyLeavesNothing) {
  put("a", "one");
  std::stop_source stop;
  stop.request_stop();
  const Result<Call> call = prepared(AwaitDraftOpen{});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(code(stations_.perform(*call, stop.get_token())), Errc::cancelled);
  EXPECT_FALSE(has_draft());
}

}  // namespace
}  // namespace tinkerbell

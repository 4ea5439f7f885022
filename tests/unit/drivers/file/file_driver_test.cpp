#include "tinkerbell/drivers/file/file_driver.hpp"

#include "support/temp_dir.hpp"

#include "tinkerbell/base/hash.hpp"
#include "tinkerbell/io/blocking_pool.hpp"
#include "tinkerbell/workspace/change_list.hpp"
#include "tinkerbell/workspace/content_store.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <future>
#include <optional>

namespace tinkerbell {
namespace {

class FileDriverTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(dir_ / "work"); }

  void put(const std::string& name, std::string_view content) const {
    dir_.write("work/" + name, content);
  }

  [[nodiscard]] std::string get(const std::string& name) const { return dir_.read("work/" + name); }

  [[nodiscard]] bool exists(const std::string& name) const {
    return std::filesystem::exists(dir_ / ("work/" + name));
  }

  [[nodiscard]] Call call_of(TaskCommand command) {
    return {.id = {TaskId{1}, Seq{++seq_}},
            .command = std::move(command),
            .workspace = (dir_ / "work").string(),
            .key = "00112233445566778899aabbccddee" + std::to_string(10 + seq_)};
  }

  /// Turns the loop until the answer is there.
  template <class T>
  Result<T> answer_of(auto&& start) {
    std::optional<Result<T>> answer;
    start(Completion<T>([&](Result<T> result) { answer = std::move(result); }));
    while (!answer)
      loop_.run_one();
    return *std::move(answer);
  }

  Result<Prepared> prepare(Call call) {
    return answer_of<Prepared>(
        [&](Completion<Prepared> done) { driver_.prepare(std::move(call), std::move(done)); });
  }

  Result<Reply> perform(Call call) {
    return answer_of<Reply>(
        [&](Completion<Reply> done) { driver_.perform(std::move(call), std::move(done)); });
  }

  Result<Reply> recover(Call call) {
    return answer_of<Reply>(
        [&](Completion<Reply> done) { driver_.recover(std::move(call), std::move(done)); });
  }

  /// As syscall does it: the facts of prepare go with the call.
  Result<Call> prepared(TaskCommand command) {
    Call call = call_of(std::move(command));
    Result<Prepared> found = prepare(call);
    if (!found) return found.error();
    call.facts = found->facts;
    call.pre_image = found->pre_image;
    return call;
  }

  template <Command C>
  Result<typename C::Reply> run(C command) {
    Result<Call> call = prepared(TaskCommand(std::move(command)));
    if (!call) return call.error();
    Result<Reply> reply = perform(*call);
    if (!reply) return reply.error();
    return std::get<typename C::Reply>(*reply);
  }

  static Errc code(const auto& result) { return result ? Errc::internal : result.error().code; }

  static std::string hash(std::string_view content) { return sha256(content).hex(); }

  TempDir dir_;
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> turning_{
      loop_.get_executor()};
  BlockingPool pool_{loop_.get_executor(), 1};
  std::unique_ptr<ContentStore> contents_ = *ContentStore::open(dir_ / "contents");
  FileDriver driver_{
      pool_,
      *contents_,
      {.may_show =
           [](const TaskCommand& /*look*/, const Facts& facts, const std::string& entry) {
             return entry != "secret" || facts.object == "secret";
           },
       .own = {dir_ / "work/state", dir_ / "work/c.toml"},
       .may_read =
           [](const AwaitFileRead& read, const Facts& facts) {
             return read.path != "secret" && facts.object != "secret";
           }},
      Drafts(dir_ / "drafts")};
  std::uint32_t seq_ = 0;
};

TEST_F(FileDriverTest, SaysWhereAFileWasFoundThatALinkLedTo) {
  put(".env", "KEY=1");
  put("a", "text");
  std::filesystem::create_symlink(".env", dir_ / "work/notes.md");
  const auto linked = run(AwaitFileRead{.path = "notes.md"});
  ASSERT_TRUE(linked) << linked.error().message;
  EXPECT_EQ(linked->found_at, ".env");
  EXPECT_EQ(run(AwaitFileRead{.path = "notes.md", .line = 1})->found_at, ".env");
  EXPECT_EQ(run(AwaitFileRead{.path = "./a"})->found_at, "");
}

TEST_F(FileDriverTest, Reads) {
  put("a", "hello");
  EXPECT_EQ(run(AwaitFileRead{.path = "a"})->text, "hello");
  EXPECT_EQ(code(run(AwaitFileRead{.path = "a", .bytes_max = 4})), Errc::too_large);
  EXPECT_EQ(code(run(AwaitFileRead{.path = "b"})), Errc::not_found);
}

TEST_F(FileDriverTest, ReadsAPageOfALongFile) {
  put("a", "one\ntwo\nthree\n");
  const auto page = run(AwaitFileRead{.path = "a", .bytes_max = 4, .line = 2});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->text, "two\n");
  EXPECT_EQ(page->next_line, 3U);
}

TEST_F(FileDriverTest, ReadsWhatWasKeptInPages) {
  const std::string kept = contents_->put("one\ntwo\nthree\n")->hex();
  const auto first = run(AwaitContentRead{.sha256 = kept, .bytes_max = 9});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->text, "one\ntwo\n");
  EXPECT_EQ(first->bytes, 14U);
  EXPECT_EQ(first->next, 8U);
  const auto rest = run(AwaitContentRead{.sha256 = kept, .offset = first->next});
  EXPECT_EQ(rest->text, "three\n");
  EXPECT_EQ(rest->next, 0U);
  EXPECT_EQ(run(AwaitContentRead{.sha256 = kept, .offset = 14}).error().message,
            "it ends at byte 14");
  EXPECT_EQ(code(run(AwaitContentRead{.sha256 = hash("other")})), Errc::not_found);
  EXPECT_EQ(code(run(AwaitContentRead{.sha256 = "../../etc/passwd"})), Errc::invalid);
}

TEST_F(FileDriverTest, ListsAndSearches) {
  put("d/a", "needle");
  EXPECT_EQ(run(AwaitFileList{.path = "."})->entries.size(), 1U);
  EXPECT_EQ(run(AwaitFileList{.path = ".", .recursive = true})->entries.size(), 2U);
  EXPECT_EQ(run(AwaitFileSearch{.text = "needle", .path = "d"})->matches.at(0).path, "d/a");
}

TEST_F(FileDriverTest, InADraftItIsTheDraftUnderTheNameOfTheWorkspace) {
  put("a", "workspace");
  dir_.write("drafts/1/tree/a", "draft");
  const std::string itself = (dir_ / "work/a").string();
  Call read = call_of(AwaitFileRead{.path = itself});
  read.draft = TaskId{1};
  EXPECT_EQ(code(prepare(read)), Errc::not_found) << "as long as it is not whole";
  dir_.write("drafts/1/base", "whole");
  const Result<Prepared> found = prepare(read);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->facts.object, "a");
  EXPECT_EQ(found->facts.draft, TaskId{1});
  read.facts = found->facts;
  EXPECT_EQ(std::get<AwaitFileRead::Reply>(*perform(read)).text, "draft");
  Call real = call_of(AwaitFileRead{.path = (dir_ / "drafts/1/tree/a").string()});
  real.draft = TaskId{1};
  EXPECT_TRUE(prepare(real)->facts.outside) << "where it really is, is nobody's business";
  Call elsewhere = call_of(AwaitFileRead{.path = "a"});
  EXPECT_FALSE(prepare(elsewhere)->facts.draft != kNoTask);
}

TEST_F(FileDriverTest, SearchesNoFileThatTheFilterRefuses) {
  put("open", "needle");
  put("secret", "needle");
  const auto found = run(AwaitFileSearch{.text = "needle"});
  ASSERT_EQ(found->matches.size(), 1U);
  EXPECT_EQ(found->matches[0].path, "open");
  EXPECT_EQ(run(AwaitFileSearch{.text = "needle", .path = "secret"})->matches.size(), 1U)
      << "the filter sees what was judged";
  EXPECT_EQ(run(AwaitFileList{.path = "."})->entries.size(), 1U);
}

TEST_F(FileDriverTest, KeepsTheDaemonsOwnFilesFromTasks) {
  put("c.toml", "needle");
  put("state/journal.db", "needle");
  std::filesystem::create_symlink("state", dir_ / "work/link");
  for (const char* path : {"c.toml", "state", "state/journal.db", "link/journal.db"}) {
    EXPECT_EQ(code(run(AwaitFileRead{.path = path})), Errc::denied) << path;
    EXPECT_EQ(code(run(AwaitFileList{.path = path})), Errc::denied) << path;
    EXPECT_EQ(code(run(AwaitFileSearch{.text = "needle", .path = path})), Errc::denied) << path;
  }
  for (const char* path : {"c.toml", "state/new", "link/new"})
    EXPECT_EQ(code(run(AwaitFileWrite{.path = path, .content = "x"})), Errc::denied) << path;
  EXPECT_TRUE(run(AwaitFileSearch{.text = "needle"})->matches.empty());
  const auto listed = run(AwaitFileList{.path = ".", .recursive = true});
  ASSERT_EQ(listed->entries.size(), 1U);
  EXPECT_EQ(listed->entries[0].path, "link");
  EXPECT_TRUE(run(AwaitFileWrite{.path = "c.toml.old", .content = "x"}));
}

TEST_F(FileDriverTest, CreatesAndReplaces) {
  const auto created = run(AwaitFileWrite{.path = "new/a", .content = "12345"});
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_TRUE(created->created);
  EXPECT_EQ(created->bytes, 5U);
  const auto replaced = run(AwaitFileWrite{.path = "new/a", .content = ""});
  ASSERT_TRUE(replaced);
  EXPECT_FALSE(replaced->created);
  EXPECT_EQ(get("new/a"), "");
}

TEST_F(FileDriverTest, EditsAndSaysTheLine) {
  put("a", "1\n2\n3\n");
  const auto edited = run(AwaitFileEdit{.path = "a", .old_text = "3", .new_text = "three"});
  ASSERT_TRUE(edited);
  EXPECT_EQ(edited->line, 3U);
  EXPECT_EQ(get("a"), "1\n2\nthree\n");
}

TEST_F(FileDriverTest, LooksAtWhatStandsThereItself) {
  put("d/a", "12345");
  ASSERT_EQ(::chmod((dir_ / "work/d/a").c_str(), 0640), 0);
  std::filesystem::create_symlink("../outside", dir_ / "work/l");
  ASSERT_EQ(::mkfifo((dir_ / "work/fifo").c_str(), 0600), 0);
  const auto file = run(AwaitFileStat{.path = "./d//a"});
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->type, "file");
  EXPECT_EQ(file->mode, 0640U);
  EXPECT_EQ(file->bytes, 5U);
  EXPECT_GT(file->modified_unix_ns, 1'600'000'000'000'000'000);
  const auto link = run(AwaitFileStat{.path = "l"});
  ASSERT_TRUE(link) << "where it leads is nobody's business";
  EXPECT_EQ(link->type, "link");
  EXPECT_EQ(link->target, "../outside");
  EXPECT_EQ(link->bytes, 10U);
  EXPECT_EQ(run(AwaitFileStat{.path = "."})->type, "directory");
  EXPECT_EQ(run(AwaitFileStat{.path = "d/.."})->type, "directory");
  EXPECT_EQ(run(AwaitFileStat{.path = "d"})->bytes, 0U);
  EXPECT_EQ(run(AwaitFileStat{.path = "fifo"})->type, "other");
  EXPECT_EQ(code(run(AwaitFileStat{.path = "none"})), Errc::not_found);
  EXPECT_EQ(code(run(AwaitFileStat{.path = "state/x"})), Errc::denied);
  EXPECT_TRUE(prepared(AwaitFileStat{.path = "l/canary"})->facts.outside);
  EXPECT_EQ(code(recover(*prepared(AwaitFileStat{.path = "l"}))), Errc::not_started);
}

FileState file_state(std::string_view content, std::uint32_t mode) {
  return {.mode = mode, .content = sha256(content), .bytes = content.size()};
}

TEST_F(FileDriverTest, AWriteTellsTheFileAndTheDirectoriesThatItMade) {
  std::filesystem::create_directory(dir_ / "work/d");
  ASSERT_EQ(::chmod((dir_ / "work/d").c_str(), 02755), 0);
  const mode_t usual = ::umask(0027);
  const auto created = run(AwaitFileWrite{.path = "d/e/f/a", .content = "12345"});
  ::umask(usual);
  ASSERT_TRUE(created) << created.error().message;
  const FileState directory{.type = FileType::directory, .mode = 0750};
  EXPECT_EQ(created->changes,
            (std::vector<FileChange>{{"d/e", std::nullopt, directory},
                                     {"d/e/f", std::nullopt, directory},
                                     {"d/e/f/a", std::nullopt, file_state("12345", 0640)}}));
  ASSERT_EQ(::chmod((dir_ / "work/d/e/f/a").c_str(), 04751), 0);
  const auto replaced = run(AwaitFileWrite{.path = "d/e/f/a", .content = "new"});
  EXPECT_EQ(
      replaced->changes,
      (std::vector<FileChange>{{"d/e/f/a", file_state("12345", 04751), file_state("new", 0751)}}));
  EXPECT_TRUE(run(AwaitFileWrite{.path = "d/e/f/a", .content = "new"})->changes.empty());
}

TEST_F(FileDriverTest, AnEditTellsTheFileBeforeAndAfter) {
  put("a", "one");
  ASSERT_EQ(::chmod((dir_ / "work/a").c_str(), 0600), 0);
  EXPECT_EQ(run(AwaitFileEdit{.path = "a", .old_text = "one", .new_text = "two"})->changes,
            (std::vector<FileChange>{{"a", file_state("one", 0600), file_state("two", 0600)}}));
}

TEST_F(FileDriverTest, FactsBindTheChange) {
  put("d/a", "old\n");
  std::filesystem::create_directory_symlink("d", dir_ / "work/l");
  const Result<Call> call = prepared(AwaitFileWrite{.path = "./l//a", .content = "new\n"});
  ASSERT_TRUE(call);
  EXPECT_EQ(call->facts.object, "d/a");
  EXPECT_EQ(call->facts.object_sha256, hash("old\n"));
  EXPECT_EQ(call->facts.result_sha256, hash("new\n"));
  EXPECT_EQ(call->facts.diff, "--- a/d/a\n+++ b/d/a\n@@ -1 +1 @@\n-old\n+new\n");
  EXPECT_FALSE(call->facts.outside);
  ASSERT_TRUE(call->pre_image);
  EXPECT_EQ(call->pre_image->content, "old\n");
  EXPECT_EQ(get("d/a"), "old\n") << "prepare changes nothing";
}

TEST_F(FileDriverTest, FactsOfANewFileHaveNoHashAndItsWholeText) {
  const Result<Call> call = prepared(AwaitFileWrite{.path = "a", .content = "x\n"});
  ASSERT_TRUE(call);
  EXPECT_EQ(call->facts.object_sha256, "");
  EXPECT_EQ(call->facts.diff, "--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+x\n");
  EXPECT_FALSE(call->pre_image->existed);
}

TEST_F(FileDriverTest, S38_APathThatLeadsOutIsAFactAndIsNeverPerformed) {
  dir_.write("outside", "canary");
  const std::vector<TaskCommand> commands = {
      AwaitFileRead{.path = "../outside"}, AwaitFileList{.path = ".."},
      AwaitFileSearch{.text = "canary", .path = "../outside"},
      AwaitFileWrite{.path = "../outside", .content = "x"},
      AwaitFileEdit{.path = "../outside", .old_text = "canary", .new_text = "x"}};
  for (const TaskCommand& command : commands) {
    Result<Call> call = prepared(command);
    ASSERT_TRUE(call) << name_of(command);
    EXPECT_TRUE(call->facts.outside);
    EXPECT_FALSE(call->pre_image);
    EXPECT_FALSE(perform(*call)) << name_of(command);
    call->facts.outside = false;
    EXPECT_FALSE(perform(*call)) << name_of(command) << " even if nobody looked at the facts";
  }
  EXPECT_EQ(dir_.read("outside"), "canary");
}

TEST_F(FileDriverTest, S32_AFileThatChangedSinceItWasJudgedIsAConflict) {
  put("a", "old");
  const Result<Call> write = prepared(AwaitFileWrite{.path = "a", .content = "new"});
  const Result<Call> create = prepared(AwaitFileWrite{.path = "b", .content = "new"});
  put("a", "meanwhile");
  put("b", "meanwhile");
  EXPECT_EQ(code(perform(*write)), Errc::conflict);
  EXPECT_EQ(code(perform(*create)), Errc::conflict);
  EXPECT_EQ(get("a"), "meanwhile");
  EXPECT_EQ(get("b"), "meanwhile");
}

TEST_F(FileDriverTest, S39_ALinkThatAppearedSinceItWasJudgedIsAConflict) {
  put("d/a", "public");
  put("secret/a", "secret");
  const Result<Call> read = prepared(AwaitFileRead{.path = "d/a"});
  std::filesystem::rename(dir_ / "work/d", dir_ / "work/e");
  std::filesystem::create_directory_symlink("secret", dir_ / "work/d");
  EXPECT_EQ(code(perform(*read)), Errc::conflict);
}

TEST_F(FileDriverTest, RefusesAnotherChangeThanTheJudgedOne) {
  put("a", "old");
  Result<Call> call = prepared(AwaitFileWrite{.path = "a", .content = "new"});
  std::get<AwaitFileWrite>(call->command).content = "other";
  EXPECT_EQ(code(perform(*call)), Errc::internal);
  call->pre_image.reset();
  EXPECT_EQ(code(perform(*call)), Errc::internal);
  EXPECT_EQ(get("a"), "old");
}

TEST_F(FileDriverTest, EditsThatCannotBeAreTheOutcomeOfPrepare) {
  put("a", "x x");
  EXPECT_EQ(code(prepared(AwaitFileEdit{.path = "a", .old_text = "x", .new_text = "y"})),
            Errc::conflict);
  EXPECT_EQ(code(prepared(AwaitFileEdit{.path = "a", .old_text = "z", .new_text = "y"})),
            Errc::not_found);
  EXPECT_EQ(code(prepared(AwaitFileEdit{.path = "b", .old_text = "z", .new_text = "y"})),
            Errc::not_found);
}

TEST_F(FileDriverTest, AnEditThatDoesNotFitQuotesOnlyWhatTheTaskMayRead) {
  put("a", "pass  word\n");
  put("secret", "pass  word\n");
  const auto error_of = [&](const std::string& path) {
    return run(AwaitFileEdit{.path = path, .old_text = "pass word", .new_text = "x"})
        .error()
        .message;
  };
  EXPECT_EQ(error_of("a"),
            "old_text not found in a; but for white space it stands at line 1:\n1: pass  word");
  EXPECT_EQ(error_of("secret"),
            "old_text not found in secret; but for white space it stands at line 1");
}

TEST_F(FileDriverTest, EditsAllPlaces) {
  put("a", "x\nx\n");
  const auto edited =
      run(AwaitFileEdit{.path = "a", .old_text = "x", .new_text = "y", .replace_all = true});
  ASSERT_TRUE(edited) << edited.error().message;
  EXPECT_EQ(edited->places, 2U);
  EXPECT_EQ(get("a"), "y\ny\n");
}

TEST_F(FileDriverTest, RecoveryTellsDoneFromNotStartedFromUnknown) {
  put("a", "old\n");
  const Result<Call> call =
      prepared(AwaitFileEdit{.path = "a", .old_text = "old", .new_text = "new"});
  EXPECT_EQ(code(recover(*call)), Errc::not_started);

  ASSERT_TRUE(perform(*call));
  const Result<Reply> done = recover(*call);
  ASSERT_TRUE(done);
  EXPECT_EQ(std::get<AwaitFileEdit::Reply>(*done).line, 1U);

  put("a", "something else\n");
  const Result<Reply> unknown = recover(*call);
  EXPECT_EQ(code(unknown), Errc::unknown_outcome);
  EXPECT_NE(unknown.error().message.find(hash("something else\n")), std::string::npos);

  std::filesystem::remove(dir_ / "work/a");
  EXPECT_EQ(code(recover(*call)), Errc::unknown_outcome);
}

TEST_F(FileDriverTest, RecoveryOfACreationFindsItsAbsenceOrItsReply) {
  const Result<Call> call = prepared(AwaitFileWrite{.path = "d/a", .content = "new"});
  EXPECT_EQ(code(recover(*call)), Errc::not_started);
  ASSERT_TRUE(perform(*call));
  const Result<Reply> done = recover(*call);
  ASSERT_TRUE(done);
  EXPECT_TRUE(std::get<AwaitFileWrite::Reply>(*done).created);
  const std::vector<FileChange>& changes = std::get<AwaitFileWrite::Reply>(*done).changes;
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].path, "d");
  EXPECT_EQ(changes[0].after->type, FileType::directory);
  EXPECT_EQ(changes[1].after->content, sha256("new"));
}

TEST_F(FileDriverTest, DirectoriesThatAnAttemptBeforeACrashMadeAreToldByTheNextOne) {
  Call call = *prepared(AwaitFileWrite{.path = "d/e/a", .content = "new"});
  EXPECT_EQ(call.pre_image->missing, (std::vector<std::string>{"d", "d/e"}));
  std::filesystem::create_directory(dir_ / "work/d");
  EXPECT_EQ(code(recover(call)), Errc::not_started);
  const Result<Prepared> again = prepare(call);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->pre_image->missing, call.pre_image->missing);
  call.attempt = 0;  // it was only asked about: somebody else made the directory
  EXPECT_EQ(prepare(call)->pre_image->missing, std::vector<std::string>{"d/e"});
}

TEST_F(FileDriverTest, RecoveryTakesAPreImageFromBeforeItSaidWhatWasMissing) {
  Call call = *prepared(AwaitFileWrite{.path = "d/a", .content = "new"});
  ASSERT_TRUE(perform(call));
  call.pre_image->missing.clear();
  call.pre_image->mode = 0;
  const Result<Reply> done = recover(call);
  ASSERT_TRUE(done);
  EXPECT_EQ(std::get<AwaitFileWrite::Reply>(*done).changes.size(), 1U);
}

TEST_F(FileDriverTest, RecoveryThatCannotLookLeavesTheOutcomeUnknown) {
  const Result<Call> call = prepared(AwaitFileWrite{.path = "a", .content = "new"});
  std::filesystem::remove_all(dir_ / "work");
  EXPECT_EQ(code(recover(*call)), Errc::unknown_outcome);
}

TEST_F(FileDriverTest, ReadsAreNeverInDoubt) {
  EXPECT_EQ(code(recover(*prepared(AwaitFileRead{.path = "a"}))), Errc::not_started);
  EXPECT_EQ(code(recover(*prepared(AwaitContentRead{.sha256 = hash("a")}))), Errc::not_started);
}

TEST_F(FileDriverTest, CancelStopsWhatHasNotBegun) {
  const Result<Call> call = prepared(AwaitFileWrite{.path = "a", .content = "new"});
  std::promise<void> release;
  pool_.run<int>(
      [busy = release.get_future()]() mutable -> Result<int> {
        busy.wait();
        return 0;
      },
      Completion<int>([](const Result<int>&) {}));
  const Result<Reply> outcome = answer_of<Reply>([&](Completion<Reply> done) {
    driver_.perform(*call, std::move(done));
    driver_.cancel(call->id);
    driver_.cancel(CommandId{TaskId{7}, Seq{7}});
    release.set_value();
  });
  EXPECT_EQ(code(outcome), Errc::cancelled);
  EXPECT_FALSE(exists("a"));
}

TEST_F(FileDriverTest, CancelStopsAllPartsOfACommand) {
  put("a", "x");
  const Result<Call> part = prepared(AwaitFileRead{.path = "a"});
  std::promise<void> release;
  pool_.run<int>(
      [busy = release.get_future()]() mutable -> Result<int> {
        busy.wait();
        return 0;
      },
      Completion<int>([](const Result<int>&) {}));
  int cancelled = 0;
  const auto count = [&](const Result<Reply>& outcome) {
    if (code(outcome) == Errc::cancelled) ++cancelled;
  };
  driver_.perform(*part, Completion<Reply>(count));
  driver_.perform(*part, Completion<Reply>(count));
  const Result<Reply> last = answer_of<Reply>([&](Completion<Reply> done) {
    driver_.perform(*part, std::move(done));
    driver_.cancel(part->id);
    release.set_value();
  });
  EXPECT_EQ(code(last), Errc::cancelled);
  EXPECT_EQ(cancelled, 2);
}

TEST_F(FileDriverTest, MovesRemovesAndTakesBack) {
  put("d/a", "x");
  const auto moved = run(AwaitFileMove{.path = "d", .to = "e"});
  ASSERT_TRUE(moved) << moved.error().message;
  const auto removed = run(AwaitFileRemove{.path = "e", .recursive = true});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(exists("e"));
  std::vector<FileChange> back;
  for (const FileChange& change : removed->changes)
    back.push_back({change.path, change.after, change.before});
  const Result<Sha256> list = keep_changes(back, *contents_);
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_TRUE(run(AwaitFileRestore{.list_sha256 = list->hex()}));
  EXPECT_EQ(get("e/a"), "x");
  Call call = *prepared(AwaitFileRemove{.path = "e/a"});
  EXPECT_EQ(code(recover(call)), Errc::not_started);
  ASSERT_TRUE(perform(call));
  EXPECT_TRUE(recover(call));
}

TEST_F(FileDriverTest, InADraftItMovesWhatIsInTheDraft) {
  put("a", "workspace");
  dir_.write("drafts/1/tree/a", "draft");
  dir_.write("drafts/1/base", "whole");
  Call call = call_of(AwaitFileMove{.path = (dir_ / "work/a").string(), .to = "b"});
  call.draft = TaskId{1};
  call.key = "k";
  const Result<Prepared> found = prepare(call);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->facts.draft, TaskId{1});
  call.facts = found->facts;
  ASSERT_TRUE(perform(call));
  EXPECT_EQ(get("a"), "workspace");
  EXPECT_EQ(dir_.read("drafts/1/tree/b"), "draft");
}

TEST_F(FileDriverTest, AReplacedWorkspaceDirectoryIsOpenedAnew) {
  put("a", "first");
  EXPECT_EQ(run(AwaitFileRead{.path = "a"})->text, "first");
  std::filesystem::rename(dir_ / "work", dir_ / "moved");
  put("a", "second");
  EXPECT_EQ(run(AwaitFileRead{.path = "a"})->text, "second");
}

TEST_F(FileDriverTest, RefusesCommandsOfOtherFamilies) {
  EXPECT_EQ(code(prepare(call_of(Now{}))), Errc::internal);
}

}  // namespace
}  // namespace tinkerbell

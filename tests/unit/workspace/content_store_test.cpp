#include "tinkerbell/workspace/content_store.hpp"

#include "support/temp_dir.hpp"
#include "unit/workspace/quick_directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

namespace tinkerbell {
namespace {

class Contents : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen() {
    store_.reset();
    Result<std::unique_ptr<ContentStore>> opened = ContentStore::open((dir_ / "store").string());
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  [[nodiscard]] Sha256 put(std::string_view content) const {
    const Result<Sha256> hash = store_->put(content);
    EXPECT_TRUE(hash) << hash.error().message;
    return hash ? *hash : Sha256{};
  }

  [[nodiscard]] Result<Sha256> put_file(std::string_view content) const {
    dir_.write("file", content);
    return store_->put(source().get());
  }

  [[nodiscard]] UniqueFd source() const {
    return UniqueFd(::open((dir_ / "file").c_str(), O_RDONLY | O_CLOEXEC));
  }

  [[nodiscard]] UniqueFd target() const {
    return UniqueFd(
        ::open((dir_ / "target").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  }

  [[nodiscard]] std::string read(const Sha256& hash) const {
    const Result<std::string> content = store_->read(hash, 1 << 30);
    return content ? *content : "error: " + content.error().message;
  }

  [[nodiscard]] std::string final_place(const Sha256& hash) const {
    const std::string hex = hash.hex();
    return (dir_ / "store" / hex.substr(0, 2) / hex.substr(2)).string();
  }

  [[nodiscard]] bool has_final_name(const Sha256& hash) const {
    return std::filesystem::exists(final_place(hash));
  }

  [[nodiscard]] std::size_t incoming() const {
    const std::filesystem::directory_iterator names(dir_ / "store/incoming");
    return static_cast<std::size_t>(std::distance(begin(names), end(names)));
  }

  static Errc code(const auto& result) { return result ? Errc::internal : result.error().code; }

  TempDir dir_{quick_directory()};
  std::unique_ptr<ContentStore> store_;
};

TEST_F(Contents, ArePutOnceAndReadBack) {
  const Sha256 hash = put("hello");
  EXPECT_EQ(hash, sha256("hello"));
  EXPECT_EQ(put("hello"), hash);
  EXPECT_EQ(incoming(), 1U);
  EXPECT_EQ(read(hash), "hello");
  EXPECT_TRUE(store_->has(hash));
  EXPECT_FALSE(store_->has(sha256("other")));
  EXPECT_EQ(code(store_->read(sha256("other"), 10)), Errc::not_found);
  EXPECT_EQ(code(store_->read(hash, 4)), Errc::too_large);
}

TEST_F(Contents, OfAnOpenFileAreTakenFromItsBeginning) {
  const std::string small = "small\n";
  const std::string large = std::string(3 << 20, 'l') + std::string(1 << 20, '\0') + "end";
  for (const std::string& content : {small, large, std::string(), std::string(100'000, '\0')}) {
    dir_.write("file", content);
    const UniqueFd fd = source();
    ::lseek(fd.get(), 3, SEEK_SET);
    const Result<Sha256> hash = store_->put(fd.get());
    ASSERT_TRUE(hash) << hash.error().message;
    EXPECT_EQ(*hash, sha256(content));
    EXPECT_TRUE(read(*hash) == content);
  }
}

TEST_F(Contents, AboveABoundLeaveNothingBehind) {
  EXPECT_TRUE(put_file("twelve bytes"));
  EXPECT_EQ(incoming(), 1U);
  dir_.write("file", std::string(2 << 20, 'x'));
  EXPECT_EQ(code(store_->put(source().get(), 1 << 20)), Errc::too_large);
  dir_.write("file", std::string(20, 'x'));
  EXPECT_EQ(code(store_->put(source().get(), 10)), Errc::too_large);
  std::stop_source stop;
  stop.request_stop();
  dir_.write("file", std::string(2 << 20, 'x'));
  EXPECT_EQ(code(store_->put(source().get(), UINT64_MAX, stop.get_token())), Errc::cancelled);
  EXPECT_EQ(incoming(), 1U);
}

TEST_F(Contents, GetTheirNamesWhenTheyAreDurable) {
  const Sha256 hash = put("x");
  EXPECT_FALSE(has_final_name(hash));
  ASSERT_TRUE(store_->sync());
  EXPECT_TRUE(has_final_name(hash));
  EXPECT_EQ(incoming(), 0U);
  EXPECT_EQ(read(hash), "x");
  EXPECT_EQ(put("x"), hash);
  EXPECT_EQ(incoming(), 0U);
  EXPECT_TRUE(store_->sync());
}

TEST_F(Contents, OfManyFilesBecomeDurableTogether) {
  for (int i = 0; i < 200; ++i)
    (void)put(std::to_string(i));
  ASSERT_TRUE(store_->sync());
  reopen();
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(read(sha256(std::to_string(i))), std::to_string(i));
}

TEST_F(Contents, ThatNobodySyncedAreGoneAfterARestart) {
  const Sha256 durable = put("durable");
  ASSERT_TRUE(store_->sync());
  const Sha256 lost = put("lost");
  reopen();
  EXPECT_TRUE(store_->has(durable));
  EXPECT_FALSE(store_->has(lost));
  EXPECT_EQ(incoming(), 0U);
}

TEST_F(Contents, ThatASyncMayHaveLostAreNotTrustedBeforeTheStoreIsOpenedAnew) {
  const Sha256 hash = put("x");
  const std::string in_the_way = "store/" + hash.hex().substr(0, 2);
  dir_.write(in_the_way, "");
  EXPECT_FALSE(store_->sync());
  std::filesystem::remove(dir_ / in_the_way);
  EXPECT_FALSE(store_->sync());
  reopen();
  EXPECT_FALSE(store_->has(hash));
  EXPECT_EQ(put("x"), hash);
  EXPECT_TRUE(store_->sync());
  EXPECT_TRUE(has_final_name(hash));
}

TEST_F(Contents, ArePrivateAndReadOnly) {
  const Sha256 hash = put("x");
  ASSERT_TRUE(store_->sync());
  struct stat status{};
  ASSERT_EQ(::stat(final_place(hash).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0400U);
  EXPECT_EQ(status.st_nlink, 1U);
  ASSERT_EQ(::stat((dir_ / "store").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700U);
}

TEST_F(Contents, AreNotKeptWhereOthersMayEnter) {
  ASSERT_EQ(::chmod((dir_ / "store").c_str(), 0755), 0);
  EXPECT_EQ(code(ContentStore::open((dir_ / "store").string())), Errc::denied);
  std::filesystem::create_directory_symlink(dir_ / "store", dir_ / "link");
  EXPECT_FALSE(ContentStore::open((dir_ / "link").string()));
}

TEST_F(Contents, ThatAreDamagedAreNotGivenOut) {
  const Sha256 hash = put("original");
  ASSERT_TRUE(store_->sync());
  ASSERT_EQ(::chmod(final_place(hash).c_str(), 0600), 0);
  dir_.write("store/" + hash.hex().substr(0, 2) + '/' + hash.hex().substr(2), "tampered");
  EXPECT_EQ(code(store_->read(hash, 100)), Errc::io);
  EXPECT_EQ(code(store_->open(hash)), Errc::io);
  EXPECT_EQ(code(store_->copy_to(hash, target().get())), Errc::io);
}

TEST_F(Contents, KeepTheirHoles) {
  dir_.write("file", "");
  const UniqueFd file(::open((dir_ / "file").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::pwrite(file.get(), "data", 4, 512 << 10), 4);
  ASSERT_EQ(::ftruncate(file.get(), 1 << 20), 0);
  const Result<Sha256> hash = store_->put(file.get());
  ASSERT_TRUE(hash);
  ASSERT_TRUE(store_->copy_to(*hash, target().get()));
  EXPECT_TRUE(dir_.read("target") == dir_.read("file"));
  struct stat status{};
  ASSERT_EQ(::stat((dir_ / "target").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 1 << 18);
}

TEST_F(Contents, AreOpenedAtTheirBeginning) {
  const Result<UniqueFd> file = store_->open(put("hello"));
  ASSERT_TRUE(file);
  std::array<char, 5> bytes{};
  EXPECT_EQ(::read(file->get(), bytes.data(), bytes.size()), 5);
}

TEST_F(Contents, AreCountedAndRemovedByWhatIsNeeded) {
  const Sha256 one = put("one");
  const Sha256 three = put("three");
  const Sha256 four = put("fourty");
  ASSERT_TRUE(store_->sync());
  const Sha256 fresh = put("fresh");
  EXPECT_EQ(store_->usage()->contents, 3U);
  EXPECT_EQ(store_->usage()->bytes, 14U);
  dir_.write("store/" + one.hex().substr(0, 2) + "/of-somebody-else", "");
  const Result<ContentStore::Usage> removed =
      store_->remove_all_but({three}, wall_from_unix_nanoseconds(INT64_MAX));
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->contents, 2U);
  EXPECT_EQ(removed->bytes, 9U);
  EXPECT_FALSE(store_->has(one));
  EXPECT_FALSE(store_->has(four));
  EXPECT_TRUE(store_->has(three));
  EXPECT_TRUE(store_->has(fresh));
  EXPECT_TRUE(
      std::filesystem::exists(dir_ / "store" / one.hex().substr(0, 2) / "of-somebody-else"));
}

/// As if it had been put long ago.
void age(const std::string& file) {
  const std::array<timespec, 2> old{timespec{.tv_sec = 1'000, .tv_nsec = 0},
                                    timespec{.tv_sec = 1'000, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), old.data(), 0), 0);
}

TEST_F(Contents, AreRemovedOnlyIfNobodyPutThemOfLate) {
  const Sha256 old = put("old");
  const Sha256 again = put("again");
  const Sha256 from_file = put("from a file");
  ASSERT_TRUE(store_->sync());
  for (const Sha256& each : {old, again, from_file}) {
    const std::string hex = each.hex();
    age(dir_ / "store" / hex.substr(0, 2) / hex.substr(2));
  }
  EXPECT_EQ(put("again"), again);
  dir_.write("file", "from a file");
  const UniqueFd file(::open((dir_ / "file").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(store_->put(file.get()));
  const WallTime long_after = wall_from_unix_nanoseconds(2'000'000'000'000);
  EXPECT_EQ(store_->remove_all_but({}, long_after, true)->contents, 1U);
  EXPECT_TRUE(store_->has(old)) << "a dry run";
  EXPECT_EQ(store_->remove_all_but({}, long_after)->contents, 1U);
  EXPECT_FALSE(store_->has(old));
  EXPECT_TRUE(store_->has(again));
  EXPECT_TRUE(store_->has(from_file));
}

TEST_F(Contents, ThatWorkUnderWayHasPutAreYoungHoweverLongItTakes) {
  const WallTime long_after = wall_from_unix_nanoseconds(INT64_MAX);
  EXPECT_EQ(store_->before_all_work(long_after), long_after);
  const Sha256 before = put("before");
  ASSERT_TRUE(store_->sync());
  age(dir_ / "store" / before.hex().substr(0, 2) / before.hex().substr(2));
  std::optional<ContentStore::Work> first(std::in_place, *store_);
  const ContentStore::Work second(*store_);
  const Sha256 during = put("during");
  ASSERT_TRUE(store_->sync());
  first.reset();
  EXPECT_EQ(store_->remove_all_but({}, store_->before_all_work(long_after))->contents, 1U);
  EXPECT_FALSE(store_->has(before));
  EXPECT_TRUE(store_->has(during));
}

TEST_F(Contents, OfAFileThatChangesMeanwhileHaveTheNameOfWhatWasKept) {
  dir_.write("file", std::string(1 << 20, 'a'));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const UniqueFd fd(::open((dir_ / "file").c_str(), O_WRONLY | O_CLOEXEC));
    for (char c = 'b'; !stop; c = static_cast<char>(c == 'z' ? 'a' : c + 1)) {
      const std::string piece(64 << 10, c);
      for (off_t at = 0; at < (1 << 20) && !stop; at += std::ssize(piece))
        (void)!::pwrite(fd.get(), piece.data(), piece.size(), at);
    }
  });
  for (int round = 0; round < 10; ++round) {
    const Result<Sha256> hash = store_->put(source().get());
    ASSERT_TRUE(hash);
    EXPECT_EQ(sha256(read(*hash)), *hash);
  }
  stop = true;
  writer.join();
}

TEST_F(Contents, ArePutAndSyncedByManyThreadsAtOnce) {
  std::atomic<int> missing = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 50; ++i) {
        const Result<Sha256> hash = store_->put(std::to_string((i * 7 + thread) % 60));
        const bool synced = i % 5 != 0 || store_->sync().ok();
        if (!hash || !synced || !store_->has(*hash) || (i % 5 == 0 && !has_final_name(*hash))) {
          ++missing;
        }
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(missing, 0);
}

}  // namespace
}  // namespace tinkerbell

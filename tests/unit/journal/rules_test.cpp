#include "sqlite_files.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

/// Standing rules, as the store keeps them.

namespace tinkerbell {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class KeptRules : public testing::Test {
 protected:
  /// A commit with a new task in it.
  void append(std::vector<KeptRule> rules) {
    Batch batch = one_record(++last_, "hello", store->state().epoch);
    batch.rules = std::move(rules);
    ASSERT_TRUE(store->append(batch));
  }

  void reopen() {
    store.reset();
    store = open_store(dir.path());
  }

  TempDir dir;
  std::unique_ptr<Store> store = open_store(dir.path());

 private:
  std::uint64_t last_ = 0;
};

TEST_F(KeptRules, AreThereByNumberAfterAnotherOpening) {
  EXPECT_THAT(store->kept_rules(), IsEmpty());
  append({{10, "ten"}, {9, "nine"}});
  append({{10, std::string("ten\0again", 9)}});
  reopen();
  EXPECT_THAT(store->kept_rules(),
              ElementsAre(KeptRule{9, "nine"}, KeptRule{10, std::string("ten\0again", 9)}));
}

TEST_F(KeptRules, AreGoneOnceTheyAreRemoved) {
  append({{1, "one"}, {2, "two"}});
  ASSERT_TRUE(store->remove_rule(1));
  ASSERT_TRUE(store->remove_rule(7));
  append({});
  reopen();
  EXPECT_THAT(store->kept_rules(), ElementsAre(KeptRule{2, "two"}));
}

TEST_F(KeptRules, AreInABackup) {
  append({{1, "one"}});
  const std::filesystem::path copy = dir / "copy";
  auto copying = store->begin_copy(copy);
  ASSERT_TRUE(copying);
  for (Result<bool> all = false; !all || !*all;) {
    all = (*copying)->copy_more();
    ASSERT_TRUE(all) << all.error().message;
  }
  std::filesystem::copy_file(dir / "journal.key", copy / "journal.key");
  EXPECT_THAT(open_store(copy)->kept_rules(), ElementsAre(KeptRule{1, "one"}));
}

TEST_F(KeptRules, AllowNothingOnceABitOfThemIsLost) {
  append({{1, "one"}});
  store.reset();
  run_sql(dir.path(),
          "UPDATE meta SET value = CAST(replace(CAST(value AS TEXT), 'one', 'onf') AS BLOB) "
          "WHERE key = 'rule/1'");
  EXPECT_EQ(error_of_opening(dir.path()).code, Errc::invalid);
}

TEST_F(KeptRules, DoNotTakeEachOthersPlace) {
  append({{1, "one"}, {2, "two"}});
  store.reset();
  run_sql(dir.path(),
          "DELETE FROM meta WHERE key = 'rule/2';"
          "UPDATE meta SET key = 'rule/2' WHERE key = 'rule/1'");
  EXPECT_EQ(error_of_opening(dir.path()).code, Errc::invalid);
}

}  // namespace
}  // namespace tinkerbell

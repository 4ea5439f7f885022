#include "tinkerbell/command/file_change.hpp"

#include <gtest/gtest.h>

namespace tinkerbell {
namespace {

FileChange sample() {
  return {.path = "a/\xFF",
          .before = FileState{.type = FileType::link, .mode = 0777, .content = sha256("target")},
          .after =
              FileState{.type = FileType::file, .mode = 04755, .content = sha256("x"), .bytes = 1}};
}

TEST(FileChange, RoundTripsInCanonicalBytes) {
  for (const FileChange& change : {sample(), FileChange{.path = "gone", .before = sample().after},
                                   FileChange{.path = "new", .after = sample().before}}) {
    EXPECT_EQ(*from_canonical<FileChange>(canonical_bytes(change)), change);
  }
}

TEST(FileChange, WhatIsNoStateIsAnError) {
  const std::string bytes = canonical_bytes(*sample().after);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(from_canonical<FileState>(bytes.substr(0, size))) << size;
  CanonicalWriter writer;
  writer.begin_array(4);
  writer.unsigned_integer(3);  // no type
  writer.unsigned_integer(0);
  writer.text(std::string(32, 'x'));
  writer.unsigned_integer(0);
  EXPECT_FALSE(from_canonical<FileState>(writer.bytes()));
}

TEST(FileChange, TwoListsMakeOne) {
  const auto state = [](std::uint64_t bytes) { return FileState{.bytes = bytes}; };
  const std::vector<FileChange> first{{"a", state(1), state(2)},
                                      {"b", {}, state(1)},
                                      {"c", state(1), state(2)},
                                      {"e", state(1), state(2)},
                                      {"g", state(1), {}}};
  const std::vector<FileChange> second{{"a", state(2), state(3)},
                                       {"b", state(1), {}},
                                       {"d", {}, state(9)},
                                       {"e", state(7), state(8)}};
  const std::vector<FileChange> both{{"a", state(1), state(3)},  // b was made and removed
                                     {"c", state(1), state(2)},
                                     {"d", {}, state(9)},
                                     {"e", state(7), state(8)},  // somebody else wrote a 7
                                     {"g", state(1), {}}};
  EXPECT_EQ(composed(first, second), both);
  EXPECT_EQ(composed({}, second), second);
  EXPECT_EQ(composed(first, {}), first);
}

TEST(FileState, IsShownWithItsHashInHexadecimal) {
  const Json json = sample().after->to_json();
  EXPECT_EQ(json.at("type"), "file");
  EXPECT_EQ(json.at("sha256"), sha256("x").hex());
  EXPECT_EQ(*FileState::from_json(json), *sample().after);
}

}  // namespace
}  // namespace tinkerbell

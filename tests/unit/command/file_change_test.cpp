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

TEST(FileState, IsShownWithItsHashInHexadecimal) {
  const Json json = sample().after->to_json();
  EXPECT_EQ(json.at("type"), "file");
  EXPECT_EQ(json.at("sha256"), sha256("x").hex());
  EXPECT_EQ(*FileState::from_json(json), *sample().after);
}

}  // namespace
}  // namespace tinkerbell

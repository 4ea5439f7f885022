#include "tinkerbell/shim/output_file.hpp"

#include "support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tinkerbell {
namespace {

std::string digits(std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i)
    text += static_cast<char>('0' + i % 10);
  return text;
}

TEST(OutputFile, KeepsAllOfAShortOutput) {
  const TempDir directory;
  Result<OutputWriter> writer = OutputWriter::create(directory.path(), 10);
  ASSERT_TRUE(writer);
  writer->append("hello ");
  writer->append("all");
  const Result<OutputReader> reader = OutputReader::open(directory.path());
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->total(), 9U);
  EXPECT_EQ(reader->text(), "hello all");
  EXPECT_EQ(reader->since(6).bytes, "all");
}

TEST(OutputFile, KeepsHeadAndTailOfALongOneHoweverItIsCut) {
  for (std::size_t step = 1; step <= 40; ++step) {
    const TempDir directory;
    Result<OutputWriter> writer = OutputWriter::create(directory.path(), 11);
    ASSERT_TRUE(writer);
    for (std::size_t at = 0; at < 97; at += step)
      writer->append(digits(at, std::min<std::size_t>(at + step, 97)));
    const Result<OutputReader> reader = OutputReader::open(directory.path());
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader->total(), 97U);
    EXPECT_EQ(reader->text(), digits(0, 5) + "\n… 86 bytes left out …\n" + digits(91, 97)) << step;
  }
}

TEST(OutputFile, FollowsAlongAndSkipsWhatIsGone) {
  const TempDir directory;
  Result<OutputWriter> writer = OutputWriter::create(directory.path(), 10);
  ASSERT_TRUE(writer);
  writer->append(digits(0, 7));
  EXPECT_EQ(OutputReader::open(directory.path())->since(3).bytes, digits(3, 7));
  writer->append(digits(7, 30));
  const OutputPiece piece = OutputReader::open(directory.path())->since(7);
  EXPECT_EQ(piece.bytes, digits(25, 30));
  EXPECT_EQ(piece.end, 30U);
}

TEST(OutputFile, OnlyCountsWhereNothingIsToBeKept) {
  const TempDir directory;
  Result<OutputWriter> writer = OutputWriter::create(directory.path(), 0);
  ASSERT_TRUE(writer);
  writer->append("hello");
  EXPECT_EQ(OutputReader::open(directory.path())->total(), 5U);
  EXPECT_EQ(OutputReader::open(directory.path())->text(), "\n… 5 bytes left out …\n");
}

TEST(OutputFile, IsRefusedWithoutAHeader) {
  const TempDir directory;
  EXPECT_EQ(OutputReader::open(directory.path()).error().code, Errc::not_found);
  directory.write("output", "short");
  EXPECT_EQ(OutputReader::open(directory.path()).error().code, Errc::invalid);
}

}  // namespace
}  // namespace tinkerbell

#include "cli/screen.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace tinkerbell::cli {
namespace {

TEST(Screen, IndentsStreamsAndStartsEachOnALineOfItsOwn) {
  std::ostringstream out;
  Screen screen(out, {});
  screen.piece("1text", "I will ");
  screen.piece("1text", "read\nthe file");
  screen.piece("2stdout", "ok\n\nmore");
  screen.line("✓ read a.txt");
  EXPECT_EQ(out.str(),
            "    I will read\n"
            "    the file\n"
            "    ok\n"
            "\n"
            "    more\n"
            "✓ read a.txt\n");
}

TEST(Screen, S27_AStreamCannotRedrawTheScreen) {
  std::ostringstream out;
  Screen screen(out, {});
  screen.piece("1stdout", "a\r\x1b[2J\u202Eb\n");
  EXPECT_EQ(out.str(), "    a\\x0d\\x1b[2J\\u{202e}b\n");
}

TEST(Screen, KeepsAQuestionAtTheBottom) {
  std::ostringstream out;
  Screen screen(out, {});
  screen.piece("1text", "so");
  screen.prompt("Approve? ");
  screen.line("✓ other");
  screen.end_prompt(true);
  screen.line("done");
  EXPECT_EQ(out.str(), "    so\nApprove? \r\x1b[K✓ other\nApprove? done\n");
}

TEST(Screen, WipesAQuestionThatIsVoid) {
  std::ostringstream out;
  Screen screen(out, {});
  screen.prompt("Approve? ");
  screen.end_prompt(false);
  screen.line("a3 was denied");
  EXPECT_EQ(out.str(), "Approve? \r\x1b[Ka3 was denied\n");
}

}  // namespace
}  // namespace tinkerbell::cli

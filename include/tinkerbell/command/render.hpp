#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace tinkerbell {

/// The one renderer of commands for people. Everything that it returns has passed visible_text or
/// visible_line: what is shown is exactly what runs, and nothing in it can move the cursor or hide.

/// One line: "edit src/a.cpp", "run ./test.sh --fast", "ask model default (12 messages)".
[[nodiscard]] std::string command_line(const TaskCommand& command);

/// The same with what its driver has found, where that is what one wants to know before it begins:
/// "make its draft: 26000 files, 410 MB to copy".
[[nodiscard]] std::string command_line(const TaskCommand& command, const Facts& facts);

/// "1.5 s".
[[nodiscard]] std::string in_seconds(Milliseconds time);

/// The whole of what an approval is about, several lines: every argument on its own line, quoted;
/// the resolved program and sandbox (UNSANDBOXED in capitals when there is none); the diff of a
/// file change. Nothing is cut.
[[nodiscard]] std::string approval_card(const TaskCommand& command, const Facts& facts);

/// What is known of an effect after a crash, when nobody can tell whether it happened.
struct Doubt {
  WallTime started{};
  std::string evidence;  ///< What the driver found.
};

/// One line: "did this happen? run ./deploy.sh".
[[nodiscard]] std::string doubt_line(const TaskCommand& command);

/// What a person needs to say what became of an effect: when it was started, what was found since,
/// what each answer means, and its approval_card.
[[nodiscard]] std::string doubt_card(const TaskCommand& command, const Facts& facts,
                                     const Doubt& doubt);

/// One line about the answer: "exit 0, 1.2 s, 340 bytes", "created, 12 bytes", or the error.
[[nodiscard]] std::string outcome_line(const Result<Reply>& outcome);

/// The command of that name as a system call, as strace(1) shows one: `file.read(path="a.txt",
/// bytes_max=65536)`. Arguments that are absent or empty lists are left out. Of a text that is
/// longer than `text_max` bytes only the beginning is shown, and how long it is; 0: nothing is cut.
[[nodiscard]] std::string call_line(std::string_view command, const Json& arguments,
                                    std::size_t text_max);

/// What it returned: `137 bytes`, `-1 not_found (no file a.txt)`. Cut as call_line, but not below
/// 160 bytes.
[[nodiscard]] std::string call_result(const Result<Reply>& outcome, std::size_t text_max);

/// A word of a command line, quoted when it has to be.
[[nodiscard]] std::string quoted_word(const std::string& word);

}  // namespace tinkerbell

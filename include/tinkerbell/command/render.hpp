#pragma once

#include "tinkerbell/base/clock.hpp"
#include "tinkerbell/command/commands.hpp"
#include "tinkerbell/command/facts.hpp"

#include <string>

namespace tinkerbell {

/// The one renderer of commands for people. Everything that it returns has passed visible_text or
/// visible_line: what is shown is exactly what runs, and nothing in it can move the cursor or hide.

/// One line: "edit src/a.cpp", "run ./test.sh --fast", "ask model default (12 messages)".
[[nodiscard]] std::string command_line(const TaskCommand& command);

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

/// A word of a command line, quoted when it has to be.
[[nodiscard]] std::string quoted_word(const std::string& word);

}  // namespace tinkerbell

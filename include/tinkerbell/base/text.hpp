#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tinkerbell {

/// The first code point of a text.
struct CodePoint {
  char32_t value = 0;
  std::size_t length = 1;  ///< In bytes; 1 where the bytes are not valid.
  bool valid = false;
};

/// Reads UTF-8 as Unicode 15 table 3-7 has it: no overlong forms, no surrogates. `text` is not
/// empty.
[[nodiscard]] CodePoint first_code_point(std::string_view text);

/// `text` with invalid UTF-8 replaced by U+FFFD and NUL by U+2400, so that it can go into JSON and
/// prompts.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// `text` with everything that a terminal or a reader could be deceived by made visible: control
/// characters as \xNN (line feed and tab stay), invalid bytes likewise; format, bidirectional,
/// zero-width, tag, private and other default-ignorable code points as \u{NNNN}. Nothing is
/// dropped. Source: Unicode DerivedCoreProperties, HAZARDS S27-S28.
[[nodiscard]] std::string visible_text(std::string_view text);

/// visible_text on one line: line feed and tab too are escaped.
[[nodiscard]] std::string visible_line(std::string_view text);

/// At most `bytes_max` bytes, cut between code points, with "… (N more bytes)" where something is
/// missing.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t bytes_max);

/// How long a page of `text` is that may have `bytes_max` bytes: all of it if that fits, else up to
/// the end of the last line that does, or, where not even the first one does, of a code point. At
/// least 1 of what is not empty.
[[nodiscard]] std::size_t page_length(std::string_view text, std::size_t bytes_max);

/// The two ends of a text that may have `bytes_max` bytes and is longer, as pages: two parts of it
/// are for the head, which says what it is, and one for the tail, where programs put their errors.
struct TextEnds {
  std::string_view head;
  std::string_view tail;
};

[[nodiscard]] TextEnds ends_of(std::string_view text, std::size_t bytes_max);

/// These ends, with a line between them that says what is left out. `text` is longer than that.
[[nodiscard]] std::string without_middle(std::string_view text, std::size_t bytes_max);

/// "256 MiB": in the largest unit of which it is a whole number.
[[nodiscard]] std::string in_bytes(std::uint64_t bytes);

/// How many single bytes must be changed, put in or left out to make one word from the other
/// (Levenshtein).
[[nodiscard]] std::size_t edit_distance(std::string_view left, std::string_view right);

}  // namespace tinkerbell

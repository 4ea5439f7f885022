#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tinkerbell {

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

}  // namespace tinkerbell

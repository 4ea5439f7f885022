#pragma once

#include <string>
#include <string_view>

namespace tinkerbell {

/// What a reader sees of a page in HTML, as plain UTF-8: its title, its text in lines, headings
/// with "#", entries of lists with "-", links as "text (https://…)", pictures by what they stand
/// for. Scripts and styles are left out; nothing is fetched and nothing is run. `url`: where the
/// page is from. `charset`: as its Content-Type says, or empty. Source: HTML Living Standard; read
/// by libxml2's HTML parser.
[[nodiscard]] std::string readable_text(std::string_view html, const std::string& url,
                                        const std::string& charset);

}  // namespace tinkerbell

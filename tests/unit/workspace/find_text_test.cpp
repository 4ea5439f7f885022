#include "tinkerbell/workspace/find_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tinkerbell {
namespace {

TEST(FindText, FindsWhatStringViewFinds) {
  const std::string_view content = "abcabcab";
  for (const std::string_view text : {"a", "abc", "cab", "abcabcab", "abcabcabc", "x", ""}) {
    for (std::size_t from = 0; from <= content.size() + 1; ++from)
      EXPECT_EQ(find_text(content, text, from), content.find(text, from)) << text << from;
  }
}

TEST(FindText, IsLinearForATextThatNearlyRepeatsItself) {
  const std::string content(8 << 20, 'a');
  const std::string text = std::string(4 << 20, 'a') + 'b';
  EXPECT_EQ(find_text(content, text), std::string_view::npos);  // quadratic: half an hour
}

}  // namespace
}  // namespace tinkerbell

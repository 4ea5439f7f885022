#include "drivers/http/readable_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tinkerbell {
namespace {

std::string read(std::string_view html, const std::string& charset = "utf-8") {
  return readable_text(html, "https://a.example/docs/page", charset);
}

TEST(ReadableText, HasTitleHeadingsParagraphsAndLists) {
  EXPECT_EQ(read("<html><head><title>The\n page</title></head><body>"
                 "<h1>One</h1><p>first\n  line<br>second</p><h2>Two</h2>"
                 "<ul><li>a<li>b <em>c</em></ul><div>end</div></body></html>"),
            "The page\n\n# One\n\nfirst line\nsecond\n\n## Two\n\n- a\n- b c\nend");
}

TEST(ReadableText, LeavesOutWhatNobodySees) {
  EXPECT_EQ(read("<p>a<script>if (1 < 2) alert('</p>')</script><style>p{color:red}</style>"
                 "<noscript>n</noscript><!-- c --><svg><text>s</text></svg>b</p>"),
            "ab");
}

TEST(ReadableText, ShowsWhereLinksLead) {
  EXPECT_EQ(
      read("<a href='/x?q=1#f'>one</a> <a href='other'>two</a> <a href='//b.example/'>three</a>"
           " <a href='javascript:alert(1)'>four</a> <a href='mailto:m@a.example'>five</a>"
           " <a href='#here'>six</a> <a href='/y'></a>"),
      "one (https://a.example/x?q=1) two (https://a.example/docs/other) three "
      "(https://b.example/) four five six");
}

TEST(ReadableText, KeepsWhatIsPreformatted) {
  EXPECT_EQ(read("<p>code<pre>int  a;\n  int b;</pre>after"), "code\n\nint  a;\n  int b;\nafter");
}

TEST(ReadableText, SaysWhatPicturesStandFor) {
  EXPECT_EQ(read("see <img src=a.png alt='a chart'><img src=b.png>"), "see [a chart]");
}

TEST(ReadableText, ReadsEntitiesAndCharsets) {
  EXPECT_EQ(read("a &amp; b &lt;c&gt; &eacute; &#x41;"), "a & b <c> \xC3\xA9 A");
  EXPECT_EQ(read("caf\xE9", "iso-8859-1"), "caf\xC3\xA9");
  EXPECT_EQ(read("<meta charset=iso-8859-1><p>caf\xE9", ""), "caf\xC3\xA9");
  EXPECT_EQ(read("caf\xC3\xA9", "no-such-charset"), "caf\xC3\xA9");
}

TEST(ReadableText, EndsWithWhateverItIsGiven) {
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read("</p></a></pre></script>x"), "x");
  EXPECT_EQ(read("<script>never closed"), "");
  std::string deep;
  for (int i = 0; i < 100'000; ++i)
    deep += "<div>";
  EXPECT_EQ(read(deep + "x"), "x");
  std::string bytes;
  for (int i = 0; i < 4096; ++i)
    bytes += static_cast<char>(i * 7 % 256);
  (void)read(bytes);
  (void)read("<p>" + bytes, "utf-16");
}

}  // namespace
}  // namespace tinkerbell

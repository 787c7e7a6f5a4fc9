#include "reports/text.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

TEST(Text, HtmlEscapesMarkupAndQuotes) {
  EXPECT_EQ(html_text("<a href=\"x\" b='y'>&"), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;");
  EXPECT_EQ(html_list("a=<1>,b=2, c,3"), "a=&lt;1&gt;,<wbr>b=2, c,3");
}

TEST(Text, MarkdownEscapesPipesAndMarkupAndStaysOnOneLine) {
  EXPECT_EQ(markdown_text("a|b\n<i>*c*"), "a\\|b &lt;i&gt;\\*c\\*");
  EXPECT_EQ(markdown_code("a `b` c"), "`` a `b` c ``");
  EXPECT_EQ(markdown_code("serve deploy.json"), "`serve deploy.json`");
}

TEST(Text, CsvQuotesAsRfc4180AndDisarmsFormulas) {
  EXPECT_EQ(csv_text("plain"), "plain");
  EXPECT_EQ(csv_text("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_text("say \"hi\"\nthere"), "\"say \"\"hi\"\"\nthere\"");
  EXPECT_EQ(csv_text("=1+1"), "'=1+1");
  EXPECT_EQ(csv_text(""), "");
}

TEST(Text, CleanReplacesWhatIsNotUtf8AndControlCharacters) {
  EXPECT_EQ(clean_utf8("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(clean_utf8("a\xFF"
                       "b\x01\t\n"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\t\n");
  EXPECT_EQ(clean_utf8("\xED\xA0\x80").find('\xED'), std::string::npos);  // a lone surrogate
}

}  // namespace
}  // namespace paretune

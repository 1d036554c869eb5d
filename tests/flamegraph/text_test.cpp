#include "flamegraph/text.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

std::string xml(std::string_view text) {
  std::string out;
  append_xml(out, text);
  return out;
}

TEST(Text, RepairsUtf8) {
  EXPECT_EQ(clean("gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\xa5"), "gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\xa5");
  EXPECT_EQ(clean("\xff"), "\ufffd");
  EXPECT_EQ(clean("\xc3"), "\ufffd");                       // cut off
  EXPECT_EQ(clean("\xc0\xaf"), "\ufffd\ufffd");             // overlong
  EXPECT_EQ(clean("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");   // a surrogate
  EXPECT_EQ(clean("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd");  // beyond U+10FFFF
  EXPECT_EQ(clean("\xef\xbf\xbf"), "\ufffd");               // U+FFFF is no XML character
}

TEST(Text, ShowsControlsAndOverrides) {
  EXPECT_EQ(clean(std::string_view("\0\n\x7f", 3)), "\u2400\u240a\u2421");
  EXPECT_EQ(clean("\xc2\x85"), "\ufffd");                   // a C1 control
  EXPECT_EQ(clean("a\xe2\x80\xaego"), "a[U+202E]go");
  EXPECT_EQ(clean("a\xe2\x81\xa6go"), "a[U+2066]go");
}

TEST(Text, EscapesForItsPlace) {
  EXPECT_EQ(xml("<a href='x'>&\"]]>"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;]]&gt;");
  std::string json;
  append_json(json, "a\"\\\n");
  EXPECT_EQ(json, "\"a\\\"\\\\\u240a\"");
}

TEST(Text, ShortensBetweenCharacters) {
  EXPECT_EQ(shorten("abc", 3), "abc");
  EXPECT_EQ(shorten("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", 6), "\xc3\xbc\u2026");
  EXPECT_EQ(shorten("abcdef", 5), "ab\u2026");
}

TEST(Text, WritesFixedNumbers) {
  std::string out;
  for (const double number : {0.0, 0.004, 0.005, 0.1, 9.996, 1168.0, -3.0}) append_fixed(out += ' ', number, 2);
  append_fixed(out += ' ', 12.5, 0);
  append_fixed(out += ' ', 0.04, 1);
  EXPECT_EQ(out, " 0.00 0.00 0.01 0.10 10.00 1168.00 0.00 13 0.0");
}

TEST(Text, GroupsDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(12345678), "12,345,678");
}

}  // namespace
}  // namespace sampan

// Redaction, templates, regular expressions.
#include <gtest/gtest.h>

#include "agent/contract/regex.hpp"
#include "agent/delivery/templates.hpp"
#include "agent/guard/redact.hpp"

namespace sampan {
namespace {

TEST(Redact, ValuesOfSecretOptionsAreMasked) {
  EXPECT_EQ(redact_command_line("app --password=hunter2 --port 80"), "app --password=*** --port 80");
  EXPECT_EQ(redact_command_line("app --api-key hunter2 run"), "app --api-key *** run");
  EXPECT_EQ(redact_command_line("DB_PASSWD=x app"), "DB_PASSWD=*** app");
  EXPECT_EQ(redact_command_line("AWS_ACCESS_KEY=x app"), "AWS_ACCESS_KEY=*** app");
  EXPECT_EQ(redact_command_line("app postgres://me:hunter2@db/x?a=b"), "app postgres://***@db/x?a=b");
  EXPECT_EQ(redact_command_line("curl -H Authorization: Bearer hunter2"), "curl -H Authorization: Bearer ***");
  EXPECT_EQ(redact_command_line("app --auth-token --verbose"), "app --auth-token --verbose");
  EXPECT_EQ(redact_command_line("arya-python3-2255_uWSGI worker 1"), "arya-python3-2255_uWSGI worker 1");
}

TEST(Redact, LinesAreShortAndPrintable) {
  EXPECT_EQ(redact_command_line("a\nb\tc"), "a b c");
  EXPECT_EQ(redact_command_line(std::string(5000, 'x'), 10), "xxxxxxxxxx…");
  EXPECT_EQ(printable("a\x01\x7f\xff\xc3\xa9\xc2\x85", 100), "a  ?é??");
  EXPECT_EQ(printable("\xf0\x9f\x98\x80", 3), "…");
  EXPECT_EQ(printable("\xed\xa0\x80", 100), "???");   // a surrogate is no character
}

TEST(Redact, UrlsLoseWhatMayHoldCredentials) {
  EXPECT_EQ(redact_url("https://u:p@h:1/a/b?X-Amz-Signature=1#f"), "https://***@h:1/a/b");
  EXPECT_EQ(redact_url("http://h/a@b"), "http://h/a@b");
  EXPECT_EQ(redact_url("s3://bucket/{name}"), "s3://bucket/{name}");
  EXPECT_EQ(redact_url("https://token@h/a/../b"), "https://***@h/a/../b");
  EXPECT_EQ(redact_url("http://u:p/w@h/"), "***");   // libcurl's reading, not a guess
}

TEST(Secrets, AreScrubbedLongestFirst) {
  Secrets secrets;
  secrets.hide("hunter2");
  secrets.hide("Bearer hunter2");
  secrets.hide("abc");   // too short to be one
  EXPECT_EQ(secrets.scrub("x Bearer hunter2 hunter2abc"), "x *** ***abc");
}

TEST(Templates, WordsAreReplacedAndEscaped) {
  const Words words = {{"app_name", "a b/ä"}, {"time", "17"}};
  EXPECT_EQ(*expand("http://h/{app_name}/{time}", words, Escape::Url), "http://h/a%20b%2F%C3%A4/17");
  EXPECT_EQ(*expand("{app_name}", words), "a b/ä");
  EXPECT_EQ(*expand("{{time}} }", words), "{time} }");
}

TEST(Templates, AnUnknownWordIsAnError) {
  const Words words = {{"time", "17"}};
  for (const char* text : {"{tim}", "{", "{}", "{time", "{ time}"}) {
    const auto expanded = expand(text, words);
    ASSERT_FALSE(expanded) << text;
    EXPECT_NE(expanded.error().message.find("{time}"), std::string::npos);
  }
}

TEST(Templates, ValuesAreNotExpandedAgain) {
  const Words words = {{"a", "{b}"}, {"b", "x"}};
  EXPECT_EQ(*expand("{a}", words), "{b}");
}

bool matches(const char* pattern, const std::string& text) { return Regex::compile(pattern)->matches(text); }

TEST(Regex, UnderstandsPerlsShorthands) {
  EXPECT_TRUE(matches(R"(^app-\d+_worker)", "app-17_worker 3"));
  EXPECT_FALSE(matches(R"(^app-\d+_worker)", "app-x_worker 3"));
  EXPECT_TRUE(matches(R"(^[\w.-]+ \S+$)", "my-app.x 1"));
  EXPECT_TRUE(matches(R"([\d]+\.[]x])", "1.]"));
  EXPECT_TRUE(matches(R"(\D\s)", "a b"));
}

TEST(Regex, UnderstandsPosixClassesAndBytes) {
  EXPECT_TRUE(matches("^[[:alpha:]_][[:alnum:]]*$", "_x9"));
  EXPECT_TRUE(matches("^app .* worker$", "app \xff\nx worker"));   // no UTF-8, and a line break
  EXPECT_TRUE(matches("\xc3\xa4+", "x\xc3\xa4"));
  EXPECT_FALSE(matches("^b", "a\nb"));                              // the text's start, not a line's
}

TEST(Regex, RefusesWhatBacktracksOrIsBroken) {
  for (const char* pattern : {R"((a)\1)", "(?=a)b", "(?<=a)b", "(", "[", R"([\b])", "*", "a{9999999}", "((a{255}){255}){255}", "((){255}){255}",
                              "([)](a{64}){64}){2}", R"((\)(a{64}){64}){2})"}) {
    EXPECT_FALSE(Regex::compile(pattern)) << pattern;
  }
  EXPECT_EQ(Regex::compile(R"((a)\1)").error().message, R"(invalid escape sequence: \1)");
}

TEST(Regex, IntervalsOfEverydayUse) {
  EXPECT_TRUE(matches("^[({]{1,3}x{500}$|^y{500}[[:digit:])]{2}(z{30}){30}", "y" + std::string(499, 'y') + "1)" + std::string(900, 'z')));
  EXPECT_TRUE(matches(R"(^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}:\d+$)", "10.20.30.40:8080"));
  EXPECT_TRUE(matches("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "x 01234567-89ab-cdef-0123-456789abcdef"));
}

TEST(Regex, AHostileLineDoesNotHoldItUp) {
  const std::string line(4096, 'a');
  EXPECT_FALSE(matches("^(a+)+$x", line.c_str()));
  EXPECT_FALSE(matches("(a*)*b", line.c_str()));
  EXPECT_FALSE(matches("((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+b", line));
  EXPECT_FALSE(matches("(.*){1000}b", line));
}

}  // namespace
}  // namespace sampan

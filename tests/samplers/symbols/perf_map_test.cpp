#include "samplers/symbols/perf_map.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

std::map<std::uint64_t, std::string> names(std::string_view text, std::vector<std::uint64_t> addresses, std::size_t piece) {
  PerfMapReader reader(std::move(addresses));
  for (std::size_t at = 0; at < text.size(); at += piece) reader.feed(text.substr(at, piece));
  return reader.finish();
}

constexpr std::string_view kMap =
    "1000 20 LazyCompile:~fn /path.js:1\n0x2000 0x10 with prefix\nnonsense\n3000 zz bad\n\n1010 8 newer code\n4000 1 no newline";

TEST(PerfMap, EveryCutOfTheFileGivesTheSame) {
  for (std::size_t piece = 1; piece < kMap.size() + 2; ++piece) {
    const auto found = names(kMap, {0x1000, 0x1012, 0x2005, 0x3000, 0x4000, 0x1020}, piece);
    ASSERT_EQ(found.size(), 4u) << piece;
    EXPECT_EQ(found.at(0x1000), "LazyCompile:~fn /path.js:1");
    EXPECT_EQ(found.at(0x1012), "newer code");   // code that was replaced: the last line holds
    EXPECT_EQ(found.at(0x2005), "with prefix");
    EXPECT_EQ(found.at(0x4000), "no newline");
  }
}

TEST(PerfMap, OverlongLinesAreLeftOut) {
  const std::string text = "1000 10 " + std::string(10'000, 'x') + "\n2000 10 good\n";
  for (const std::size_t piece : {std::size_t{100}, std::size_t{5000}, text.size()}) {
    const auto found = names(text, {0x1000, 0x2000}, piece);
    EXPECT_EQ(found.size(), 1u);
    EXPECT_EQ(found.count(0x2000), 1u);
  }
}

TEST(PerfMap, SizesThatWrapNameOnlyWhatTheyCover) {
  const auto found = names("fffffffffffffff0 ffffffffffffffff top\n", {0x10, 0xfffffffffffffff8}, 7);
  EXPECT_EQ(found.size(), 1u);
}

}  // namespace
}  // namespace sampan

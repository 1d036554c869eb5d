#include "flamegraph/formats/folded.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace sampan {
namespace {

std::string round_trip(std::string_view text) {
  Profile profile;
  add_folded(profile, text);
  return to_folded(profile);
}

void add_lines(std::string_view folded, std::map<std::string, std::uint64_t>& sums) {
  for (std::size_t end; !folded.empty(); folded.remove_prefix(end + 1)) {
    end = folded.find('\n');
    const std::string_view line = folded.substr(0, end);
    sums[std::string(line.substr(0, line.rfind(' ')))] += std::stoull(std::string(line.substr(line.rfind(' ') + 1)));
  }
}

TEST(Folded, MergesWhereSortingLinesDoesNot) {
  EXPECT_EQ(round_trip("r;foo 500\nr;foo.bar;x 100\nr;foo;y 200\n"), "r;foo 500\nr;foo;y 200\nr;foo.bar;x 100\n");
}

TEST(Folded, ResumesAtTheLastSharedFrame) {
  EXPECT_EQ(round_trip("a;b;c 1\na;b 2\na;b;cd 3\na;bc;c 4\na;b;c;d 5\na 6\nab 7\na;b;c 8\n"),
            "a 6\na;b 2\na;b;c 9\na;b;c;d 5\na;b;cd 3\na;bc;c 4\nab 7\n");
}

TEST(Folded, IsTheSameWhenReadAgain) {
  const std::string once = round_trip("p (pid 3);f (a.py:12);g_[k] 3\np (pid 3);f (a.py:13);[truncated] 4\n;x;; 2\n");
  EXPECT_EQ(once, ";x;; 2\np (pid 3);f (a.py:12);g_[k] 3\np (pid 3);f (a.py:13);[truncated] 4\n");
  EXPECT_EQ(round_trip(once), once);
}

TEST(Folded, CountsBadLinesAndGoesOn) {
  Profile profile;
  const FoldedRead read = add_folded(profile, "# a comment 3\n\na;b 1\nno count\na 1x\n5\n a;b  2 \r\na -1\na;b 18446744073709551616\nlast 4");
  EXPECT_EQ(read.lines, 10u);
  EXPECT_EQ(read.bad, 5u);
  EXPECT_EQ(read.first_bad_line, 4u);
  EXPECT_EQ(to_folded(profile), "a;b 3\nlast 4\n");
}

TEST(Folded, RoundsFractions) {
  Profile profile;
  EXPECT_EQ(add_folded(profile, "a 1.5\nb 2.49\nc 3.\n").rounded, 3u);
  EXPECT_EQ(to_folded(profile), "a 2\nb 2\nc 3\n");
}

TEST(Folded, RefusesSumsThatNoViewerCanCount) {
  Profile profile;
  const FoldedRead read = add_folded(profile, "a 9007199254740992\nb 1\n");
  EXPECT_EQ(read.bad, 1u);
  EXPECT_EQ(profile.total(), std::uint64_t{1} << 53);
}

TEST(Folded, KeepsSpacesInsideFrames) {
  EXPECT_EQ(round_trip("std::map<int, int>::at (int const&) const;x y 12 7\n"), "std::map<int, int>::at (int const&) const;x y 12 7\n");
}

TEST(Folded, ReadsABaselineBesideTheWeights) {
  Profile profile;
  add_folded(profile, "a;b 3\n", Counts::Baseline);
  add_folded(profile, "a;b 4\na 1\n");
  profile.description.differential = true;
  EXPECT_EQ(to_folded(profile), "a 0 1\na;b 3 4\n");
}

TEST(Folded, ReplacesWhatWouldBreakALine) {
  Profile profile;
  const FrameId frame = profile.intern({FrameKind::Native, "a;b\nc\xff", "", 0, 0});
  profile.add({&frame, 1}, 2);
  EXPECT_EQ(to_folded(profile), "a:b\u240ac\ufffd 2\n");
}

TEST(Folded, WritesNamesThatWouldVanishAtALinesBeginning) {
  Profile profile;
  for (const char* name : {"", "  ", "# note", " # note"}) {
    const FrameId frame = profile.intern({FrameKind::Native, name, "", 0, 0});
    profile.add({&frame, 1}, 2);
  }
  profile.add({}, 3);
  Profile again;
  EXPECT_EQ(add_folded(again, to_folded(profile)).bad, 0u);
  EXPECT_EQ(again.total(), 11u);
}

// Large inputs take the way by whole stacks: the sums must be those of a plain map all the same.
class LargeFolded : public testing::TestWithParam<std::size_t> {};

TEST_P(LargeFolded, EqualsAMapOfLines) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  std::vector<std::string> stacks;
  for (std::size_t i = 0; i < GetParam(); ++i) {
    std::string stack = "main";
    for (std::size_t depth = 1 + below(6); depth > 0; --depth) stack += ";function " + std::to_string(below(40)) + " (file.py)";
    stacks.push_back(stack + ";leaf_" + std::to_string(i % (GetParam() * 3 / 4)));
  }
  std::map<std::string, std::uint64_t> expected;
  std::string text;
  std::uint64_t bad = 0;
  while (text.size() < 9'000'000) {
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      const std::string& stack = stacks[below(20) == 0 ? below(stacks.size()) : i];
      const std::uint64_t weight = below(1000);
      expected[stack] += weight;
      text += stack + (below(50) == 0 ? "\t 00" : " ") + std::to_string(weight) + (below(50) == 0 ? " \r\n" : "\n");
      if (below(100) == 0) text += "# " + stack + " 5\n\n";
      if (below(100) == 0) text += stack + " 12x\n", ++bad;
      if (below(100) == 0) text += stack + " 12 7\n", expected[stack + " 12"] += 7;
    }
  }
  text.pop_back();
  Profile profile;
  EXPECT_EQ(add_folded(profile, text).bad, bad);
  std::map<std::string, std::uint64_t> found;
  add_lines(to_folded(profile), found);
  std::erase_if(expected, [](const auto& line) { return line.second == 0; });
  EXPECT_TRUE(found == expected);
}

INSTANTIATE_TEST_SUITE_P(Stacks, LargeFolded, testing::Values(300u, 20'000u, 90'000u));

}  // namespace
}  // namespace sampan

#include "flamegraph/folded.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

std::string round_trip(std::string_view text) {
  Profile profile;
  add_folded(profile, text);
  return to_folded(profile);
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
  add_folded(profile, "a;b 3\n", true);
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

}  // namespace
}  // namespace sampan

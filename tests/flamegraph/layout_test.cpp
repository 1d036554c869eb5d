#include "flamegraph/layout.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <sstream>

#include "flamegraph/diff.hpp"
#include "flamegraph/formats/folded.hpp"
#include "flamegraph/summary.hpp"

namespace sampan {
namespace {

// A box as text, `depth name self/total`, to compare whole layouts.
std::string print(const Profile& profile, bool reverse = false, std::size_t most = 0) {
  const Labels labels(profile);
  std::ostringstream out;
  for (const Box& box : lay_out(profile, labels, reverse, most).boxes) {
    out << box.depth << labels.all[box.label].text << ' ' << box.self << '/' << box.total << ' ';
  }
  return out.str();
}

Profile folded(std::string_view text) {
  Profile profile;
  add_folded(profile, text);
  return profile;
}

TEST(Layout, IsPreOrderByName) {
  EXPECT_EQ(print(folded("b;y 1\na;z 2\nb;x 3\nb 4\n")), "0all 0/10 1a 0/2 2z 2/2 1b 4/8 2x 3/3 2y 1/1 ");
  EXPECT_EQ(print(Profile()), "0all 0/0 ");
}

TEST(Layout, ReversesFromTheLeaf) {
  EXPECT_EQ(print(folded("a;b;m 1\nc;m 2\na 4\n"), true), "0all 0/7 1a 4/4 1m 0/3 2b 0/1 3a 1/1 2c 2/2 ");
}

TEST(Layout, MergesSiblingsThatReadTheSame) {
  Profile profile;
  const FrameId a = profile.intern({FrameKind::Native, "f", "x.so", 0, 1});
  const FrameId b = profile.intern({FrameKind::Native, "f", "x.so", 0, 2});
  profile.add({&a, 1}, 3);
  profile.add({&b, 1}, 4);
  EXPECT_EQ(print(profile), "0all 0/7 1f 7/7 ");
}

TEST(Layout, SumsUpWhatItLeavesOut) {
  const Profile profile = folded("a;x 50\na;y 2\na;z 1\nb 40\nc 1\n");
  EXPECT_EQ(print(profile, false, 4), "0all 0/94 1a 0/53 2x 50/50 2[lighter frames] 3/3 1b 40/40 1[lighter frames] 1/1 ");
  EXPECT_EQ(lay_out(profile, Labels(profile), false, 4).left_out, 3u);
}

TEST(Layout, DrawsNewAndVanishedFrames) {
  const Profile both = diff(folded("a;old 4\na;same 4\n"), folded("a;new 4\na;same 4\n"));
  const Labels labels(both);
  const Layout layout = lay_out(both, labels, false, 0);
  ASSERT_EQ(layout.boxes.size(), 5u);
  EXPECT_EQ(layout.boxes[0].width, 12u);
  EXPECT_EQ(layout.boxes[0].total, 8u);
  EXPECT_EQ(layout.boxes[0].base_total, 8u);
  EXPECT_EQ(layout.boxes[3].base_total, 4u);  // old
  EXPECT_EQ(layout.boxes[3].total, 0u);
  EXPECT_EQ(layout.boxes[3].width, 4u);
}

TEST(Summary, CountsRecursionOnceAndLinesAsOneFunction) {
  const Profile profile = folded("f (a.py:1);f (a.py:2);f (a.py:1) 6\nf (a.py:2);g (a.py:9) 2\n");
  const Labels labels(profile);
  const Summary summary = summarise(lay_out(profile, labels, false, 0), labels, false, 10);
  ASSERT_EQ(summary.top.size(), 2u);
  EXPECT_EQ(summary.top[0].name, "f (a.py)");
  EXPECT_EQ(summary.top[0].self, 6u);
  EXPECT_EQ(summary.top[0].total, 8u);
  EXPECT_EQ(summary.shares.size(), 1u);
}

TEST(Diff, ScalesTheFirstExactly) {
  const Profile both = diff(folded("a 1\nb 1\nc 1\n"), folded("a 50\nb 50\n"));
  std::uint64_t before = 0;
  for (const Node& node : both.nodes()) before += node.baseline;
  EXPECT_EQ(before, 100u);
  ASSERT_FALSE(both.description.notes.empty());
  EXPECT_NE(both.description.notes[0].find("scaled"), std::string::npos);
}

// An independent trie: nested maps, filled frame by frame, printed in the same form.
struct Trie {
  std::map<std::string, Trie> children;
  std::uint64_t self = 0;
  std::uint64_t total() const {
    std::uint64_t sum = self;
    for (const auto& [name, child] : children) sum += child.total();
    return sum;
  }
  void print(std::ostream& out, const std::string& name, int depth) const {
    if (total() == 0) return;  // weightless frames are not drawn
    out << depth << name << ' ' << self << '/' << total() << ' ';
    for (const auto& [child_name, child] : children) child.print(out, child_name, depth + 1);
  }
};

class RandomStacks : public testing::TestWithParam<unsigned> {};

TEST_P(RandomStacks, EqualAnIndependentTrie) {
  std::mt19937 random(GetParam());
  const char* const kNames[] = {"a", "ab", "a.b", "a b", "abcdefgh", "abcdefghi", "abcdefghijklmnop", "b", "", "z (x.py:1)", "z (x.py:2)"};
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  Trie forward, backward;
  std::string text;
  std::vector<std::string> stack;
  for (int line = 0; line < 400; ++line) {
    stack.resize(below(stack.size() + 1));  // keeps a prefix of the line before, as real profiles do
    for (std::size_t more = 1 + below(6); more > 0; --more) stack.push_back(kNames[below(std::size(kNames))]);
    if (stack.size() == 1 && stack[0].empty()) stack[0] = "only";
    const std::uint64_t weight = below(5);
    Trie *at = &forward, *back = &backward;
    for (std::size_t i = 0; i < stack.size(); ++i) {
      text += (i == 0 ? "" : ";") + stack[i];
      at = &at->children[stack[i]];
      back = &back->children[stack[stack.size() - 1 - i]];
    }
    at->self += weight;
    back->self += weight;
    text += ' ' + std::to_string(weight) + '\n';
  }
  const Profile profile = folded(text);
  for (const bool reverse : {false, true}) {
    std::ostringstream expected;
    (reverse ? backward : forward).print(expected, "all", 0);
    EXPECT_EQ(print(profile, reverse), expected.str());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomStacks, testing::Range(1u, 60u));

}  // namespace
}  // namespace sampan

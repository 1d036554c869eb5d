// Moments beside the tree: kept, made coarser, merged by the clock, cut to a window, and read back from a picture as they were.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

#include "flamegraph/label.hpp"
#include "flamegraph/merge.hpp"
#include "flamegraph/svg/read.hpp"
#include "flamegraph/svg/svg.hpp"
#include "flamegraph/text.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMs = 1'000'000, kSecond = 1'000'000'000;

// (thread, moment in nanoseconds, stack, weight), whatever their places in tables.
using Seen = std::multiset<std::tuple<std::string, std::uint64_t, std::string, std::uint32_t>>;

std::string stack_text(const Profile& profile, NodeId node) {
  std::vector<FrameId> stack;
  profile.stack(node, stack);
  std::string text;
  for (const FrameId frame : stack) text += frame_label(profile.frame(frame)) + ';';
  return text;
}

Seen seen(const Profile& profile) {
  Seen all;
  for (const Lane& lane : profile.moments.lanes()) {
    const std::string name = frame_label(profile.frame(lane.process)) + '/' + frame_label(profile.frame(lane.thread));
    for (std::size_t i = 0; i < lane.moments.size(); ++i) {
      all.emplace(name, lane.moments[i].at * profile.moments.tick_ns(), stack_text(profile, lane.moments[i].node), lane.weight(i));
    }
  }
  return all;
}

// Threads that sample random stacks of `nodes` nodes and about `depth` frames, as unevenly as a ticker does.
Profile random_profile(unsigned seed, unsigned threads, unsigned samples, unsigned nodes, unsigned depth, double rate, bool waits) {
  std::mt19937 rng(seed);
  const auto pick = [&](unsigned n) { return static_cast<unsigned>(rng() % n); };
  Profile profile;
  profile.description.rate = rate;
  if (waits) profile.description.unit = "nanoseconds";
  profile.moments.begin(5 * kSecond, 1'764'000'000 * kSecond, static_cast<std::uint64_t>(1e9 / rate));
  const FrameId process = profile.intern({FrameKind::Process, "web \"<&'\t", {}, 41});
  std::vector<NodeId> leaves;
  for (unsigned made = 0; made < nodes;) {
    NodeId at = leaves.empty() || pick(3) == 0 ? profile.child(Profile::kRoot, process) : leaves[pick(static_cast<unsigned>(leaves.size()))];
    for (unsigned level = pick(depth) + 1; level > 0; --level, ++made) {
      const std::string name = "function_" + std::to_string(pick(900));
      at = profile.child(at, profile.intern({FrameKind::Python, name, "module.py", pick(900) + 1}));
    }
    leaves.push_back(at);
  }
  std::geometric_distribution<unsigned> often(0.05);
  for (unsigned t = 0; t < threads; ++t) {
    const LaneId lane = profile.moments.lane(process, profile.intern({FrameKind::Thread, "worker", {}, 100 + t}));
    double at = 5e9;
    for (unsigned i = 0; i < samples; ++i) {
      at += 1e9 / rate * (0.7 + (pick(600)) / 1000.0) * (pick(50) == 0 ? 20 : 1);
      const NodeId node = leaves[often(rng) % leaves.size()];
      const std::uint64_t weight = waits ? 1000 * (pick(30'000) + 1) : 1;
      profile.node(node).self += weight;
      profile.add_moment(lane, static_cast<std::uint64_t>(at), node, weight);
    }
  }
  return profile;
}

Profile read(const std::string& svg) {
  Profile profile;
  EXPECT_EQ(read_svg(svg, profile), "");
  return profile;
}

TEST(Time, APictureGivesBackEveryMomentAsItWas) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const bool waits = seed % 3 == 0;
    const Profile profile = random_profile(seed, seed % 9 + 1, 1 + seed * 40, 1 + seed * 30, 1 + seed % 40, seed % 2 ? 100 : 99, waits);
    const Profile back = read(render_svg(profile));
    ASSERT_EQ(back.total(), profile.total());
    ASSERT_EQ(back.moments.size(), profile.moments.size());
    ASSERT_NEAR(static_cast<double>(back.moments.tick_ns()), static_cast<double>(profile.moments.tick_ns()), 1000);
    // A tick is whole microseconds in the file; moments are ticks in both.
    Seen before, after;
    const auto in_ticks = [](const Profile& p, Seen& into) {
      for (const auto& [lane, at, stack, weight] : seen(p)) into.emplace(clean(lane), (at + p.moments.tick_ns() / 2) / p.moments.tick_ns(), clean(stack), weight);
    };
    in_ticks(profile, before);
    in_ticks(back, after);
    ASSERT_EQ(before, after) << "seed " << seed;
    ASSERT_EQ(back.moments.start_ns(), profile.moments.start_ns());
    ASSERT_EQ(seen(read(render_svg(back))), seen(back)) << "seed " << seed;
  }
}

TEST(Time, TheNewestSampleOfANodeCanBeTakenBack) {
  Moments moments;
  moments.begin(0, 0);
  const LaneId lane = moments.lane(1, 2);
  for (std::uint64_t at : {1, 2, 3}) moments.add(lane, at * 1'000'000, at == 2 ? 8 : 7, 1, false);
  moments.take_back(lane, 7);
  ASSERT_EQ(moments.lanes()[lane].moments.size(), 2u);
  EXPECT_EQ(moments.lanes()[lane].moments.back().node, 8u);
  EXPECT_EQ(moments.size(), 2u);
  moments.take_back(lane, 9);   // of none there is nothing to take
  EXPECT_EQ(moments.size(), 2u);
}

TEST(Time, ThreeBytesASampleInThePicture) {
  const Profile profile = random_profile(7, 8, 6000, 20'000, 30, 100, false);
  const std::string svg = render_svg(profile);
  const auto from = svg.find("<threads>"), to = svg.find("</time>");
  ASSERT_NE(to, std::string::npos);
  EXPECT_LE(static_cast<double>(to - from) / static_cast<double>(profile.moments.size()), 3.0);
  EXPECT_EQ(profile.moments.size(), 48'000u);
}

TEST(Time, EightBytesASampleInMemory) {
  static_assert(sizeof(TimedSample) == 8);
  const Profile profile = random_profile(3, 2, 20'000, 50, 5, 100, false);
  for (const Lane& lane : profile.moments.lanes()) {
    EXPECT_TRUE(lane.weights.empty());
    EXPECT_LE(lane.moments.capacity(), lane.moments.size() * 9 / 8 + 16);
  }
}

TEST(Time, OverAMillionTheTickIsDoubledAndNoCountIsLost) {
  Profile profile;
  profile.moments.begin(0, kSecond);
  const FrameId process = profile.intern({FrameKind::Process, "web", {}, 1});
  NodeId nodes[4];
  for (std::uint32_t i = 0; i < 4; ++i) nodes[i] = profile.child(Profile::kRoot, profile.intern({FrameKind::Native, "f", {}, i + 1}));
  const LaneId lane = profile.moments.lane(process, 0);
  for (std::uint64_t i = 0; i < 2'500'000; ++i) profile.add_moment(lane, i * kMs, nodes[i / 100 % 4], 1);
  ASSERT_TRUE(profile.moments.kept());
  EXPECT_TRUE(profile.moments.coarser());
  EXPECT_LE(profile.moments.size(), Moments::kMost);
  std::map<NodeId, std::uint64_t> sums;
  const Lane& kept = profile.moments.lanes()[lane];
  for (std::size_t i = 0; i < kept.moments.size(); ++i) sums[kept.moments[i].node] += kept.weight(i);
  for (const NodeId node : nodes) EXPECT_EQ(sums[node], 625'000u);
  const Profile back = read(render_svg(profile));
  EXPECT_EQ(back.moments.size(), profile.moments.size());
}

TEST(Time, WithoutMomentsAPictureSaysNothingOfTime) {
  Profile profile;
  const FrameId frame = profile.intern({FrameKind::Native, "f", {}});
  profile.add(std::span(&frame, 1), 3);
  const std::string svg = render_svg(profile);
  EXPECT_EQ(svg.find("<time "), std::string::npos);
  EXPECT_EQ(svg.find("<threads>"), std::string::npos);
  EXPECT_EQ(read(svg).total(), 3u);
}

TEST(Time, NamesGivenLaterAndDeepFramesCutKeepTheirMoments) {
  Profile profile;
  profile.moments.begin(0, 0);
  const FrameId late = profile.placeholder(FrameKind::Native, 0x10), top = profile.intern({FrameKind::Native, "main", {}});
  const FrameId stack[] = {top, late};
  const LaneId lane = profile.moments.lane(0, top);
  profile.add_moment(lane, 3 * kMs, profile.add_at(Profile::kRoot, stack, 1), 1);
  const FrameId named[] = {profile.intern({FrameKind::Native, "outer", {}}), profile.intern({FrameKind::Native, "inner", {}})};
  profile.replace(late, named);
  profile.settle();
  EXPECT_EQ(stack_text(profile, profile.moments.lanes()[lane].moments[0].node), "main;outer;inner;");
  profile.cut(2, profile.intern({FrameKind::Note, "[deeper frames]", {}}));
  EXPECT_EQ(stack_text(profile, profile.moments.lanes()[lane].moments[0].node), "main;outer;[deeper frames];");
}

// One thread: a for three seconds, b for 400 ms, a again.
Profile burst(std::uint64_t wall_ns) {
  Profile profile;
  profile.description.rate = 100;
  profile.moments.begin(0, wall_ns);
  const FrameId process = profile.intern({FrameKind::Process, "web", {}, 1}), a = profile.intern({FrameKind::Python, "a", {}}),
                b = profile.intern({FrameKind::Python, "b", {}});
  const LaneId lane = profile.moments.lane(process, 0);
  for (std::uint64_t ms = 0; ms < 6000; ms += 10) {
    const FrameId stack[] = {process, ms >= 3000 && ms < 3400 ? b : a};
    profile.add_moment(lane, ms * kMs, profile.add_at(Profile::kRoot, stack, 1), 1);
  }
  return profile;
}

TEST(Time, AWindowHoldsWhatWasSampledInIt) {
  const Profile window = window_of(burst(kSecond), 3000 * kMs, 3400 * kMs);
  EXPECT_EQ(window.total(), 40u);
  for (const Node& node : window.nodes()) {
    if (node.self == 0) continue;
    EXPECT_EQ(window.frame(node.frame).name, "b");
  }
  EXPECT_EQ(window.moments.start_ns(), kSecond + 3000 * kMs);
  EXPECT_EQ(window.moments.size(), 40u);
}

TEST(Time, AWaitIsInAWindowInPart) {
  Profile profile;
  profile.description.unit = "nanoseconds";
  profile.moments.begin(0, 0);
  const FrameId f = profile.intern({FrameKind::Kernel, "schedule", {}});
  profile.add_moment(profile.moments.lane(f, 0), kSecond, profile.add_at(Profile::kRoot, std::span(&f, 1), 4 * kSecond), 4 * kSecond);
  EXPECT_EQ(window_of(profile, 2 * kSecond, 3 * kSecond).total(), kSecond);
  EXPECT_EQ(window_of(profile, 0, kSecond + kSecond / 2).total(), kSecond / 2);
  EXPECT_EQ(window_of(profile, 0, 10 * kSecond).total(), 4 * kSecond);
}

TEST(Time, ProfilesOfManyNodesMeetByTheWallClock) {
  const std::uint64_t noon = 1'764'000'000 * kSecond;
  Profile all;
  merge(all, burst(noon + 2 * kSecond));
  merge(all, burst(noon));   // began earlier, came later
  EXPECT_EQ(all.total(), 1200u);
  EXPECT_EQ(all.moments.start_ns(), noon);
  const Profile window = window_of(all, 5000 * kMs, 5400 * kMs);   // the second's burst, and the first's a
  std::map<std::string_view, std::uint64_t> sums;
  for (const Node& node : window.nodes()) sums[window.frame(node.frame).name] += node.self;
  EXPECT_EQ(sums["b"], 40u);
  EXPECT_EQ(sums["a"], 40u);
}

TEST(Time, ATitleMayLookLikeAnAttribute) {
  Profile profile = burst(kSecond);
  profile.description.title = "x frames=";
  profile.description.subtitle = "<time tick=\"9\">";
  EXPECT_EQ(read(render_svg(profile)).total(), 600u);
}

TEST(Time, WhatIsWrongWithAPictureIsSaidAndNeverFollowed) {
  const std::string svg = render_svg(random_profile(5, 3, 200, 300, 9, 100, false));
  Profile none;
  EXPECT_NE(read_svg("<?xml version=\"1.0\"?><svg/>", none), "");
  std::mt19937 rng(11);
  for (int i = 0; i < 3000; ++i) {
    std::string torn = svg;
    const auto from = torn.find("<profile"), to = torn.find("</metadata>");
    for (unsigned n = rng() % 4 + 1; n > 0; --n) torn[from + rng() % (to - from)] = static_cast<char>(rng());
    if (rng() % 5 == 0) torn.resize(from + rng() % (to - from));
    Profile profile;
    if (read_svg(torn, profile).empty()) render_svg(profile);
  }
}

}  // namespace
}  // namespace sampan

#include <gtest/gtest.h>

#include "flamegraph/formats/folded.hpp"

namespace sampan {
namespace {

FrameId frame(Profile& profile, const char* name) { return profile.intern({FrameKind::Native, name, {}}); }

TEST(Cut, WhatLiesDeeperKeepsItsWeightInOneFrame) {
  Profile p;
  const FrameId a = frame(p, "a"), b = frame(p, "b"), c = frame(p, "c"), d = frame(p, "d");
  p.add(std::vector{a}, 1);
  p.add(std::vector{a, b}, 2);
  p.add(std::vector{a, b, c}, 4);
  p.add(std::vector{a, b, c, d}, 8);
  p.add(std::vector{a, b, d}, 16);
  p.add(std::vector{a, c, d, b}, 32);
  p.add(std::vector{d}, 64);
  p.cut(2, p.intern({FrameKind::Note, "[deeper frames]", {}}));
  EXPECT_EQ(p.total(), 127u);
  EXPECT_EQ(to_folded(p), "a 1\na;b 2\na;b;[deeper frames] 28\na;c;[deeper frames] 32\nd 64\n");
  p.add(std::vector{a, b}, 1);   // and it is a profile still
  EXPECT_EQ(p.nodes().size(), 7u);
}

TEST(Cut, ALargeTree) {
  Profile p;
  std::vector<FrameId> names, stack;
  for (int i = 0; i < 50; ++i) names.push_back(frame(p, std::to_string(i).c_str()));
  std::uint32_t dice = 1;
  for (int i = 0; i < 2000; ++i) {
    stack.clear();
    for (int deep = 0; deep < 40; ++deep) stack.push_back(names[(dice = dice * 1664525 + 1013904223) >> 16 & 7]);
    p.add(stack, 1);
  }
  for (const std::size_t depth : {39u, 20u, 3u, 1u}) {
    p.cut(depth, frame(p, "deeper"));
    EXPECT_EQ(p.total(), 2000u);
    for (NodeId id = 0; id < p.nodes().size(); ++id) {
      p.stack(id, stack);
      ASSERT_LE(stack.size(), depth + 1);
      if (id == 0) continue;
      ASSERT_LT(p.nodes()[id].parent, id);
      ASSERT_EQ(p.child(p.nodes()[id].parent, p.nodes()[id].frame), id);
    }
  }
}

}  // namespace
}  // namespace sampan

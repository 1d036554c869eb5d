#include "agent/contract/selection.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

constexpr ContainerNames kWeb{"shop", "web-7d9f-x2", "app"}, kUnnamed{"", "", "sidecar"};

TEST(Selection, WithoutRulesAllAtTheRunsRate) {
  const Selection all;
  EXPECT_EQ(all.rate_of(kWeb), 0u);
  EXPECT_EQ(all.rate_of(kUnnamed, "java"), 0u);
}

TEST(Selection, TheFirstIncludeThatMatchesGivesTheRate) {
  Selection s;
  s.include = {{.pod_namespace = "shop", .pod = "web-*", .rate = 49}, {.pod_namespace = "shop", .rate = 19}, {.container = "side*"}};
  EXPECT_EQ(s.rate_of(kWeb), 49u);
  EXPECT_EQ(s.rate_of({"shop", "db-0", "app"}), 19u);
  EXPECT_EQ(s.rate_of(kUnnamed), 0u);
  EXPECT_FALSE(s.rate_of({"bank", "web-1", "app"}));
}

TEST(Selection, ExcludeGoesBeforeInclude) {
  Selection s;
  s.include = {{.pod_namespace = "shop"}};
  s.exclude = {{.pod = "web-*"}};
  EXPECT_FALSE(s.rate_of(kWeb));
  EXPECT_TRUE(s.rate_of({"shop", "db-0", "app"}));
}

TEST(Selection, ARuntimeDecidesWhereItIsKnown) {
  Selection s;
  s.include = {{.runtime = "python", .rate = 99}, {.runtime = "java"}};
  EXPECT_TRUE(s.rate_of(kWeb));                 // not known yet: it may be one of these
  EXPECT_EQ(s.rate_of(kWeb, "python"), 99u);
  EXPECT_EQ(s.rate_of(kWeb, "java"), 0u);
  EXPECT_FALSE(s.rate_of(kWeb, "go"));
  s.include.clear();
  s.exclude = {{.container = "app", .runtime = "native"}};
  EXPECT_TRUE(s.rate_of(kWeb));
  EXPECT_FALSE(s.rate_of(kWeb, "native"));
  EXPECT_TRUE(s.rate_of(kWeb, "go"));
}

TEST(Selection, WhatIsNotKnownMatchesNoName) {
  Selection s;
  s.exclude = {{.pod_namespace = "kube-system"}};
  EXPECT_TRUE(s.rate_of(kUnnamed));
  s.include = {{.pod_namespace = "shop"}};
  EXPECT_FALSE(s.rate_of(kUnnamed));
}

}  // namespace
}  // namespace sampan

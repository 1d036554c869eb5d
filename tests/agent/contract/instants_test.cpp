#include "agent/contract/instants.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

TEST(Instants, AreSecondsSinceTheStartOrByTheClock) {
  const auto relative = parse_instant("12.5");
  ASSERT_TRUE(relative);
  EXPECT_FALSE(relative->by_clock);
  EXPECT_EQ(relative->since(99), 12'500'000'000u);
  const auto clock = parse_instant("2026-11-27T14:03:22.5Z");
  ASSERT_TRUE(clock);
  EXPECT_TRUE(clock->by_clock);
  EXPECT_EQ(clock->ns, 1'795'788'202'500'000'000u);
  EXPECT_EQ(clock->since(clock->ns - 7), 7u);
  EXPECT_EQ(clock->since(clock->ns + 7), 0u);
  EXPECT_EQ(parse_instant("2026-11-27T15:03:22.500+01:00")->ns, clock->ns);
  EXPECT_EQ(parse_instant("1970-01-01T00:00:00Z")->ns, 0u);
  EXPECT_EQ(parse_instant("2024-02-29T00:00:00Z")->ns, 1'709'164'800'000'000'000u);
}

TEST(Instants, NothingElseIs) {
  for (const char* text : {"", "-1", "x", "1e30", "nan", "12 s", "2026-11-27", "2026-11-27T14:03Z", "2026-13-27T14:03:22Z", "2026-02-29T14:03:22Z",
                           "2026-11-27T24:03:22Z", "2026-11-27T14:03:22", "2026-11-27T14:03:22+1:00", "2026-11-27T14:03:22Zz", "-026-11-27T14:03:22Z"}) {
    EXPECT_FALSE(parse_instant(text)) << text;
  }
}

}  // namespace
}  // namespace sampan

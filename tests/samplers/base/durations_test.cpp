#include "samplers/base/durations.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

TEST(Durations, QuantilesAreAtMostAnEighthTooLong) {
  Durations durations;
  for (std::uint64_t us = 1; us <= 1000; ++us) durations.add(us * 1000);
  EXPECT_EQ(durations.count(), 1000u);
  EXPECT_EQ(durations.most_ns(), 1'000'000u);
  for (const double share : {0.1, 0.5, 0.99}) {
    const double wanted = share * 1e6;
    EXPECT_GE(static_cast<double>(durations.quantile_ns(share)), wanted);
    EXPECT_LE(static_cast<double>(durations.quantile_ns(share)), wanted * 1.126);
  }
  EXPECT_EQ(durations.quantile_ns(1), 1'000'000u);
}

TEST(Durations, ExtremesAreKept) {
  Durations durations;
  EXPECT_EQ(durations.quantile_ns(0.99), 0u);
  durations.add(0);
  EXPECT_EQ(durations.quantile_ns(0.99), 0u);
  durations.add(~std::uint64_t{0});
  EXPECT_EQ(durations.most_ns(), ~std::uint64_t{0});
}

TEST(Durations, Add) {
  Durations one, other;
  one.add(5000);
  other.add(9000);
  one += other;
  EXPECT_EQ(one.count(), 2u);
  EXPECT_EQ(one.most_ns(), 9000u);
  EXPECT_GE(one.quantile_ns(0.5), 5000u);
  EXPECT_LT(one.quantile_ns(0.5), 6000u);
}

}  // namespace
}  // namespace sampan

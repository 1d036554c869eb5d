#include "samplers/tiers/slumber.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// A process that runs by itself for so many ticks after so many asleep.
struct Sleeper {
  Slumber slumber;
  unsigned rate;
  std::uint64_t now = kSecond, looks = 0, counted = 0;

  explicit Sleeper(unsigned hz) : rate(hz) {}
  void tick(bool runs) {
    now += kSecond / rate;
    const unsigned weight = slumber.look(now, rate);
    ran_unseen_ |= runs;
    if (weight == 0) return;
    ++looks;
    if (runs) counted += weight;
    slumber.looked(now, std::exchange(ran_unseen_, false));
  }
  void ticks(unsigned many, bool run) {
    while (many-- > 0) tick(run);
  }

 private:
  bool ran_unseen_ = false;
};

TEST(Slumber, NothingIsLostOfWhatWakesForAMoment) {
  for (const unsigned rate : {19u, 100u}) {
    for (const unsigned awake : {1u, 3u, 40u}) {
      Sleeper sleeper(rate);
      constexpr unsigned kTimes = 4000;
      for (unsigned i = 0; i < kTimes; ++i) {
        sleeper.ticks(20 * rate, false);
        sleeper.ticks(awake, true);
      }
      const double share = static_cast<double>(sleeper.counted) / (awake * kTimes);
      EXPECT_NEAR(share, 1, 0.1) << awake << " ticks awake of each 20 s at " << rate << " Hz";   // three standard deviations of the worst
    }
  }
}

TEST(Slumber, LooksBecomeRare) {
  Sleeper sleeper(19);
  sleeper.ticks(38, false);
  EXPECT_EQ(sleeper.looks, 38u);   // for two seconds every tick looks
  sleeper.ticks(19 * 60, false);
  const std::uint64_t before = std::exchange(sleeper.looks, 0);
  EXPECT_LT(before, 19u * 25);
  sleeper.ticks(19 * 100, false);
  EXPECT_NEAR(static_cast<double>(sleeper.looks), 19 * 100 / 5, 2);   // one of the five ticks that 300 ms hold
}

TEST(Slumber, WhatIsAwakeForMostOfASecondIsSeenEachTime) {
  for (const unsigned rate : {5u, 19u, 100u}) {
    for (unsigned i = 0; i < 1000; ++i) {
      Sleeper sleeper(rate);
      sleeper.ticks(100 * rate, false);
      sleeper.ticks(rate * 7 / 10, true);
      EXPECT_GT(sleeper.counted, 0u) << rate;
    }
  }
}

TEST(Slumber, AwakeItIsLookedAtAtEachTick) {
  Sleeper sleeper(100);
  sleeper.ticks(100 * 100, false);
  while (sleeper.counted == 0) sleeper.tick(true);
  sleeper.ticks(30, true);   // those that the look stood for
  sleeper.looks = sleeper.counted = 0;
  sleeper.ticks(500, true);
  EXPECT_EQ(sleeper.looks, 500u);
  EXPECT_EQ(sleeper.counted, 500u);
}

TEST(Slumber, AtALowRateEveryTickLooks) {
  Sleeper sleeper(2);
  sleeper.ticks(1000, false);
  EXPECT_EQ(sleeper.looks, 1000u);
}

TEST(Slumber, WhatNothingRanOfHasTheThreadsThatItHad) {
  Slumber slumber;
  EXPECT_TRUE(slumber.ran());
  EXPECT_TRUE(slumber.ran_since());
  slumber.looked(kSecond, false);
  EXPECT_FALSE(slumber.ran());
  EXPECT_FALSE(slumber.ran_since());
  slumber.looked(2 * kSecond, true);
  slumber.looked(3 * kSecond, false);
  EXPECT_FALSE(slumber.ran());
  EXPECT_TRUE(slumber.ran_since());   // since it was last asked
}

}  // namespace
}  // namespace sampan

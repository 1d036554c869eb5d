#include "agent/run/ticker.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

constexpr std::uint64_t kStart = 1'000'000'000'000;
constexpr std::uint64_t kPeriod = 10'000'000;   // 100 Hz

TEST(Ticker, OneDeadlineAnywhereInEachSlot) {
  Ticker ticker(kStart, 100, 7);
  std::uint64_t distinct = 0, last = 0, parts[4] = {};
  for (std::uint64_t slot = 0; slot < 1000; ++slot) {
    const std::uint64_t at = ticker.next(kStart + slot * kPeriod);
    ASSERT_GE(at, kStart + slot * kPeriod);
    ASSERT_LT(at, kStart + slot * kPeriod + kPeriod);
    ++parts[(at - kStart - slot * kPeriod) * 4 / kPeriod];
    distinct += at - slot * kPeriod != last;
    last = at - slot * kPeriod;
  }
  EXPECT_GT(distinct, 990u);   // jitter
  for (const std::uint64_t part : parts) EXPECT_GT(part, 200u);
  EXPECT_EQ(ticker.late(), 0u);
}

TEST(Ticker, ALateTickIsSkippedAndCountedNeverCaughtUp) {
  Ticker ticker(kStart, 100, 7);
  ticker.next(kStart);
  const std::uint64_t at = ticker.next(kStart + 5 * kPeriod + 1);
  EXPECT_GE(at, kStart + 5 * kPeriod);
  EXPECT_EQ(ticker.late(), 4u);   // slots 1 to 4
  EXPECT_GE(ticker.next(at), kStart + 6 * kPeriod);
  EXPECT_EQ(ticker.late(), 4u);
}

TEST(Ticker, AnotherRateBeginsAfterTheSlotsHandedOut) {
  Ticker ticker(kStart, 100, 7);
  ticker.next(kStart);
  ticker.set_rate(kStart + 1, 10);
  const std::uint64_t at = ticker.next(kStart + 2);
  EXPECT_GE(at, kStart + kPeriod);
  EXPECT_LT(at, kStart + kPeriod + 50'000'000);
  EXPECT_GE(ticker.next(at), kStart + kPeriod + 100'000'000);
}

TEST(Governor, LowersTheRateBySoMuchAsItCosts) {
  Governor governor(50);
  std::uint64_t now = kStart, cpu = 0;
  EXPECT_EQ(governor.govern(now, cpu, 1000), 1000);
  now += 1'000'000'000, cpu += 400'000'000;
  EXPECT_EQ(governor.govern(now, cpu, 1000), 1000);   // 40 % is allowed
  now += 500'000'000, cpu += 500'000'000;
  EXPECT_EQ(governor.govern(now, cpu, 1000), 1000);   // not a second yet
  now += 500'000'000, cpu += 500'000'000;
  EXPECT_EQ(governor.govern(now, cpu, 1000), 450);    // 100 % used: half, and a tenth of reserve
  now += 1'000'000'000, cpu += 1'000'000'000;
  EXPECT_EQ(governor.govern(now, cpu, 1), 1);
}

// Half of the looks are at deep stacks and last 15 ms: at 100 Hz the next tick would be lost after just those.
TEST(Governor, LooksFitIntoAPeriod) {
  Governor governor(50);
  std::uint64_t now = kStart;
  EXPECT_EQ(governor.govern(now, 0, 100), 100);
  const auto looked = [&](std::uint64_t ns) { governor.looked(ns, ns); };
  for (int i = 0; i < 40; ++i) looked(i % 2 ? 15'000'000 : 50'000);
  const double slower = governor.govern(now += 1'000'000'000, 0, 100);
  EXPECT_LE(slower, 53);
  EXPECT_GE(slower, 40);
  for (int i = 0; i < 40; ++i) looked(i % 2 ? 15'000'000 : 50'000);
  EXPECT_EQ(governor.govern(now += 1'000'000'000, 0, slower), slower);
  // One that was kept from its processor once is no reason.
  for (int i = 0; i < 99; ++i) looked(i == 7 ? 300'000'000 : 50'000);
  EXPECT_EQ(governor.govern(now += 1'000'000'000, 0, slower), slower);
  // Nor are looks that all wait for a processor and do little; but where deep ones do much, waiting makes them longer still.
  for (int i = 0; i < 40; ++i) governor.looked(15'000'000, 50'000 + i);
  EXPECT_EQ(governor.govern(now += 1'000'000'000, 0, slower), slower);
  for (int i = 0; i < 40; ++i) governor.looked(i % 2 ? 40'000'000 : 1'000'000, i % 2 ? 2'000'000 : 50'000);
  EXPECT_LT(governor.govern(now += 1'000'000'000, 0, slower), slower);
}

// The clock of a thread's processor time is a system call: it is asked only while looks are long.
TEST(Governor, LooksAreMeasuredOnceOneWasLong) {
  Governor governor(50);
  std::uint64_t now = kStart;
  EXPECT_EQ(governor.govern(now, 0, 100), 100);
  EXPECT_FALSE(governor.measures());
  for (int i = 0; i < 100; ++i) governor.looked(2'000'000);
  EXPECT_EQ(governor.govern(now += 1'000'000'000, 0, 100), 100);
  EXPECT_FALSE(governor.measures());
  governor.looked(15'000'000);
  EXPECT_EQ(governor.govern(now += 1'000'000'000, 0, 100), 100);   // whether it waited or worked is not known yet
  EXPECT_TRUE(governor.measures());
  for (int i = 0; i < 40; ++i) governor.looked(15'000'000, 15'000'000);
  EXPECT_LT(governor.govern(now += 1'000'000'000, 0, 100), 100);
  EXPECT_TRUE(governor.measures());
  for (int i = 0; i < 40; ++i) governor.looked(100'000, 100'000);
  EXPECT_EQ(governor.govern(now += 1'000'000'000, 0, 50), 50);
  EXPECT_FALSE(governor.measures());
}

}  // namespace
}  // namespace sampan

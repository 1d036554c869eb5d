#include "samplers/tiers/tick_budget.hpp"

#include <gtest/gtest.h>

#include <map>
#include <thread>
#include <vector>

namespace sampan {
namespace {

using std::chrono::milliseconds;

struct Looked {
  std::map<pid_t, int> threads;
  std::vector<int> seen;
  explicit Looked(int count) {
    for (int i = 0; i < count; ++i) threads[100 + i] = i;
  }
  std::size_t take(TickBudget& budget, bool alone, milliseconds each) {
    return budget.take(threads, TickBudget::Clock::now(), alone, [&](int thread) {
      seen.push_back(thread);
      if (each.count() > 0) std::this_thread::sleep_for(each);
    });
  }
};

TEST(TickBudget, EveryThreadOnceWhereAllAreQuick) {
  TickBudget budget;
  Looked looked(1000);
  EXPECT_EQ(looked.take(budget, false, milliseconds(0)), 0u);
  EXPECT_EQ(looked.seen.size(), 1000u);
  EXPECT_FALSE(budget.rests(TickBudget::Clock::now() + milliseconds(1)));
}

TEST(TickBudget, OneThatTakesLongIsBrokenOffAndGoesOnWhereItWas) {
  TickBudget budget;
  Looked looked(8);
  std::size_t left = looked.take(budget, true, milliseconds(40));
  const std::size_t first = looked.seen.size();
  EXPECT_LE(first, 4u);
  EXPECT_EQ(first + left, 8u);
  looked.take(budget, true, milliseconds(40));
  for (std::size_t i = 0; i < looked.seen.size(); ++i) EXPECT_EQ(looked.seen[i], static_cast<int>(i % 8));
  EXPECT_FALSE(budget.rests(TickBudget::Clock::now()));   // alone, nobody waits for it
}

TEST(TickBudget, AmongOthersItRestsFourTimesAsLong) {
  TickBudget budget;
  Looked looked(2);
  const auto begun = TickBudget::Clock::now();
  looked.take(budget, false, milliseconds(20));
  EXPECT_TRUE(budget.rests(begun + milliseconds(40 + 140)));
  EXPECT_FALSE(budget.rests(TickBudget::Clock::now() + 5 * (TickBudget::Clock::now() - begun)));
}

// A stack that is slow to look at must not be rarer than one that is not: the rest is the same after both.
TEST(TickBudget, ItRestsAsLongAfterAQuickLook) {
  TickBudget budget;
  Looked looked(2);
  looked.take(budget, false, milliseconds(20));
  const auto begun = TickBudget::Clock::now();
  looked.take(budget, false, milliseconds(0));
  EXPECT_TRUE(budget.rests(begun + milliseconds(120)));
  for (int look = 0; look < 100; ++look) looked.take(budget, false, milliseconds(0));
  EXPECT_FALSE(budget.rests(TickBudget::Clock::now() + milliseconds(100)));   // quick for long: at most as after 20 ms
}

TEST(TickBudget, OneSlowLookAmongQuickOnesIsNoReason) {
  TickBudget budget;
  Looked quick(2), slow(1);
  for (int look = 0; look < 10; ++look) quick.take(budget, false, milliseconds(0));
  slow.take(budget, false, milliseconds(60));
  EXPECT_FALSE(budget.rests(TickBudget::Clock::now()));
}

TEST(TickBudget, NoThreads) {
  TickBudget budget;
  Looked looked(0);
  EXPECT_EQ(looked.take(budget, false, milliseconds(0)), 0u);
}

}  // namespace
}  // namespace sampan

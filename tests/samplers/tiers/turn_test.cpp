#include "samplers/tiers/turn.hpp"

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
  std::size_t take(Turn& turn, bool alone, milliseconds each) {
    return turn.take(threads, Turn::Clock::now(), alone, [&](int thread) {
      seen.push_back(thread);
      if (each.count() > 0) std::this_thread::sleep_for(each);
    });
  }
};

TEST(Turn, EveryThreadOnceWhereAllAreQuick) {
  Turn turn;
  Looked looked(1000);
  EXPECT_EQ(looked.take(turn, false, milliseconds(0)), 0u);
  EXPECT_EQ(looked.seen.size(), 1000u);
  EXPECT_FALSE(turn.rests(Turn::Clock::now() + milliseconds(1)));
}

TEST(Turn, OneThatTakesLongIsBrokenOffAndGoesOnWhereItWas) {
  Turn turn;
  Looked looked(8);
  std::size_t left = looked.take(turn, true, milliseconds(40));
  const std::size_t first = looked.seen.size();
  EXPECT_LE(first, 4u);
  EXPECT_EQ(first + left, 8u);
  looked.take(turn, true, milliseconds(40));
  for (std::size_t i = 0; i < looked.seen.size(); ++i) EXPECT_EQ(looked.seen[i], static_cast<int>(i % 8));
  EXPECT_FALSE(turn.rests(Turn::Clock::now()));   // alone, nobody waits for it
}

TEST(Turn, AmongOthersItRestsFourTimesAsLong) {
  Turn turn;
  Looked looked(2);
  const auto begun = Turn::Clock::now();
  looked.take(turn, false, milliseconds(20));
  EXPECT_TRUE(turn.rests(begun + milliseconds(40 + 140)));
  EXPECT_FALSE(turn.rests(Turn::Clock::now() + 5 * (Turn::Clock::now() - begun)));
}

TEST(Turn, NoThreads) {
  Turn turn;
  Looked looked(0);
  EXPECT_EQ(looked.take(turn, false, milliseconds(0)), 0u);
}

}  // namespace
}  // namespace sampan

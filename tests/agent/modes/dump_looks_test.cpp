// Which look of a dump is shown, where a lock changes hands between two threads.
#include "agent/modes/dump_looks.hpp"

#include <gtest/gtest.h>

#include "samplers/sampler.hpp"

namespace sampan {
namespace {

class DumpLooksTest : public testing::Test {
 protected:
  DumpLooksTest() : report_() {
    report_.id.pid = 7;
    report_.tier = "memory";
    report_.runtime = "python";
  }
  // One thread is seen in a function, with the lock or without.
  void see(std::uint32_t tid, std::string_view function, bool holds) {
    std::vector<FrameId> stack{profile_.intern({FrameKind::Process, "p", {}, 7}), profile_.intern({FrameKind::Thread, "t", {}, tid})};
    if (holds) stack.push_back(profile_.intern({FrameKind::Note, kHoldsLock, {}}));
    stack.push_back(profile_.intern({FrameKind::Python, function, {}}));
    profile_.add(stack, 1);
  }
  bool take(bool whole = true) { return looks_.take({report_}, whole); }
  // `function*` where it holds the lock, of all that is shown.
  std::vector<std::string> shown() {
    looks_.keep_shown();
    std::vector<std::string> texts;
    std::vector<FrameId> stack;
    for (NodeId id = 1; id < profile_.nodes().size(); ++id) {
      if (profile_.nodes()[id].self == 0) continue;
      profile_.stack(id, stack);
      texts.push_back(std::string(profile_.frame(stack.back()).name) + (profile_.frame(stack[2]).kind == FrameKind::Note ? "*" : ""));
    }
    return texts;
  }

  Profile profile_;
  ProcessReport report_;
  DumpLooks looks_{profile_};
};

TEST_F(DumpLooksTest, OneHolderIsShownAtOnce) {
  see(1, "a", true), see(2, "b", false);
  EXPECT_TRUE(take());
  EXPECT_EQ(shown(), (std::vector<std::string>{"a*", "b"}));
}

TEST_F(DumpLooksTest, TwoHoldersOrNoneAreLookedAtAgain) {
  see(1, "a", true), see(2, "b", true);
  EXPECT_FALSE(take());
  see(1, "a", false), see(2, "b", false);
  EXPECT_FALSE(take());
  see(1, "c", false), see(2, "b", true);
  EXPECT_TRUE(take());
  EXPECT_EQ(shown(), (std::vector<std::string>{"b*", "c"}));
}

TEST_F(DumpLooksTest, WhereNobodyHoldsItThatIsShownSoon) {
  for (int look = 1; look <= 3; ++look) {
    see(1, "a", false);
    EXPECT_EQ(take(), look == 3);
  }
  EXPECT_EQ(shown(), (std::vector<std::string>{"a"}));
}

TEST_F(DumpLooksTest, SeveralLocksHaveSeveralHolders) {
  int looks = 0;
  do see(1, "a", true), see(2, "b", true);
  while (++looks < 100 && !take());
  EXPECT_EQ(looks, 20);
  EXPECT_EQ(shown().size(), 2u);
}

TEST_F(DumpLooksTest, ACrowdIsShownInPieces) {
  see(1, "a", true);
  EXPECT_FALSE(take(false));
  see(1, "b", false), see(2, "c", false);
  EXPECT_TRUE(take());
  EXPECT_EQ(shown(), (std::vector<std::string>{"a*", "c"}));
}

TEST_F(DumpLooksTest, WithoutALockTheFirstLookIsShown) {
  report_.runtime = "native";
  see(1, "a", false);
  EXPECT_TRUE(take());
}

}  // namespace
}  // namespace sampan

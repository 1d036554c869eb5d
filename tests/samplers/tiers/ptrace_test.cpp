// The ptrace tier on real children: nothing is lost, nothing stays stopped, what others hold is left alone.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "native_target.hpp"
#include "samplers/base/clock.hpp"
#include "samplers/tiers/stop.hpp"

namespace sampan {
namespace {

volatile std::uint64_t sink_;

__attribute__((noinline)) void ptrace_test_spin() {
  while (true) sink_ = sink_ * 31 + 7;
}

struct Shared {
  std::atomic<int> signals{0};
  std::atomic<int> ready{0};
};

Shared* make_shared_page() {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return new (page) Shared;
}
Shared* shared_ = make_shared_page();

char state_of(pid_t pid) { return read_stat(pid).value_or(ProcessStat{}).state; }

template <typename Condition>
bool wait_until(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

class PtraceTier : public testing::Test {
 protected:
  Profile profile_;
  Options options_;
  Context context_{profile_, options_, {}};
  std::unique_ptr<Sampler> tier_ = open_ptrace_tier(context_);

  void tick_until(const std::function<bool(const Quality&)>& enough) {
    const bool reached = wait_until([&] {
      tier_->tick();
      return enough(tier_->quality());
    });
    EXPECT_TRUE(reached);
  }
};

TEST_F(PtraceTier, WholeStacksOfARunningChild) {
  Child child(ptrace_test_spin);
  ASSERT_TRUE(tier_->add(target_of(child.pid(), context_)));
  tick_until([](const Quality& q) { return q.taken >= 20; });
  tier_->finish();
  profile_.settle();
  const Quality& quality = tier_->quality();
  EXPECT_EQ(quality.truncated, 0u);
  EXPECT_EQ(weight_with(profile_, "ptrace_test_spin"), profile_.total());
  EXPECT_EQ(weight_with(profile_, "main"), profile_.total());
  EXPECT_NE(state_of(child.pid()), 't');
}

TEST_F(PtraceTier, EverySignalArrives) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer's runtime merges queued signals of one number and holds them back in a loop";
#endif
  shared_->signals = 0;
  shared_->ready = 0;
  Child child([] {
    struct sigaction action {};
    action.sa_handler = [](int) { ++shared_->signals; };
    sigaction(SIGRTMIN, &action, nullptr);   // queued, so that each one counts
    shared_->ready = 1;
    ptrace_test_spin();
  });
  ASSERT_TRUE(wait_until([] { return shared_->ready.load() == 1; }));
  ASSERT_TRUE(tier_->add(target_of(child.pid(), context_)));
  int sent = 0;
  tick_until([&](const Quality& q) {
    for (int i = 0; i < 3; ++i) sent += sigqueue(child.pid(), SIGRTMIN, {}) == 0;
    return q.taken >= 100;
  });
  EXPECT_TRUE(wait_until([&] { return shared_->signals.load() == sent; })) << shared_->signals << " of " << sent;
}

TEST_F(PtraceTier, WhatJobControlStoppedStaysStopped) {
  Child child(ptrace_test_spin);
  ASSERT_TRUE(tier_->add(target_of(child.pid(), context_)));
  kill(child.pid(), SIGSTOP);
  ASSERT_TRUE(wait_until([&] { return state_of(child.pid()) == 'T'; }));
  // Its run time changed since the last look; its state tells.
  tick_until([](const Quality& q) { return q.wanted >= 5; });
  EXPECT_EQ(state_of(child.pid()), 'T');
  EXPECT_EQ(tier_->quality().taken, 0u);
  // A race, made on purpose: it is stopped by the time that it is seized.
  LiveMemory memory(child.pid());
  StackCapture capture;
  EXPECT_EQ(Tracer().capture(child.pid(), memory, 1'000'000'000, capture), Stopped::GroupStop);
  EXPECT_TRUE(wait_until([&] { return state_of(child.pid()) == 'T'; }));   // it passes through R
  kill(child.pid(), SIGCONT);
  tick_until([](const Quality& q) { return q.taken >= 3; });
}

TEST_F(PtraceTier, ADebuggersThreadIsLeftAlone) {
  shared_->ready = 0;
  Child child(ptrace_test_spin);
  Child debugger([&] {
    if (ptrace(PTRACE_SEIZE, child.pid(), nullptr, nullptr) == 0) shared_->ready = 1;
    while (true) pause();
  });
  ASSERT_TRUE(wait_until([] { return shared_->ready.load() == 1; }));
  ASSERT_TRUE(tier_->add(target_of(child.pid(), context_)));
  tick_until([](const Quality& q) { return q.traced >= 3; });
  EXPECT_EQ(tier_->quality().taken, 0u);
}

TEST_F(PtraceTier, AnEndedChildIsNoError) {
  Child child(ptrace_test_spin);
  ASSERT_TRUE(tier_->add(target_of(child.pid(), context_)));
  tick_until([](const Quality& q) { return q.taken >= 1; });
  kill(child.pid(), SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT), 0);   // a zombie
  for (int i = 0; i < 5; ++i) tier_->tick();
  tier_->finish();
  profile_.settle();
  EXPECT_GT(weight_with(profile_, "ptrace_test_spin"), 0u);
}

TEST_F(PtraceTier, ASleepingChildIsSeenWithoutAStop) {
  options_.exclude_idle = false;
  Child child([] {
    while (true) pause();
  });
  ASSERT_TRUE(wait_until([&] { return state_of(child.pid()) == 'S'; }));
  ASSERT_TRUE(tier_->add(target_of(child.pid(), context_)));
  tick_until([](const Quality& q) { return q.taken >= 3; });
  tier_->finish();
  profile_.settle();
  EXPECT_GT(weight_with(profile_, "pause"), 0u);
  EXPECT_EQ(weight_with(profile_, "pause"), weight_of_child(profile_));
}

// Seized while it waits in vfork for its child, where nothing stops it: its stop comes when that child ends.
TEST_F(PtraceTier, ALateStopIsLetGoAtOnce) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer makes vfork a fork, which nobody waits for";
#endif
  shared_->ready = 0;
  Child child([] {
    while (true) {
      if (vfork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);   // it would outlive the test, and hold its output open
        shared_->ready = 1;
        while (shared_->ready.load() != 2) usleep(1000);
        _exit(0);
      }
      ptrace_test_spin();
    }
  });
  ASSERT_TRUE(wait_until([&] { return shared_->ready.load() == 1 && state_of(child.pid()) == 'D'; }));
  LiveMemory memory(child.pid());
  StackCapture capture;
  Tracer tracer;
  EXPECT_EQ(tracer.capture(child.pid(), memory, 50'000'000, capture), Stopped::Late);
  EXPECT_TRUE(tracer.is_late(child.pid()));
  EXPECT_FALSE(tracer.settle());
  EXPECT_FALSE(tracer.settle(now_ns() + 20'000'000));
  EXPECT_EQ(tracer.stops().count(), 0u);
  std::thread soon([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    shared_->ready = 2;
  });
  const bool settled = tracer.settle(now_ns() + 30'000'000'000);
  soon.join();
  EXPECT_TRUE(settled);
  EXPECT_EQ(tracer.stops().count(), 1u);
  EXPECT_LT(tracer.stops().most_ns(), 100'000'000u);   // of the stop, not of the wait for it
  EXPECT_TRUE(wait_until([&] { return state_of(child.pid()) == 'R'; }));
}

// Agents that are killed at any moment leave the target running.
TEST_F(PtraceTier, AKilledAgentLeavesTheTargetRunning) {
  Child child(ptrace_test_spin);
  ASSERT_TRUE(wait_until([&] { return state_of(child.pid()) == 'R'; }));
  for (int round = 0; round < 30; ++round) {
    shared_->ready = 0;
    Child agent([&] {
      LiveMemory memory(child.pid());
      StackCapture capture;
      capture.buffer.resize(65536);
      shared_->ready = 1;
      Tracer tracer;
      while (true) tracer.capture(child.pid(), memory, 1'000'000'000, capture);
    });
    ASSERT_TRUE(wait_until([] { return shared_->ready.load() == 1; }));
    std::this_thread::sleep_for(std::chrono::microseconds(500 + 137 * round));
  }
  Thread thread(child.pid(), child.pid());
  const auto before = thread.schedstat().ran;
  EXPECT_TRUE(wait_until([&] { return thread.schedstat().ran > before; }));
  EXPECT_EQ(state_of(child.pid()), 'R');
}

}  // namespace
}  // namespace sampan

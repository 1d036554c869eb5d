// The ebpf tier on real children; skipped where the kernel does not allow it, with the tier's own sentence.
#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "native_target.hpp"

namespace sampan {
namespace {

volatile std::uint64_t sink_;

__attribute__((noinline)) void ebpf_test_spin() {
  while (true) sink_ = sink_ * 31 + 7;
}

__attribute__((noinline)) void ebpf_test_nap(long milliseconds) {
  const timespec time{0, milliseconds * 1'000'000};
  nanosleep(&time, nullptr);
  sink_ = sink_ + 1;
}

class EbpfTier : public testing::Test {
 protected:
  Profile profile_;
  Options options_;
  Context context_{profile_, options_, {}};
  std::unique_ptr<Sampler> tier_;

  void open(Event event) {
    options_.event = event;
    options_.rate = 1000;
    auto tier = open_ebpf_tier(context_);
    if (!tier) GTEST_SKIP() << tier.error().message;
    tier_ = std::move(*tier);
  }

  bool tick_until(const std::function<bool()>& enough) {
    for (int i = 0; i < 2000; ++i) {
      tier_->tick();
      if (enough()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
};

TEST_F(EbpfTier, WholeStacksOfARunningChild) {
  open(Event::Cpu);
  if (!tier_) return;
  Child child(ebpf_test_spin);
  ASSERT_TRUE(tier_->add(target_of(child.pid(), context_)));
  EXPECT_TRUE(tick_until([&] { return tier_->quality().taken >= 50; }));
  tier_->finish();
  profile_.settle();
  EXPECT_EQ(tier_->quality().truncated, 0u);
  EXPECT_EQ(weight_with(profile_, "ebpf_test_spin"), profile_.total());
  EXPECT_EQ(weight_with(profile_, "main"), profile_.total());
}

TEST_F(EbpfTier, AForkedChildCountsFromItsStart) {
  open(Event::Cpu);
  if (!tier_) return;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  Child parent([&] {
    sleep(1);
    const pid_t forked = fork();
    if (forked == 0) ebpf_test_spin();
    if (write(ready[1], &forked, sizeof forked) != sizeof forked) _exit(1);
    while (true) pause();
  });
  ASSERT_TRUE(tier_->add(target_of(parent.pid(), context_)));
  pid_t forked = 0;
  ASSERT_EQ(read(ready[0], &forked, sizeof forked), static_cast<ssize_t>(sizeof forked));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));   // what it does meanwhile is kept
  tier_->tick();
  const std::uint64_t before = tier_->quality().taken;
  ASSERT_TRUE(tier_->add(target_of(forked, context_)));
  EXPECT_GT(tier_->quality().taken, before);
  tier_->finish();
  profile_.settle();
  EXPECT_GT(weight_with(profile_, "ebpf_test_spin"), 0u);
  kill(forked, SIGKILL);
}

TEST_F(EbpfTier, TimeOffTheProcessorByStack) {
  open(Event::OffCpu);
  if (!tier_) return;
  Child child([] {
    while (true) ebpf_test_nap(20);
  });
  ASSERT_TRUE(tier_->add(target_of(child.pid(), context_)));
  const auto start = std::chrono::steady_clock::now();
  tick_until([&] { return std::chrono::steady_clock::now() - start > std::chrono::seconds(1); });
  const auto elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  tier_->finish();
  profile_.settle();
  const auto napped = static_cast<double>(weight_with(profile_, "ebpf_test_nap")) / 1e9;
  EXPECT_GT(napped, 0.97 * static_cast<double>(weight_of_child(profile_)) / 1e9);
  EXPECT_GT(napped, 0.75 * elapsed);   // the rest: waiting for a processor, on a busy machine
  EXPECT_LT(napped, 1.1 * elapsed + 0.2);
}

}  // namespace
}  // namespace sampan

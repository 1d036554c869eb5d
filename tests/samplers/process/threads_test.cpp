// Whether a thread ran, as /proc tells it: never "idle" of one that runs, proven idle of one that sleeps.
#include "samplers/process/threads.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <thread>

namespace sampan {
namespace {

class Forked {
 public:
  explicit Forked(bool runs) : pid_(fork()) {
    if (pid_ != 0) return;
    volatile unsigned long turns = 0;
    while (runs) turns = turns + 1;
    while (true) pause();
  }
  ~Forked() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

bool wait_until(const auto& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

// Its run time in schedstat stands still from one tick of the kernel to the next: looks that follow each other faster
// than that must not take it for idle.
TEST(Thread, ThatRunsIsNeverIdleHoweverOftenItIsLookedAt) {
  const Forked child(true);
  Thread thread(child.pid(), child.pid());
  ASSERT_TRUE(wait_until([&] { return thread.runs(); }));
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_FALSE(thread.unchanged()) << "look " << i;
    ASSERT_TRUE(thread.runs()) << "look " << i;
  }
  EXPECT_EQ(thread.state(), 'R');
}

TEST(Thread, TellsItsProcessor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  const int here = sched_getcpu();
  CPU_SET(here, &one);
  const Forked child(true);
  ASSERT_EQ(sched_setaffinity(child.pid(), sizeof one, &one), 0);
  Thread thread(child.pid(), child.pid());
  EXPECT_TRUE(wait_until([&] { return thread.state() == 'R' && thread.processor() == here; }));
  Thread gone(0x7ffffff0, 0x7ffffff0);
  EXPECT_EQ(gone.state(), '\0');
  EXPECT_EQ(gone.processor(), -1);
}

TEST(Thread, ThatSleepsIsIdleUntilItRuns) {
  const Forked child(false);
  Thread thread(child.pid(), child.pid());
  EXPECT_FALSE(thread.unchanged());   // nothing is known yet
  ASSERT_TRUE(wait_until([&] { return !thread.runs() && thread.unchanged(); }));
  EXPECT_TRUE(thread.unchanged());
  EXPECT_EQ(thread.state(), 'S');
  kill(child.pid(), SIGSTOP), kill(child.pid(), SIGCONT);
  EXPECT_TRUE(wait_until([&] { return !thread.unchanged(); }));
}

TEST(Thread, ThatIsGoneDoesNotRun) {
  auto child = std::make_unique<Forked>(true);
  Thread thread(child->pid(), child->pid());
  ASSERT_TRUE(wait_until([&] { return thread.schedstat().ran > 0; }));
  child.reset();
  EXPECT_FALSE(thread.runs());
  EXPECT_EQ(thread.state(), 0);
  EXPECT_EQ(thread.schedstat().ran, 0u);
}

}  // namespace
}  // namespace sampan

#include "agent/target/pids.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "agent/target/discovery.hpp"
#include "fake_proc.hpp"
#include "samplers/process/identity.hpp"

namespace sampan {
namespace {

using testing::HasSubstr;

TEST(Pids, EachKindOfNumberHasItsSentence) {
  FakeProc proc;
  proc.process(10, "shop");
  proc.put("11/status", "Name:\tshop\nTgid:\t10\nPid:\t11\n");
  proc.process(12, "", 100, 0, 'Z');
  proc.process(13, "");
  EXPECT_EQ(process_of(10, proc.root()), 10);
  EXPECT_EQ(process_of(11, proc.root()), 10);
  EXPECT_EQ(process_of(99, proc.root()), 0);
  const auto why = [&](pid_t pid) { return why_no_process(pid, proc.root()); };
  EXPECT_THAT(why(11).message, HasSubstr("thread of process 10: give pid 10"));
  EXPECT_EQ(why(11).code, Exit::NoTarget);
  EXPECT_THAT(why(12).message, HasSubstr("zombie"));
  EXPECT_EQ(why(12).code, Exit::TargetEnded);
  EXPECT_THAT(why(13).message, HasSubstr("kernel thread"));
  EXPECT_EQ(why(13).code, Exit::CannotSample);
  EXPECT_THAT(why(99).message, HasSubstr("no process has the pid 99"));
  EXPECT_EQ(why(99).code, Exit::NoTarget);
}

// By the kernel's own /proc: it shows a thread's folder to who asks for it.
TEST(Pids, AThreadIsNoTarget) {
  pid_t tid = 0;
  std::thread thread([&] {
    tid = ::gettid();
    TargetKeys keys;
    keys.pids = {tid};
    EXPECT_TRUE(Discovery::open(keys)->look().empty());
    EXPECT_THAT(Discovery::open(keys)->nobody().message, HasSubstr("give pid " + std::to_string(::getpid())));
  });
  thread.join();
  EXPECT_NE(tid, 0);
}

TEST(Pids, AZombieIsSaidToBeOne) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  TargetKeys keys;
  keys.pids = {child};
  EXPECT_TRUE(Discovery::open(keys)->look().empty());
  EXPECT_EQ(Discovery::open(keys)->nobody().code, Exit::TargetEnded);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace sampan

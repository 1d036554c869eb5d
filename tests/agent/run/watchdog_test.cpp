#include "agent/run/watchdog.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace sampan {
namespace {

std::string status(unsigned long long own, unsigned long long forced) {
  return "Name:\tx\nvoluntary_ctxt_switches:\t" + std::to_string(own) + "\nnonvoluntary_ctxt_switches:\t" + std::to_string(forced) + "\n";
}

TEST(Watchdog, OnlyReadsOfATargetCount) {
  WaitingRead read;
  EXPECT_TRUE(parse_waiting_read(std::to_string(SYS_process_vm_readv) + " 0x1 0x2 0x7ff 0x4", status(40, 2), read));
  EXPECT_EQ(read.waits, 42u);
  EXPECT_FALSE(parse_waiting_read("running\n", status(1, 1), read));
  EXPECT_FALSE(parse_waiting_read(std::to_string(SYS_write) + " 0x1", status(1, 1), read));            // a reader of the log that is slow
  EXPECT_FALSE(parse_waiting_read(std::to_string(SYS_clock_nanosleep) + " 0x1", status(1, 1), read));  // between two ticks
  EXPECT_FALSE(parse_waiting_read("", "", read));
  EXPECT_FALSE(parse_waiting_read(std::to_string(SYS_pread64) + " 0x1", "Name:\tx\n", read));
}

TEST(Watchdog, ComesAndGoes) {
  int done = 0;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(run_watched([&] { ++done; }), Watched::Completed);
  EXPECT_EQ(done, 100);
}

}  // namespace
}  // namespace sampan

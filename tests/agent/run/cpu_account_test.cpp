#include "agent/run/cpu_account.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "../target/fake_proc.hpp"

namespace sampan {
namespace {

class CpuAccountTest : public testing::Test {
 protected:
  void put(int pid, int parent, int own, int children) {
    std::string stat = std::to_string(pid) + " (x) R " + std::to_string(parent);
    for (int field = 5; field <= 13; ++field) stat += " 0";
    stat += " " + std::to_string(own) + " 0 " + std::to_string(children) + " 0 20 0 1 0 100";
    proc_.put(std::to_string(pid) + "/stat", stat + "\n");
  }
  static ProcessReport sampled(int pid) {
    ProcessReport report;
    report.id = {pid, 100};
    report.tier = "memory";
    return report;
  }
  FakeProc proc_;
  const double tick_ = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
};

TEST_F(CpuAccountTest, WhatTargetsAndWhatTheyStartedUsedMeanwhile) {
  put(10, 1, 50, 7);
  put(11, 10, 100, 0);   // a child
  put(20, 1, 500, 0);    // nobody's
  CpuAccount account(proc_.root());
  account.start();
  put(10, 1, 90, 10);    // 40 of its own, 3 of a child that has ended
  put(11, 10, 160, 0);
  put(12, 11, 5, 0);     // a grandchild that came
  put(20, 1, 900, 0);
  const CpuUse use = account.use_of({sampled(10)});
  EXPECT_DOUBLE_EQ(use.targets, 40 * tick_);
  EXPECT_DOUBLE_EQ(use.children, (60 + 5 + 3) * tick_);
  const CpuUse both = account.use_of({sampled(10), sampled(11)});
  EXPECT_DOUBLE_EQ(both.targets, 100 * tick_);
  EXPECT_DOUBLE_EQ(both.children, 8 * tick_);
}

}  // namespace
}  // namespace sampan

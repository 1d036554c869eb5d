#include "agent/run/budget.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>
#include <vector>

#include "tests/agent/target/fake_proc.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

TEST(Budget, NearFromHalfOn) {
  const MemoryBudget budget{100 * kMegabyte};
  EXPECT_FALSE(budget.near(49 * kMegabyte, 0));
  EXPECT_TRUE(budget.near(51 * kMegabyte, 0));
}

TEST(Budget, WhatTheKernelHoldsCounts) {
  const MemoryBudget budget{100 * kMegabyte};
  EXPECT_FALSE(budget.near(40 * kMegabyte, 40 * kMegabyte));   // given back before anything is drawn
  EXPECT_TRUE(budget.near(40 * kMegabyte, 50 * kMegabyte));
}

TEST(Budget, AsAskedElseByTheCgroup) {
  EXPECT_EQ(memory_budget(48).most, 48 * kMegabyte);
  EXPECT_GE(memory_budget(0).most, 32 * kMegabyte);
  EXPECT_LE(memory_budget(0).most, 1024 * kMegabyte);
}

TEST(Budget, TheLeastLimitUpTheTree) {
  FakeProc files;
  files.put("kubepods/memory.max", "500000000\n");
  files.put("kubepods/pod1/memory.max", "268435456\n");
  files.put("kubepods/pod1/abc/memory.max", "max\n");
  EXPECT_EQ(cgroup_memory_limit("0::/kubepods/pod1/abc\n", files.root()), 268435456u);
  EXPECT_EQ(cgroup_memory_limit("0::/../../elsewhere\n", files.root()), 0u);
  EXPECT_EQ(cgroup_memory_limit("nonsense\n::\n", files.root()), 0u);
}

TEST(Budget, InAContainerThePathIsTheHostsAndTheMountItsOwn) {
  FakeProc v2, v1;
  v2.put("memory.max", "134217728\n");
  EXPECT_EQ(cgroup_memory_limit("0::/\n", v2.root()), 134217728u);
  v1.put("memory/memory.limit_in_bytes", "134217728\n");
  EXPECT_EQ(cgroup_memory_limit("5:cpu,cpuacct:/x\n4:memory:/docker/0123\n", v1.root()), 134217728u);
  v1.put("memory/memory.limit_in_bytes", "9223372036854771712\n");   // v1's "none"
  EXPECT_EQ(cgroup_memory_limit("4:memory:/docker/0123\n", v1.root()), 0u);
}

TEST(Budget, AllocationsBeyondItFail) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer maps more than any budget";
#endif
  const pid_t child = ::fork();
  if (child == 0) {
    enforce({64 * kMegabyte});
    try {
      std::vector<char> large(128 * kMegabyte, 1);
      ::_exit(large.empty() ? 2 : 1);
    } catch (const std::bad_alloc&) {
      ::_exit(0);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(Budget, DescriptorsToTheHardLimit) {
  raise_descriptors();
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  EXPECT_EQ(files.rlim_cur, files.rlim_max);
  EXPECT_GT(resident_bytes(), kMegabyte / 2);
}

}  // namespace
}  // namespace sampan

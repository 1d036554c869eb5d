#include "agent/run/cgroups.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sampan {
namespace {

namespace fs = std::filesystem;

// A mount of /sys/fs/cgroup, laid out as kernels lay it.
class Cgroups_ : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(mount_); }
  void TearDown() override { fs::remove_all(mount_); }
  void put(const std::string& path, const std::string& text) {
    const fs::path file = mount_ / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  CgroupCounts read(const std::string& text) { return Cgroup(text, -1, mount_).read(); }
  const fs::path mount_ = fs::temp_directory_path() / ("sampan-cgroups-" + std::to_string(::getpid()));
};

TEST_F(Cgroups_, Version2) {
  const std::string pod = "kubepods.slice/pod1/c1";
  put("cgroup.controllers", "cpuset cpu io memory pids\n");
  put(pod + "/cgroup.events", "populated 1\nfrozen 0\n");
  put(pod + "/cpu.max", "20000 100000\n");
  put(pod + "/cpu.stat", "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 120\nnr_throttled 90\nthrottled_usec 7400000\nnr_bursts 0\n");
  put(pod + "/memory.max", "max\n");
  put("kubepods.slice/pod1/memory.max", "1048576\n");
  put("kubepods.slice/pod1/memory.current", "524288\n");
  put("kubepods.slice/pod1/memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n");
  put(pod + "/cpu.pressure", "some avg10=81.20 avg60=30.10 avg300=8.00 total=9000001\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
  const CgroupCounts c = read("0::/" + pod + "\n");
  EXPECT_EQ(c.periods, 120);
  EXPECT_EQ(c.throttled, 90);
  EXPECT_EQ(c.throttled_ns, 7'400'000'000);
  EXPECT_EQ(c.cpu_ns, 2'500'000'000);
  EXPECT_EQ(c.cpus_quota_milli, 200);
  EXPECT_EQ(c.memory, 524'288);           // of the level that has the limit
  EXPECT_EQ(c.memory_limit, 1'048'576);
  EXPECT_EQ(c.oom_kills, 2);
  EXPECT_EQ(c.cpu_pressure_us, 9'000'001);
  EXPECT_EQ(c.io_pressure_us, -1);        // a kernel without
}

TEST_F(Cgroups_, Version1) {
  put("cpu/a/b/cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 123456789\n");
  put("cpu/a/b/cpu.cfs_quota_us", "-1\n");
  put("cpu/a/cpu.cfs_quota_us", "50000\n");
  put("cpu/a/cpu.cfs_period_us", "100000\n");
  put("cpu/a/cpu.stat", "nr_periods 77\nnr_throttled 7\nthrottled_time 987654321\n");
  put("cpuacct/a/b/cpuacct.usage", "4200000000\n");
  put("memory/m/memory.usage_in_bytes", "4096\n");
  put("memory/m/memory.limit_in_bytes", "9223372036854771712\n");
  put("memory/m/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
  const CgroupCounts c = read("9:name=systemd:/x\n4:memory:/m\n2:cpu,cpuacct:/a/b\n0::/\n");
  EXPECT_EQ(c.periods, 77);
  EXPECT_EQ(c.throttled_ns, 987'654'321);
  EXPECT_EQ(c.cpus_quota_milli, 500);
  EXPECT_EQ(c.cpu_ns, 4'200'000'000);
  EXPECT_EQ(c.memory, 4096);
  EXPECT_EQ(c.memory_limit, -1);          // a number that large is none
  EXPECT_EQ(c.oom_kills, 5);
}

TEST_F(Cgroups_, WithoutAQuotaNothingIsThrottled) {
  put("cgroup.controllers", "cpu\n");
  put("s/cgroup.events", "populated 1\n");
  put("s/cpu.max", "max 100000\n");
  put("s/cpu.stat", "usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n");
  const CgroupCounts c = read("0::/s\n");
  EXPECT_EQ(c.periods, -1);
  EXPECT_EQ(c.cpu_ns, 5000);
}

TEST_F(Cgroups_, WhatIsElsewhereOrBrokenIsNotKnown) {
  put("cgroup.controllers", "cpu\n");
  put("other/cpu.stat", "usage_usec 5\n");
  for (const char* text : {"0::/../other\n", "0::/gone\n", "", "garbage", "0:", "::", "1:cpu\n"}) {
    const CgroupCounts c = read(text);
    EXPECT_EQ(c.cpu_ns, -1) << text;
    EXPECT_EQ(c.throttled_ns, -1) << text;
  }
}

TEST_F(Cgroups_, SeveralAddUp) {
  CgroupCounts a, b;
  a.throttled_ns = 5;
  b.throttled_ns = 7, b.memory = 3;
  a += b;
  EXPECT_EQ(a.throttled_ns, 12);
  EXPECT_EQ(a.memory, 3);
  EXPECT_EQ(a.periods, -1);
}

}  // namespace
}  // namespace sampan

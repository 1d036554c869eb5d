// What the kernel counts of the targets' cgroups (v1 and v2): throttling, processor time, memory, pressure, OOM kills.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "samplers/base/unique_fd.hpp"

namespace sampan {

// Counters since the cgroup was made; what a kernel or cgroup does not have is -1.
struct CgroupCounts {
  std::int64_t periods = -1, throttled = -1;   // of its CPU quota
  std::int64_t throttled_ns = -1;              // summed over its processors
  std::int64_t cpu_ns = -1;
  std::int64_t memory = -1, memory_limit = -1; // bytes; the limit is none where -1
  std::int64_t oom_kills = -1;
  std::int64_t cpu_pressure_us = -1, memory_pressure_us = -1, io_pressure_us = -1;   // "some" of PSI
  std::int64_t cpus_quota_milli = -1;          // thousandths of a core

  // Several cgroups as one: counters add up, limits too, what one lacks the others tell.
  CgroupCounts& operator+=(const CgroupCounts& other);
};

// One process's cgroup, its files kept open. A quota or a limit may stand at a level above: the nearest that has one is
// taken. Where the agent's own mount does not show it (a cgroup namespace of its own), the target's does: only what the
// kernel's cgroup file systems say counts, whatever is laid there.
class Cgroup {
 public:
  // `text` is its /proc/PID/cgroup; `root` (below which /sys/fs/cgroup is looked for when `mount` has nothing) may be -1.
  Cgroup(const std::string& text, int root, const std::string& mount = "/sys/fs/cgroup");
  CgroupCounts read() const;

 private:
  struct Files {
    UniqueFd stat, usage, memory, events, pressure[3];
  };
  Files files_;
  std::int64_t quota_milli_ = -1, limit_ = -1;
  bool v1_ = false;
};

// Of all targets, each cgroup once; at most 16.
class Cgroups {
 public:
  void follow(pid_t pid);
  CgroupCounts read() const;
  bool any() const { return !cgroups_.empty(); }

 private:
  std::vector<std::string> seen_;
  std::vector<Cgroup> cgroups_;
};

}  // namespace sampan

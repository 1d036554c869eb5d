// How the targets fare, beside what their stacks say: their processor time and what the kernel counts of their cgroups.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <span>

#include "agent/run/cgroups.hpp"

namespace sampan {

struct Vitals {
  std::uint64_t at = 0;       // monotonic ns
  std::uint64_t cpu_ns = 0;   // that the targets used since the first look; in steps of the kernel's ticks (10 ms)
  CgroupCounts cgroup;
};

class VitalSigns {
 public:
  // `pids`: the targets of this moment. A process counts from the second look at it on.
  Vitals look(std::uint64_t now, std::span<const pid_t> pids);

 private:
  std::map<pid_t, std::uint64_t> ticks_;
  std::uint64_t cpu_ns_ = 0;
  Cgroups cgroups_;
};

}  // namespace sampan

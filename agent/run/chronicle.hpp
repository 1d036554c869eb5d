// Writes what happens beside the stacks into the profile's timeline, and sums it up for the result.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "agent/result/run_result.hpp"
#include "agent/run/vitals.hpp"
#include "flamegraph/profile.hpp"

namespace sampan {

class Chronicle {
 public:
  // The profile outlives it. `forgets`: it begins later and later, and what is summed up with it.
  Chronicle(Profile& profile, bool forgets) : profile_(profile), forgets_(forgets) {}

  // Lanes: the targets' processor time, what their cgroups were throttled, their memory, pressure. A mark for a kill.
  void take(const Vitals& vitals);
  // Marks who came and who ended since the last call; the first ones are there from the start. `pids`: in order.
  void note_processes(std::uint64_t at, const std::vector<ProcessReport>& reports, std::span<const pid_t> pids);
  void mark(std::uint64_t at, std::string text);
  CgroupUse use() const;
  // What the targets used since the profile's start.
  double cpu_seconds() const { return seen_.empty() ? 0 : static_cast<double>(last_.cpu_ns - seen_.front().cpu_ns) / 1e9; }

 private:
  std::uint64_t since(std::uint64_t at) const { return profile_.moments.since(at); }
  void put_cgroup(const Vitals& now, std::uint64_t at, double ns);

  Profile& profile_;
  const bool forgets_;
  std::deque<Vitals> seen_;         // the first, and, where it forgets, one a second
  Vitals last_;
  std::int64_t most_memory_ = -1;
  std::map<pid_t, std::string> processes_;
  bool begun_ = false;
};

}  // namespace sampan
